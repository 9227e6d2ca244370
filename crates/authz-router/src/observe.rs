//! What happens beside the answers, for whoever counts.

use authz::{Action, Kind};

/// What came of asking two engines the same question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They said the same.
    Agreed,
    /// The one that answers allows what its shadow denies.
    FirstAllows,
    /// The one that answers denies what its shadow allows.
    SecondAllows,
    /// The shadow did not answer, or not in time.
    SecondFailed,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: &'static [Self] = &[Self::Agreed, Self::FirstAllows, Self::SecondAllows, Self::SecondFailed];

    /// The word in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::FirstAllows => "first_allows",
            Self::SecondAllows => "second_allows",
            Self::SecondFailed => "second_failed",
        }
    }
}

/// Why something was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// As many comparisons as may be are under way.
    Overload,
    /// Neither engine names what it would list.
    Unnamed,
    /// They seemed to disagree, and the one that answers could not be asked again.
    Unconfirmed,
}

impl Skipped {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::Unnamed => "unnamed",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A registration.
    Register,
    /// The end of a resource.
    Deregister,
    /// Relationships that were added.
    Grant,
    /// Relationships that were removed.
    Revoke,
}

impl Written {
    /// The word in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Deregister => "deregister",
            Self::Grant => "grant",
            Self::Revoke => "revoke",
        }
    }
}

/// Hears what happens beside the answers.
pub trait Observer: Send + Sync {
    /// So many questions whether `action` is allowed on resources of `kind` came to this in both engines.
    fn compared(&self, kind: Kind, action: Action, outcome: Outcome, questions: u64);
    /// Something was not compared.
    fn skipped(&self, why: Skipped);
    /// An engine was told of a write in passing, and took it or missed it.
    fn told(&self, what: Written, took: bool);
    /// A route led to an engine that there is none of here, and somebody was turned away.
    fn unroutable(&self);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn compared(&self, _: Kind, _: Action, _: Outcome, _: u64) {}
    fn skipped(&self, _: Skipped) {}
    fn told(&self, _: Written, _: bool) {}
    fn unroutable(&self) {}
}
