//! The rows' side of a comparison with the engine: all rows there are, in order, and what else stands
//! beside them.

use crate::{Direction, Intent, Row};
use authz::{EngineError, Kind};
use std::sync::Arc;

/// One of the two sides could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The rows' side.
    #[error("the rows cannot be read")]
    Rows(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The engine's side.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// How many orphans comparisons have found and repaired since the deployment was made. An orphan that is
/// found by two comparisons counts twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Of which kind.
    pub kind: Kind,
    /// Which side lacks the other.
    pub direction: Direction,
    /// How many were found.
    pub found: u64,
    /// How many were repaired.
    pub repaired: u64,
}

/// What operators ask the store of rows. Rows that an older system marked `DELETED` are as if they were not.
#[async_trait::async_trait]
pub trait RowScan: Send + Sync {
    /// The first `limit` rows of `kind` by the bytes of their ids, behind `after`. Fewer only at the end.
    /// A kind that has no rows has none. One round trip.
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Row>, ScanError>;

    /// Those of these resources that have a row, in any order. One round trip.
    async fn rows(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Row>, ScanError>;

    /// About how many rows there are, from what is known without counting.
    async fn estimate(&self, kind: Kind) -> Result<u64, ScanError>;

    /// The intents on these resources that are not settled, in any order; a registration that is owed is one,
    /// too. One round trip.
    async fn intents(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Intent>, ScanError>;

    /// Up to `limit` intents that are not settled, the oldest first.
    async fn oldest_intents(&self, limit: u32) -> Result<Vec<Intent>, ScanError>;

    /// Adds to the tallies, all or none. One round trip.
    async fn tally(&self, more: &[Tally]) -> Result<(), ScanError>;

    /// The tallies, of those kinds and directions that have any.
    async fn tallies(&self) -> Result<Vec<Tally>, ScanError>;
}
