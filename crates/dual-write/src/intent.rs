//! What is about to happen to a row and its relationships.

use authz::{Ending, IntentId, Registration, ResourceRef};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Which way the relationships are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Something is made.
    Register,
    /// Something is ended.
    Deregister,
}

impl Op {
    /// The word in metrics and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Deregister => "deregister",
        }
    }

    /// The way behind a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Register, Self::Deregister].into_iter().find(|op| op.as_str() == word)
    }
}

/// How far an intent has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Its maker may still finish it.
    Open,
    /// Its maker may not: the relationships are to go.
    Undoing,
    /// The relationships have gone once, and are made to go again when a late registration can no
    /// longer come.
    Undone,
}

impl Stage {
    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }

    /// The stage behind a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Undoing, Self::Undone].into_iter().find(|stage| stage.as_str() == word)
    }
}

/// A dual write that has begun and is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// What is to happen.
    pub op: Op,
    /// To what.
    pub resource: ResourceRef,
    /// For which account, if that is known. While dual writes are off for it, the intent waits.
    pub account: Option<Arc<str>>,
    /// How far it has come.
    pub stage: Stage,
    /// Whether an undoing is repeated when a registration that timed out can no longer apply late.
    pub twice: bool,
    /// How often it was tried by the reconciler.
    pub attempts: u32,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When the reconciler is to look at it.
    pub due_at: DateTime<Utc>,
}

impl Intent {
    /// The intent to make what `registration` registers; its maker has until `due_at`.
    #[must_use]
    pub fn register(registration: &Registration, opened_at: DateTime<Utc>, due_at: DateTime<Utc>) -> Self {
        Self {
            id: fresh_id(),
            op: Op::Register,
            resource: registration.resource.clone(),
            account: Some(Arc::clone(&registration.tenant)),
            stage: Stage::Open,
            twice: true,
            attempts: 0,
            opened_at,
            due_at,
        }
    }

    /// The intent of the `ending` of `resource`, whose row was made at `made_at`. Rows that do not say
    /// when they were made are old.
    #[must_use]
    pub fn deregister(resource: ResourceRef, ending: &Ending, made_at: Option<DateTime<Utc>>) -> Self {
        Self {
            id: ending.intent.clone(),
            op: Op::Deregister,
            resource,
            account: ending.account.clone(),
            stage: Stage::Undoing,
            twice: made_at.is_some_and(|made_at| made_at > ending.settled_before),
            attempts: 0,
            opened_at: ending.opened_at,
            due_at: ending.due_at,
        }
    }

    /// Whether its relationships, gone now, are to be made to go once more.
    pub(crate) fn needs_another_look(&self) -> bool {
        self.twice && self.stage != Stage::Undone
    }
}

/// An id for a new intent; ids sort by time.
pub(crate) fn fresh_id() -> IntentId {
    IntentId::new(uuid::Uuid::now_v7().to_string())
}
