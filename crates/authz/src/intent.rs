//! What ties a row to its relationships while the two are written, since no transaction spans both: the
//! notes that a store keeps in the same commit as the row. Who writes and settles them is the dual write.

use crate::{
    engine::{ConsistencyToken, Registration},
    resource::ResourceRef,
};
use chrono::{DateTime, Utc};
use std::{fmt, sync::Arc};

/// The id of an intent: of the note that a row and its relationships are about to change together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(String);

impl IntentId {
    /// The intent with this id. Ids are given once, and sort by time.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Proof that the engine knows of a new thing, or that a switch lets it be told later: without one, no row.
/// A store persists the row *and settles the intent in one commit*, and persists nothing when the intent is
/// not open any more: whoever has taken the work over is undoing it.
#[must_use = "either the row is persisted or the registration is undone"]
#[derive(Debug)]
pub struct Registered {
    intent: IntentId,
    token: Option<ConsistencyToken>,
    owed: Option<Registration>,
}

impl Registered {
    /// The proof that what `intent` was to register is registered. Only the dual write, which has just
    /// seen to that, has reason to say so.
    pub const fn by(intent: IntentId) -> Self {
        Self { intent, token: None, owed: None }
    }

    /// The leave to persist what is not registered: the store notes in the same commit that the registration
    /// is owed. Until it is made up for, nobody may do anything to the thing.
    pub const fn owing(intent: IntentId, registration: Registration) -> Self {
        Self { intent, token: None, owed: Some(registration) }
    }

    /// The same, with what the engine said of how fresh one must ask to know of the thing.
    pub fn at(self, token: Option<ConsistencyToken>) -> Self {
        Self { token, ..self }
    }

    /// The intent to settle.
    #[must_use]
    pub const fn intent(&self) -> &IntentId {
        &self.intent
    }

    /// What to keep on the row.
    #[must_use]
    pub const fn token(&self) -> Option<&ConsistencyToken> {
        self.token.as_ref()
    }

    /// What to note as owed.
    #[must_use]
    pub const fn owed(&self) -> Option<&Registration> {
        self.owed.as_ref()
    }
}

/// What a store needs to open the intent to end a thing, in the commit that removes its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The intent to open.
    pub intent: IntentId,
    /// When the ending began.
    pub opened_at: DateTime<Utc>,
    /// When it is overdue, so that somebody else is to finish it.
    pub due_at: DateTime<Utc>,
    /// A registration of what was made later than this may have timed out and may yet apply, so its
    /// relationships are made to go twice.
    pub settled_before: DateTime<Utc>,
    /// The account it is ended for, by which dual writes are switched.
    pub account: Option<Arc<str>>,
}

impl Ending {
    /// The same, for an account.
    #[must_use]
    pub fn of(self, account: impl Into<Arc<str>>) -> Self {
        Self { account: Some(account.into()), ..self }
    }
}

impl Ending {
    /// The ending of something that goes together with what this is the ending of, such as an API key with
    /// its agent. Everybody who works it out finds the same intent.
    #[must_use]
    pub fn of_part(&self, part: &ResourceRef) -> Self {
        Self { intent: IntentId(format!("{}/{part}", self.intent)), ..self.clone() }
    }
}

/// Something that a store removed together with what it was told to remove, so that its relationships are to
/// go as well. Its intent is that of [`Ending::of_part`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// What it was.
    pub resource: ResourceRef,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}
