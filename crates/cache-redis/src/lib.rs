//! The decision cache: what an engine has allowed, kept in this process and, with Redis, shared by all gateways.
//!
//! [`DecisionCache`] is an [`Authorizer`] around any other. What it keeps:
//!
//! - answers to [`Consistency::MinimizeLatency`](authz::Consistency), which is how reads ask, and in process those to
//!   [`AtLeastAsFresh`](authz::Consistency), for whoever asks as fresh as the same token. All else goes to the engine, so
//!   nothing is changed on the word of a cache;
//! - allowed actions, never denials, and short lists (in process only). Of a check whose actions are not all known to
//!   be allowed, the engine is asked for the rest;
//! - decisions that rest on nothing but relationships of the resource and of the principal. What is inherited from a
//!   parent is the engine's, and so is what is said of every resource at once ([`EVERY`](authz::EVERY)).
//!
//! An engine may judge by more than the principal. Bound [on somebody's behalf](Authorizer::on_behalf), the cache keeps
//! what it is answered by a *realm*, too: a digest of the account and of what was said of the caller. So no session is
//! answered with the rights of another. A change is of a resource or of a principal, and reaches them in every realm.
//! What such an engine goes by beside relationships, and whatever is written past the gateways to one that does not
//! tell of it, is seen within [`Settings::staleness`].
//!
//! Each of the two layers keeps an answer for half of [`Settings::staleness`], counted from the question. So a change
//! that nobody tells the cache of is seen within that time. A change that is written through a cache is seen at once,
//! by every gateway, when the write returns:
//!
//! 1. what is shared is made worthless, by replacing the *generations* that entries carry;
//! 2. what this process keeps is made worthless, by *stamps*; answers that are on their way are not kept;
//! 3. the change is written into a log that every gateway reads, and the writer waits for each gateway that holds a
//!    *lease* to say that it has done step 2, or for its lease to end. A gateway without a lease uses nothing that
//!    it keeps, so one that hangs, or is cut off from Redis, delays a writer by a lease at most.
//!
//! An engine may itself answer from a while ago. So the log carries the [`ConsistencyToken`] of each write, and
//! gateways remember it for [`Settings::window`]: what a write of that time has changed is asked for at least as fresh.
//!
//! And until all of them know of it, one of them may have shared what the engine said from before. So generations of
//! what was taken away are replaced once more when they do. If that fails, the whole eviction is tried again, for two
//! leases since it began. When Redis is away from everybody for a lease, it begins an *era* of its own accord, in which
//! no older entry counts.
//!
//! Without Redis everything is asked of the engine, and whoever takes something away waits for a lease. What is *not*
//! guaranteed: when one gateway is cut off from Redis for that long while others reach it, be it before the change is
//! in the log or between the two replacements, what it takes away may be seen by them until it reaches Redis again,
//! for [`Settings::staleness`] at most. What it owes it tells before it trusts anything shared. The same holds for
//! generations that a cluster loses when it fails over to a replica. Both need a fault; neither touches what changes
//! anything.

mod cache;
mod digest;
mod far;
mod floors;
mod greet;
mod ground;
mod herald;
mod lease;
mod memory;
mod near;
mod realm;
mod registry;
mod stamps;
mod wire;

use authz::{Authorizer, ConsistencyToken, Relationship};
use cache::Shelf;
use far::Far;
use floors::Floors;
pub use greet::{Unwelcome, greet};
use ground::Change;
use herald::Herald;
use lease::Lease;
use memory::Memory;
use near::Near;
use realm::Realm;
use registry::Registry;
use secrecy::SecretString;
use std::{fmt, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use wire::Server;

/// What is kept, and for how long.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the engine is called. Entries of another engine do not count.
    pub engine: String,
    /// How old an answer may be when nobody tells of a change.
    pub staleness: Duration,
    /// How many decisions are kept in process.
    pub entries: u64,
    /// For how long the engine may not know of a write when it is asked to answer as fast as it can.
    pub window: Duration,
}

/// Where gateways meet.
#[derive(Clone, Debug)]
pub struct Redis {
    /// The server, or nodes of a cluster.
    pub urls: Vec<SecretString>,
    /// Whether it is a cluster.
    pub cluster: bool,
    /// What every key begins with. One for each deployment.
    pub prefix: String,
    /// How long a gateway that hangs delays those who write. The same at every gateway.
    pub lease: Duration,
    /// How long a request waits for Redis before it asks the engine.
    pub deadline: Duration,
}

