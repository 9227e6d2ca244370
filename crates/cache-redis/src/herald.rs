//! How gateways tell each other: the lease of this one, the log of evictions, and who has heard.

use crate::{
    far::Far,
    ground::Change,
    lease::{Place, Renewed},
    memory::Memory,
    registry::{Announced, Registry},
    wire::Unheard,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// How long a writer waits before it tries again what Redis has not heard.
const RETRY: Duration = Duration::from_millis(50);
/// Nodes whose acknowledgements are remembered; more are forgotten, and waited for until their leases end.
const NODES: usize = 1_024;
/// Of a lease, how much its holder uses: clocks do not run alike.
const USED: f32 = 0.9;

/// Up to where each node has applied the log.
#[derive(Debug, Default)]
struct Heard {
    nodes: Mutex<HashMap<String, Place>>,
    news: Notify,
}

impl Heard {
    fn note(&self, node: String, place: Place) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if nodes.len() >= NODES {
            nodes.clear();
        }
        let known = nodes.entry(node).or_default();
        *known = (*known).max(place);
        drop(nodes);
        self.news.notify_waiters();
    }

    fn has(&self, node: &str, place: Place) -> bool {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.get(node).is_some_and(|known| *known >= place)
    }
}

/// A change that not everybody may know of.
struct Owed {
    change: Change,
    /// From then on nobody keeps what it was to evict.
    until: Instant,
}

/// Keeps this node's word, and takes that of others.
pub(crate) struct Herald {
    pub registry: Registry,
    pub far: Far,
    memory: Arc<Memory>,
    heard: Heard,
    /// What Redis has not heard.
    owed: Mutex<Vec<Owed>>,
    /// How long anything is kept.
    ttl: Duration,
    answers: AtomicBool,
}

impl Herald {
    pub fn new(registry: Registry, far: Far, memory: Arc<Memory>, ttl: Duration) -> Self {
        let (heard, owed) = (Heard::default(), Mutex::default());
        Self { registry, far, memory, heard, owed, ttl, answers: AtomicBool::new(false) }
    }

    /// Whether Redis answered the last renewal.
    pub fn answers(&self) -> bool {
        self.answers.load(Relaxed)
    }

    /// Renews the lease, over and over.
    pub async fn keep(self: Arc<Self>) {
        let pause = self.registry.length / 4;
        loop {
            self.deliver().await;
            let sent = Instant::now();
            let renewed = self.registry.renew().await;
            let now = Instant::now();
            let answered = renewed.is_ok();
            if answered != self.answers.swap(answered, Relaxed) {
                match &renewed {
                    Ok(_) => tracing::info!("decisions are shared by way of Redis"),
                    Err(error) => tracing::warn!(
                        error = error as &dyn std::error::Error,
                        "Redis does not answer: every decision is the engine's"
                    ),
                }
            }
            if let Ok(renewal) = renewed {
                let length = self.registry.length.mul_f32(USED);
                let was = self
                    .memory
                    .lease
                    .renewed(&renewal, sent, length, now, || self.memory.near.stamps.shake_everything());
                if was == Renewed::Anew {
                    instruments::cache_lease_began();
                }
                // What ends an era is in the log before the next one begins. Whoever has not read so far may yet be
                // answered from before it, and what they share stays in the old one.
                if self.memory.lease.reading().is_some_and(|(_, applied)| renewal.end <= applied) {
                    self.far.enter(&renewal.era, sent);
                }
            }
            tokio::time::sleep_until((sent + pause).into()).await;
        }
    }

    /// Applies what others have changed, and says so.
    pub async fn listen(&self) {
        let mut acks_since = "0-0".to_owned();
        loop {
            let Some((turn, since)) = self.memory.lease.reading() else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            let Ok(news) = self.registry.read(since, &acks_since).await else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            let mut tell: HashMap<String, Place> = HashMap::new();
            for entry in news.entries {
                if *entry.node != *self.registry.node {
                    self.apply(&entry.change);
                    tell.insert(entry.node, entry.place);
                }
                self.memory.lease.applied(turn, entry.place);
            }
            for ack in news.acks {
                self.heard.note(ack.node, ack.place);
            }
            acks_since = news.acks_end.unwrap_or(acks_since);
            let told = tell.iter().map(|(node, place)| self.registry.acknowledge(node, *place));
            // Whoever does not hear of it waits until our lease would have ended.
            drop(futures::future::join_all(told).await);
        }
    }

