//! An index for the lists of an engine elsewhere, beside the rows: this process's part in keeping it, and whether it is
//! used here.

use async_trait::async_trait;
use authz::{Authorizer, ConsistencyToken, EngineError, RegistrationScan, Relationship};
use authz_index::{Index, IndexError, IndexStore, Standing, TakenOut};
use authz_router::{EngineName, Routes};
use authz_spicedb::{Change, Follower, SpiceDb, Turn, Watcher};
use backon::{ExponentialBuilder, Retryable as _};
use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long it takes, at most, to be told of what changed while nobody followed.
const SETTLING: Duration = Duration::from_secs(2);
/// How long lists are found by the engine after it was lost, or after something could not be written: longer than a
/// watch waits before it tries again.
const AFTER_TROUBLE: Duration = Duration::from_secs(30);
/// How often it is noted how far nothing was changed.
const NOTED: Duration = Duration::from_mins(1);
/// How many relationships are written at a time.
const CHUNK: usize = 500;

/// What is kept beside the rows.
pub trait Beside: Authorizer + RegistrationScan {}

impl<E: Authorizer + RegistrationScan> Beside for E {}

/// Whose lists they are.
pub(super) enum Whose {
    /// Those of `SpiceDB`, which tells of what others change in it.
    SpiceDb(Box<SpiceDb>),
    /// Those of an authorization service, which tells nobody. An operator has said that nobody else changes anything in
    /// it, and that it lets nobody in by rules of its own.
    Service,
}

/// The index, as this process sees it.
pub struct ListIndex {
    store: Arc<dyn IndexStore>,
    whose: Whose,
    beside: Arc<dyn Beside>,
    /// When every gateway has heard of what was changed in the store, at the latest.
    heard: Duration,
    standing: Arc<Standing>,
    following: Mutex<Option<(i64, Watcher)>>,
}

impl ListIndex {
    /// An index in the relationships `beside` the rows. Nothing is kept until it is [read](Self::read).
    pub(super) fn new(store: Arc<dyn IndexStore>, whose: Whose, beside: Arc<dyn Beside>, heard: Duration) -> Self {
        Self { store, whose, beside, heard, standing: Arc::default(), following: Mutex::default() }
    }

    /// The engine whose lists they are.
    #[must_use]
    pub const fn engine(&self) -> EngineName {
        match self.whose {
            Whose::SpiceDb(_) => EngineName::SPICEDB,
            Whose::Service => EngineName::PROXY,
        }
    }

    /// Whether the engine tells nobody of changes, so that nothing may be changed in it but from here.
    #[must_use]
    pub const fn is_ours_alone(&self) -> bool {
        matches!(self.whose, Whose::Service)
    }

    /// Who takes out of it what is revoked.
    pub(super) const fn taken_out(&self) -> TakenOut {
        match self.whose {
            Whose::SpiceDb(_) => TakenOut::ByFollowing,
            Whose::Service => TakenOut::ByRevoking,
        }
    }

    /// The relationships that it is in.
    #[must_use]
    pub fn beside(&self) -> &dyn Beside {
        &*self.beside
    }

    /// How long to wait until every gateway keeps what was begun.
    #[must_use]
    pub const fn heard(&self) -> Duration {
        self.heard
    }