/// Settings that cannot be meant.
#[derive(Debug, thiserror::Error)]
#[error("no Redis can be meant by this")]
pub struct BadSettings(#[source] Box<dyn std::error::Error + Send + Sync>);

/// An engine whose answers are kept for a while. See the [crate].
pub struct DecisionCache {
    shelf: Shelf,
    tasks: Arc<Tasks>,
}

/// What runs beside the answers, until the last who is answered is gone.
struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    fn end(&self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.end();
    }
}

impl DecisionCache {
    /// Keeps answers in this process. Only right where no other process writes to the engine.
    #[must_use]
    pub fn in_process(engine: Arc<dyn Authorizer>, settings: &Settings) -> Self {
        let memory = memory(settings, Lease::forever(), settings.staleness);
        Self::on(Shelf { engine, memory, herald: None, realm: Realm::default() }, Vec::new())
    }

    /// Keeps answers in this process and in Redis, and tells other gateways of changes. Redis need not be there yet.
    ///
    /// # Errors
    /// [`BadSettings`] when the addresses are none.
    ///
    /// # Panics
    /// When it is not called from within a Tokio runtime.
    pub fn shared(engine: Arc<dyn Authorizer>, settings: &Settings, redis: &Redis) -> Result<Self, BadSettings> {
        let half = settings.staleness / 2;
        let memory = memory(settings, Lease::lapsed(), half);
        let server = Server::new(&redis.urls, redis.cluster).map_err(|error| BadSettings(error.into()))?;
        let herald = || {
            let wire = server.connect(redis.lease)?;
            let registry = Registry::new(&server, wire.clone(), &redis.prefix, redis.lease)?;
            let far = Far::new(wire, &redis.prefix, &settings.engine, half, redis.deadline);
            Ok::<_, redis::RedisError>(Herald::new(registry, far, Arc::clone(&memory), settings.staleness))
        };
        let herald = Arc::new(herald().map_err(|error| BadSettings(error.into()))?);
        let (keeper, listener) = (Arc::clone(&herald), Arc::clone(&herald));
        let tasks = vec![tokio::spawn(keeper.keep()), tokio::spawn(async move { listener.listen().await })];
        Ok(Self::on(Shelf { engine, memory, herald: Some(herald), realm: Realm::default() }, tasks))
    }

    fn on(shelf: Shelf, tasks: Vec<JoinHandle<()>>) -> Self {
        Self { shelf, tasks: Arc::new(Tasks(tasks)) }
    }

    /// What kind it is, for people to read.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.shelf.herald.is_some() { "redis" } else { "in process (one node only)" }
    }

    /// Whether what it needs answers. When not, it keeps nothing, and the engine is asked.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.shelf.herald.as_ref().is_none_or(|herald| herald.answers())
    }

    /// Lets go of what rests on relationships that somebody else has changed. Here and in what is shared, without
    /// waiting for other gateways: each hears of it as this one did. `token` is how fresh to ask.
    pub async fn forget(&self, changed: &[Relationship], token: ConsistencyToken) {
        let change = Change::removed(changed).known_by(Some(token));
        if change.is_none() {
            return;
        }
        instruments::cache_evicted();
        match &self.shelf.herald {
            Some(herald) => herald.forget(&change).await,
            None => self.shelf.memory.apply(&change, std::time::Instant::now()),
        }
    }

    /// Lets go of everything, on every gateway: another engine answers, or nobody knows what has changed.
    pub async fn forget_everything(&self) {
        self.shelf.evict(&Change::anything()).await;
    }

    /// Gives the lease back, so that nobody waits for it.
    pub async fn close(&self) {
        self.tasks.end();
        if let Some(herald) = &self.shelf.herald {
            self.shelf.memory.lease.end();
            // It ends by itself, only later.
            drop(herald.registry.leave().await);
        }
    }
}

impl fmt::Debug for DecisionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionCache").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

fn memory(settings: &Settings, lease: Lease, time: Duration) -> Arc<Memory> {
    Arc::new(Memory { near: Near::new(settings.entries, time), floors: Floors::new(settings.window), lease })
}