    /// Tells every node of a change, and returns when each of them knows, or trusts nothing that it keeps.
    pub async fn tell(&self, change: &Change) {
        let began = Instant::now();
        // When Redis is away for as long, every lease has run out that was there at the first attempt.
        let mut patience = self.registry.length;
        let mut slowest = false;
        loop {
            let unheard = match self.publish(change).await {
                Ok((announced, told)) => {
                    slowest |= self.wait(&announced).await;
                    // Away from here on, Redis has a lease once more: whoever was waited for may have taken the one
                    // that there was.
                    patience = self.registry.length * 2;
                    self.replace_again(&told).await
                }
                Err(error) => Err(error),
            };
            // What gives somebody more needs no waiting: nothing that is kept has become wrong.
            let enough = !change.takes_away || began.elapsed() >= patience;
            if let Err(error) = &unheard
                && !enough
            {
                tracing::debug!(error = error as &dyn std::error::Error, "an eviction is tried again");
                tokio::time::sleep(RETRY).await;
                continue;
            }
            if let Err(error) = unheard {
                self.owe(change, &error);
            }
            instruments::cache_told(slowest, began.elapsed());
            return;
        }
    }

    /// Evicts what is shared once more, now that every node knows: whoever did not know yet may have shared what an
    /// engine said from before.
    async fn replace_again(&self, change: &Change) -> Result<(), Unheard> {
        match change.floor {
            // What was shared in an era that has ended counts for nobody.
            Some(_) if change.takes_away && !change.everything => {
                self.far.evict(change, self.registry.length / 4).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Evicts, here and from what is shared, without waiting for other nodes.
    pub async fn forget(&self, change: &Change) {
        self.apply(change);
        if let Err(error) = self.far.evict(change, self.registry.length / 4).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "shared decisions cannot be evicted");
        }
        // What was read from there meanwhile.
        self.apply(change);
    }

    /// Evicts what is shared, then here, then tells the others. In this order: whoever has been told reads what is
    /// shared, and must not find there what was to be let go of. What cannot be evicted, as where one server of a cluster
    /// is away, ends with its era, and all else with it. Answers what has been announced, too.
    async fn publish(&self, change: &Change) -> Result<(Announced, Change), Unheard> {
        let evicted = self.far.evict(change, self.registry.length / 4).await;
        self.apply(change);
        let told = match evicted {
            Ok(()) => change.clone(),
            Err(error) if change.takes_away => {
                tracing::debug!(error = &error as &dyn std::error::Error, "what cannot be evicted ends with its era");
                Change { everything: true, ..change.clone() }
            }
            Err(error) => return Err(error),
        };
        let announced = self.registry.announce(&told).await?;
        if told.everything {
            // The era ended with the announcement, and what was read of it until then ends with it.
            self.apply(&told);
        }
        Ok((announced, told))
    }

    fn apply(&self, change: &Change) {
        if change.everything {
            self.far.leave();
        }
        self.memory.apply(change, Instant::now());
    }

    /// Waits until everybody with a lease has heard, or has none any more. Whether somebody had to be waited out.
    async fn wait(&self, announced: &Announced) -> bool {
        let now = Instant::now();
        let blind = now + announced.unknown;
        let mut waited_out = !announced.unknown.is_zero();
        if waited_out {
            tokio::time::sleep_until(blind.into()).await;
        }
        for (node, left) in &announced.holders {
            if **node == *self.registry.node {
                continue;
            }
            loop {
                let news = self.heard.news.notified();
                if self.heard.has(node, announced.place) {
                    break;
                }
                if tokio::time::timeout_at((now + *left).into(), news).await.is_err() {
                    waited_out |= !self.heard.has(node, announced.place);
                    break;
                }
            }
        }
        waited_out
    }

    fn owe(&self, change: &Change, error: &Unheard) {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "other gateways may not know of a changed decision yet"
        );
        self.owed().push(Owed { change: change.clone(), until: Instant::now() + self.ttl });
    }

    /// Tells what Redis has not heard so far, while anybody may still keep it. Whoever knows of it is waited for in
    /// passing, and then it is evicted once more.
    async fn deliver(self: &Arc<Self>) {
        let mut owed = std::mem::take(&mut *self.owed());
        owed.retain(|owed| Instant::now() < owed.until);
        let mut left = owed.into_iter();
        let (mut told, mut last) = (Vec::new(), None);
        for owed in left.by_ref() {
            let Ok((announced, _)) = self.publish(&owed.change).await else {
                self.owed().push(owed);
                break;
            };
            told.push(owed);
            last = Some(announced);
        }
        self.owed().extend(left);
        let Some(last) = last else { return };
        let herald = Arc::clone(self);
        tokio::spawn(async move {
            // Who has applied the log up to there has applied the others, too.
            herald.wait(&last).await;
            for owed in told {
                if herald.replace_again(&owed.change).await.is_err() {
                    herald.owed().push(owed);
                }
            }
        });
    }

    fn owed(&self) -> MutexGuard<'_, Vec<Owed>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
