//! The store ports on PostgreSQL.
//!
//! One file per port. A statement that is always the same is checked against the schema when it is
//! compiled; the lists, which vary, are built in `list`. Faults of the driver are told apart in
//! `fault`, once. A scope whose relationships stand beside the rows is a join, see `held`.
//!
//! Rows that an older system marked `DELETED` are as if they were not. What hangs on such a task is
//! reached with the task's permit only, which nobody gets any more.
//!
//! Not here: the pool's size and timeouts, which are the gateway's to choose.

mod agents;
mod api_keys;
mod bearers;
mod checkpoints;
mod events;
mod fault;
mod held;
mod indexes;
mod led;
mod ledger;
mod list;
mod messages;
mod migrations;
mod openings;
mod reads;
mod routes;
mod scan;
mod sifted;
mod states;
mod switches;
mod tasks;
mod trackers;

pub use migrations::{MigrateError, SchemaError, check_schema, migrate};

use sqlx::PgPool;
use std::sync::Arc;

/// What each connection of the pool is to be told when it is made.
///
/// Statements for lists have parts of which only one or two are run. The planner adds up the costs of all,
/// and would compile for a second what then takes a millisecond.
pub const CONNECTION_SETTINGS: [(&str, &str); 1] = [("jit", "off")];

/// Every store port on one PostgreSQL database, whose schema is up to date (see [`migrate`]).
#[derive(Clone, Debug)]
pub struct PgStore {
    pool: PgPool,
    reads: Arc<reads::TaskReads>,
    bearers: Arc<bearers::Bearers>,
    openings: Arc<openings::Openings>,
}

/// The database did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the store is unavailable")]
pub struct Unreachable(#[source] sqlx::Error);

impl PgStore {
    /// The stores behind `pool`.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        let reads = Arc::new(reads::TaskReads::new(pool.clone()));
        let bearers = Arc::new(bearers::Bearers::new(pool.clone()));
        Self { reads, bearers, openings: Arc::new(openings::openings(pool.clone())), pool }
    }

    /// Whether the database answers: one round trip.
    pub async fn ping(&self) -> Result<(), Unreachable> {
        sqlx::query!("SELECT 1 AS one").fetch_one(&self.pool).await.map(drop).map_err(Unreachable)
    }
}
