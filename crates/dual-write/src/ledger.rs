//! Where intents are kept: beside the rows, so that a row and its intent change in one commit.

use crate::{Intent, Stage};
use authz::IntentId;
use chrono::{DateTime, TimeDelta, Utc};

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the ledger of intents is unavailable")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What is not settled yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many intents.
    pub pending: u64,
    /// When the oldest was opened.
    pub oldest: Option<DateTime<Utc>>,
}

/// The ledger. A store that persists a row settles its intent, and one that removes a row opens its
/// intent, in the same commit; those two are the stores' own and not here.
#[async_trait::async_trait]
pub trait Ledger: Send + Sync {
    /// Writes an intent down. Repeating it changes nothing.
    async fn open(&self, intent: &Intent) -> Result<(), LedgerError>;

    /// Closes an open intent to its maker, whose commit will then find it closed and fail: whether it
    /// was still open. Whoever hears `true` is the one to undo it.
    async fn close(&self, id: &IntentId) -> Result<bool, LedgerError>;

    /// Moves an intent that is being undone on, to be looked at again at `due_at`. One that is gone stays gone.
    async fn postpone(&self, id: &IntentId, stage: Stage, due_at: DateTime<Utc>) -> Result<(), LedgerError>;

    /// Forgets an intent whose work is done. Repeating it changes nothing.
    async fn settle(&self, id: &IntentId) -> Result<(), LedgerError>;

    /// Up to `limit` intents that are due, the longest overdue first, each counted as one more attempt and put off
    /// by `lease`, so that no other reconciler takes them meanwhile.
    async fn claim(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Intent>, LedgerError>;

    /// What is not settled yet.
    async fn backlog(&self) -> Result<Backlog, LedgerError>;
}
