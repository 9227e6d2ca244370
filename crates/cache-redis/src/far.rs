//! What gateways share in Redis: what was allowed, and generations that say whether it still is.

use crate::{
    digest::{digest, hex},
    ground::{self, Change, Ground, Side},
    realm::Who,
    registry::millis,
    wire::{Unheard, Wire},
};
use authz::{ActionSet, ResourceRef, schema};
use futures::future::join_all;
use redis::cmd;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// How long a generation is known. Longer than any entry, so that no entry outlives its own.
const GENERATION: Duration = Duration::from_hours(1);
/// After Redis did not answer, requests do not ask it for as long.
const PAUSE: Duration = Duration::from_millis(500);
/// How many answers may be on their way to Redis at a time; what is more is not shared.
const WRITES: usize = 256;

/// A generation: random, and another one after every eviction.
type Generation = [u8; 16];

/// One question: which actions on a resource.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub resource: ResourceRef,
    pub actions: ActionSet,
}

/// What is known of one question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// All of it is allowed.
    pub allowed: bool,
    /// The key of an answer from now on, and the generations it is of: the resource's and the principal's.
    share: Option<(String, Vec<u8>)>,
}

/// What entries of another engine, schema, or era do not share; nothing while the era is not known.
#[derive(Debug, Default)]
struct Scope {
    of: Option<Arc<[u8]>>,
    /// When the last era was left, until the next is entered.
    left: Option<Instant>,
}

/// The shared entries.
pub(crate) struct Far {
    wire: Wire,
    prefix: Arc<str>,
    scope: Mutex<Scope>,
    engine: String,
    time: Duration,
    deadline: Duration,
    start: Instant,
    paused_until: AtomicU64,
    writes: Arc<Semaphore>,
}

impl Far {
    /// Entries of an engine, each for `time`; reads that take longer than `deadline` are given up.
    pub fn new(wire: Wire, prefix: &str, engine: &str, time: Duration, deadline: Duration) -> Self {
        Self {
            wire,
            prefix: prefix.into(),
            scope: Mutex::default(),
            engine: engine.to_owned(),
            time,
            deadline,
            start: Instant::now(),
            paused_until: AtomicU64::new(0),
            writes: Arc::new(Semaphore::new(WRITES)),
        }
    }

    /// From now on only entries of this era count, which was the era after `asked`.
    pub fn enter(&self, era: &str, asked: Instant) {
        let mut scope = self.scope();
        if scope.left.is_none_or(|left| left < asked) {
            *scope = Scope { of: Some(digest_of_scope(&self.engine, era)), left: None };
        }
    }

    /// From now on no entry counts, until the next era is known.
    pub fn leave(&self) {
        *self.scope() = Scope { of: None, left: Some(Instant::now()) };
    }

