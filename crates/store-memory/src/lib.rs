//! Every store port in memory: the last-resort default of the product, and the reference that the
//! suites also run on. Nothing is kept when the process ends.
//!
//! One lock holds all tables, so each method is one transaction: it decides first and changes after,
//! and never waits for anything while it holds the lock.

mod agents;
mod api_keys;
mod checkpoints;
mod events;
mod json;
mod ledger;
mod messages;
mod page;
mod routes;
mod scan;
mod states;
mod switches;
mod tables;
mod tasks;
mod trackers;

use std::sync::{Mutex, MutexGuard, PoisonError};
use tables::Tables;
use tokio::sync::watch;

/// All stores in one.
#[derive(Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    /// How often a switch was turned.
    turned: watch::Sender<u64>,
    /// How often a route was changed.
    routed: watch::Sender<u64>,
}

impl MemoryStore {
    /// A store that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes an event and nothing else, as retention does. Trackers that stand on it stay.
    pub fn forget_event(&self, id: &str) {
        self.tables().forget_events(|event| event.id == id);
    }

    // Nothing panics while it holds the lock half way through a change, so a poisoned lock is whole.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a store in memory, which nothing cuts off, can still be unable to do something.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// A new row came with the id of an old one.
    #[error("the id of a new row is taken")]
    IdTaken,
    /// The relationships live in a database that this store is not in.
    #[error("a store in memory cannot join with relationships in a database")]
    RelationshipsElsewhere,
    /// An engine elsewhere was to say what a list may show, and did not.
    #[error("what a list may show is not known")]
    Unanswered(#[from] authz::EngineError),
}