    /// Whether it is kept here, and used.
    pub(super) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Whether lists are found in it here.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.standing.is_used()
    }

    /// Where it is kept how it stands.
    #[must_use]
    pub fn store(&self) -> &dyn IndexStore {
        &*self.store
    }

    /// A moment up to which a copy that begins now knows of everything.
    pub async fn moment(&self) -> Result<ConsistencyToken, EngineError> {
        match &self.whose {
            Whose::SpiceDb(engine) => engine.moment().await,
            // There are none to go on from.
            Whose::Service => Ok(ConsistencyToken::new("")),
        }
    }

    /// Reads how it stands, and keeps and uses it accordingly. Within a runtime.
    ///
    /// Where the embedded engine decides for anybody, nothing it decides by may come from elsewhere: then there is no
    /// index, and one that was complete no longer is.
    pub async fn read(&self, routes: &Routes) -> Result<(), IndexError> {
        let engine = self.engine();
        if !self.is_ours_alone() {
            self.give_up_unkept().await?;
        }
        let mut found = self.store.index(engine.as_str()).await?;
        if let Some(index) = &mut found
            && index.old
            && self.is_to_follow(index.epoch)
        {
            // What is too long ago SpiceDB may have forgotten, and may not say so.
            index.complete = false;
            if !index.spoiled {
                self.store.settle(engine.as_str(), index.epoch, false).await?;
                index.spoiled = true;
                tracing::warn!(
                    "nothing has been told of the index of {engine}'s lists for hours: it is not complete any more"
                );
            }
        }
        let told = is_told(routes);
        if let Some(Index { epoch, spoiled: false, .. }) = found
            && told
            && self.store.settle(engine.as_str(), epoch, false).await?
        {
            tracing::warn!(
                "the embedded engine is told of changes: the index of {engine}'s lists is not complete any more"
            );
        }
        self.keep(found.filter(|_| !told));
        Ok(())
    }

    /// Reads whether it is kept, and keeps it with what a command writes. It is not used here.
    pub async fn write_only(&self, routes: &Routes) -> Result<(), IndexError> {
        let found = self.store.index(self.engine().as_str()).await?;
        self.standing.is(found.is_some() && !is_told(routes), false);
        Ok(())
    }

    /// One that nobody follows is whole only as long as every gateway keeps it, and this one does not.
    async fn give_up_unkept(&self) -> Result<(), IndexError> {
        let unkept = EngineName::PROXY;
        if let Some(Index { epoch, spoiled: false, .. }) = self.store.index(unkept.as_str()).await? {
            self.store.settle(unkept.as_str(), epoch, false).await?;
            tracing::warn!(
                "lists of SpiceDB are found beside the rows here: the index of {unkept}'s is not complete any more"
            );
        }
        Ok(())
    }

    fn following(&self) -> MutexGuard<'_, Option<(i64, Watcher)>> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether changes are to be followed into the one of this epoch, and are not yet.
    fn is_to_follow(&self, epoch: i64) -> bool {
        !self.is_ours_alone() && self.following().as_ref().is_none_or(|(followed, _)| *followed != epoch)
    }

    fn keep(&self, found: Option<Index>) {
        let Some(Index { epoch, reached, complete, .. }) = found else {
            *self.following() = None;
            return self.standing.is(false, false);
        };
        if let Whose::SpiceDb(engine) = &self.whose
            && self.is_to_follow(epoch)
        {
            self.standing.lags(SETTLING);
            let fed = Fed {
                engine: SpiceDb::clone(engine),
                store: Arc::clone(&self.store),
                epoch,
                beside: Arc::clone(&self.beside),
                standing: Arc::clone(&self.standing),
                progress: Mutex::new(Progress { behind: true, told: Instant::now(), noted: None }),
            };
            let watcher = Watcher::start(SpiceDb::clone(engine), Arc::new(fed), Some(reached));
            *self.following() = Some((epoch, watcher));
        }
        self.standing.is(true, complete);
    }
}

/// Whether the embedded engine is told of what changes: its relationships are then more than an index.
#[must_use]
pub fn is_told(routes: &Routes) -> bool {
    routes.answering().contains(&EngineName::GRAPH) || routes.shadows().contains(&EngineName::GRAPH)
}

/// What is told of changes, and writes them into the index.
struct Fed {
    engine: SpiceDb,
    store: Arc<dyn IndexStore>,
    epoch: i64,
    beside: Arc<dyn Beside>,
    standing: Arc<Standing>,
    progress: Mutex<Progress>,
}