    fn scope(&self) -> MutexGuard<'_, Scope> {
        self.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of each question, in one round trip; and, before the engine is asked, the generations that
    /// its answers will be of. Nothing when Redis does not say.
    pub async fn find(&self, who: &Who, asked: &[Asked]) -> Vec<Found> {
        let scope = self.scope().of.clone();
        let Some(scope) = scope.filter(|_| millis(self.start.elapsed()) >= self.paused_until.load(Relaxed)) else {
            return vec![Found::default(); asked.len()];
        };
        let found = tokio::time::timeout(self.deadline, self.look(&scope, who, asked)).await;
        match found.map_err(|_| Unheard::Late).flatten() {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "shared decisions cannot be read");
                instruments::cache_unanswered();
                self.paused_until.store(millis(self.start.elapsed() + PAUSE), Relaxed);
                vec![Found::default(); asked.len()]
            }
        }
    }

    async fn look(&self, scope: &[u8], who: &Who, asked: &[Asked]) -> Result<Vec<Found>, Unheard> {
        let whose = self.generation(&ground::principal(Side::Standing, &who.principal));
        let mut get = cmd("MGET");
        get.arg(&whose);
        let mut of: Vec<(String, String)> = Vec::with_capacity(asked.len());
        for one in asked {
            let generation = self.generation(&ground::resource(&one.resource));
            let entry = self.entry(scope, who, one);
            get.arg(&generation).arg(&entry);
            of.push((generation, entry));
        }
        let values: Vec<Option<Vec<u8>>> = self.wire.ask(&get, self.deadline).await?;
        let (standing, pairs) = values.split_first().ok_or(Unheard::Late)?;
        let standing = self.ensure(&whose, standing.as_deref());
        let resources = of.iter().zip(pairs.chunks(2)).map(|((key, _), pair)| {
            let known = pair.first().and_then(Option::as_deref);
            self.ensure(key, known)
        });
        let (standing, resources) = futures::join!(standing, join_all(resources));
        let standing = standing?;
        let found = resources.into_iter().zip(of).zip(pairs.chunks(2)).map(|((resource, (_, key)), pair)| {
            let generations = resource?.zip(standing).map(|(resource, standing)| [resource, standing].concat());
            let entry = pair.get(1).and_then(Option::as_ref);
            let allowed = generations.is_some() && entry == generations.as_ref();
            Ok(Found { allowed, share: generations.map(|generations| (key, generations)) })
        });
        found.collect()
    }

    /// A generation that is known, or a new one; none when somebody else is just making one.
    async fn ensure(&self, key: &str, known: Option<&[u8]>) -> Result<Option<Generation>, Unheard> {
        if let Some(known) = known {
            return Ok(known.try_into().ok());
        }
        let new: Generation = rand::random();
        let mut set = cmd("SET");
        set.arg(key).arg(&new).arg("NX").arg("PX").arg(millis(GENERATION));
        let made: Option<String> = self.wire.ask(&set, self.deadline).await?;
        Ok(made.map(|_| new))
    }

    /// Shares that all of it was allowed, by an answer that was asked for at `asked_at`. Nobody waits for it.
    pub fn share(&self, found: Found, asked_at: Instant) {
        let Some((key, generations)) = found.share else { return };
        let Some(left) = self.time.checked_sub(asked_at.elapsed()).filter(|left| millis(*left) > 0) else { return };
        let Ok(turn) = Arc::clone(&self.writes).try_acquire_owned() else { return };
        let mut set = cmd("SET");
        set.arg(key).arg(generations).arg("PX").arg(millis(left));
        let (wire, deadline) = (self.wire.clone(), self.deadline);
        tokio::spawn(async move {
            // Nothing is wrong without it.
            drop(wire.ask::<()>(&set, deadline).await);
            drop(turn);
        });
    }

    /// Ends the generations of all that has changed, and with them every entry of theirs.
    pub async fn evict(&self, change: &Change, deadline: Duration) -> Result<(), Unheard> {
        let keys: Vec<_> = change
            .grounds
            .iter()
            .filter(|ground| matches!(ground.side, Side::Resource | Side::Standing))
            .map(|ground| self.generation(ground))
            .collect();
        if keys.is_empty() { Ok(()) } else { self.wire.ask(cmd("UNLINK").arg(&keys), deadline).await }
    }

    /// The key of a generation. A resource's is in the slot of its entries.
    fn generation<T: AsRef<str>>(&self, ground: &Ground<T>) -> String {
        let side = match ground.side {
            Side::Standing => "standing",
            Side::Resource | Side::Holdings | Side::Endings => "resource",
        };
        let id = hex(&digest(&[ground.kind.as_ref().as_bytes(), ground.id.as_ref().as_bytes()]));
        format!("{}:{side}:{{{id}}}", self.prefix)
    }

    /// The key of an entry: the resource's digest, and one of everything that an answer depends on.
    fn entry(&self, scope: &[u8], who: &Who, asked: &Asked) -> String {
        let of = asked.resource.kind.as_str().as_bytes();
        let actions = asked.actions.iter().map(authz::Action::as_str).collect::<Vec<_>>().join(" ");
        let Who { realm, principal, .. } = who;
        let (kind, id) = (principal.kind().as_str().as_bytes(), principal.id().as_bytes());
        let all = digest(&[scope, realm.as_bytes(), kind, id, of, asked.resource.id.as_bytes(), actions.as_bytes()]);
        let slot = hex(&digest(&[of, asked.resource.id.as_bytes()]));
        format!("{}:allowed:{{{slot}}}:{}", self.prefix, hex(&all))
    }
}

/// A digest of what entries of one engine, schema and era share.
fn digest_of_scope(engine: &str, era: &str) -> Arc<[u8]> {
    digest(&[engine.as_bytes(), schema::zed().as_bytes(), era.as_bytes()]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_scope_is_told_apart() {
        assert_ne!(digest_of_scope("spicedb", "1"), digest_of_scope("spicedb1", ""));
    }
}
