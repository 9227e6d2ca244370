//! What is about to happen to a row and its relationships.

use authz::{Registration, ResourceRef};
use chrono::{DateTime, Utc};
use std::fmt;

/// The id of an intent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(pub String);

impl IntentId {
    /// A new one; ids sort by time.
    #[must_use]
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
    pub fn register(registration: &Registration, now: DateTime<Utc>, due_at: DateTime<Utc>) -> Self {
        Self::new(Op::Register, registration.resource.clone(), now, due_at)
    }

    /// The intent to end `resource`, `twice` when it was made a short while ago.
    #[must_use]
    pub fn deregister(resource: ResourceRef, twice: bool, now: DateTime<Utc>, due_at: DateTime<Utc>) -> Self {
        Self { stage: Stage::Undoing, twice, ..Self::new(Op::Deregister, resource, now, due_at) }
    }

    fn new(op: Op, resource: ResourceRef, opened_at: DateTime<Utc>, due_at: DateTime<Utc>) -> Self {
        Self { id: IntentId::fresh(), op, resource, stage: Stage::Open, twice: true, attempts: 0, opened_at, due_at }
    }

    /// Whether its relationships, gone now, are to be made to go once more.
    pub(crate) fn needs_another_look(&self) -> bool {
        self.twice && self.stage != Stage::Undone
    }
}