/// How far the telling has come.
struct Progress {
    /// Whether what is told may be of the past, before there was this connection.
    behind: bool,
    /// When something was last told; while there is no connection, when there is one again at the latest.
    told: Instant,
    /// When it was noted that nothing else had changed.
    noted: Option<Instant>,
}

impl Fed {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that something is told. Whether it may be of the past: until it was heard, or quiet for long enough, that
    /// there is no more of it.
    fn is_behind(&self) -> bool {
        let mut progress = self.progress();
        progress.behind &= progress.told.elapsed() < SETTLING;
        progress.told = Instant::now();
        progress.behind
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), EngineError> {
        let turned = |turn| {
            let changes = changes.iter().filter(move |change| change.turn == turn);
            changes.map(|change| change.relationship.clone()).collect::<Vec<_>>()
        };
        // They were made at once, so none is of the same relationship as another.
        for chunk in turned(Turn::Added).chunks(CHUNK) {
            self.beside.grant(chunk).await?;
        }
        for chunk in turned(Turn::Removed).chunks(CHUNK) {
            self.take_out(chunk).await?;
        }
        Ok(())
    }

    /// Takes out what SpiceDB has no more: what is told late may have been given again since, and that been told
    /// already, to another gateway.
    async fn take_out(&self, removed: &[Relationship]) -> Result<(), EngineError> {
        let present = self.engine.present(removed).await?;
        let gone: Vec<_> = removed.iter().filter(|relationship| !present.contains(relationship)).cloned().collect();
        self.beside.revoke(&gone).await?;
        // Given again between the two, it may have been in the index before.
        let again = self.engine.present(&gone).await?;
        if again.is_empty() { Ok(()) } else { self.beside.grant(&again).await.map(drop) }
    }

    /// Does it until it is done.
    async fn insist<T, E: Error + 'static, F>(&self, what: impl FnMut() -> F + Send)
    where
        F: Future<Output = Result<T, E>> + Send,
    {
        let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(50));
        let pauses = pauses.with_max_delay(Duration::from_secs(5)).without_max_times();
        let notify = |error: &E, _| {
            self.standing.lags(AFTER_TROUBLE);
            tracing::warn!(error = error as &dyn Error, "the index of SpiceDB's lists cannot be written");
        };
        drop(what.retry(pauses).notify(notify).await);
    }
}

#[async_trait]
impl Follower for Fed {
    async fn changed(&self, changes: &[Change], through: &ConsistencyToken) {
        if self.is_behind() {
            self.standing.lags(SETTLING);
        }
        self.insist(|| self.apply(changes)).await;
        // Each time: what is the last for days must not be a moment that SpiceDB has forgotten by then.
        self.insist(|| self.store.reach(EngineName::SPICEDB.as_str(), self.epoch, through)).await;
    }

    async fn caught_up(&self, through: &ConsistencyToken) {
        let noted = {
            let mut progress = self.progress();
            progress.behind = false;
            progress.noted
        };
        if noted.is_none_or(|at| at.elapsed() >= NOTED) {
            self.insist(|| self.store.reach(EngineName::SPICEDB.as_str(), self.epoch, through)).await;
            self.progress().noted = Some(Instant::now());
        }
    }

    async fn missed(&self) {
        // Whoever reads how it stands before that is written must not use it, either.
        self.standing.lags(AFTER_TROUBLE);
        self.standing.is(true, false);
        tracing::error!(
            "SpiceDB has not told of all that changed: it finds lists itself until `taskgate engine index spicedb` was run"
        );
        self.insist(|| self.store.settle(EngineName::SPICEDB.as_str(), self.epoch, false)).await;
    }

    async fn interrupted(&self, error: &EngineError) {
        {
            let mut progress = self.progress();
            (progress.behind, progress.told) = (true, Instant::now() + AFTER_TROUBLE);
        }
        self.standing.lags(AFTER_TROUBLE);
        tracing::warn!(
            error = error as &dyn Error,
            "SpiceDB does not tell of changes: it finds lists itself meanwhile"
        );
    }
}
