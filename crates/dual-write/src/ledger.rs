//! Where intents are kept: beside the rows, so that a row and its intent change in one commit.

use crate::{Intent, Stage};
use authz::{IntentId, Registration, ResourceRef};
use chrono::{DateTime, TimeDelta, Utc};

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the ledger of intents is unavailable")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The version of what intents mean. They are written down with it, and those of a newer one are left to
/// gateways that know what they mean.
pub const LEDGER_VERSION: i32 = 1;

/// A row that stands without its relationships: dual writes were off, or only shadowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// What is to be registered.
    pub registration: Registration,
    /// How often that was tried.
    pub attempts: u32,
}

/// What is not settled yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many intents.
    pub pending: u64,
    /// When the oldest was opened.
    pub oldest: Option<DateTime<Utc>>,
    /// How many of them are of a newer version than this program knows.
    pub newer: u64,
    /// How many rows stand whose registration is owed.
    pub owed: u64,
}

/// The ledger. A store that persists a row settles its intent, and one that removes a row opens its
/// intent, in the same commit; those two are the stores' own and not here. The first also notes what the row
/// owes, and the second forgets that, and then has the relationships go twice: they may just be coming.
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
    /// by `lease`, so that no other reconciler takes them meanwhile. Those of accounts for which dual writes are
    /// off are passed over, and so are those of a version newer than [`LEDGER_VERSION`].
    async fn claim(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Intent>, LedgerError>;

    /// Up to `limit` registrations that are owed, likewise.
    async fn claim_owed(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Owed>, LedgerError>;

    /// Forgets that the registration of `resource` is owed: whether it was. When it was not, its row may be gone.
    async fn settle_owed(&self, resource: &ResourceRef) -> Result<bool, LedgerError>;

    /// What is not settled yet.
    async fn backlog(&self) -> Result<Backlog, LedgerError>;
}
