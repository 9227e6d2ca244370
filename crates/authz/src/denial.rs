//! The one denial rule.
//!
//! A resource the caller may not see and a resource that does not exist leave by the same door: the
//! same bytes, speaking only of what the caller typed, after the same number of engine calls.

use crate::{action::Action, engine::EngineError};
use std::{fmt, sync::Arc};

/// By which of its keys a caller asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// By id.
    Id,
    /// By name.
    Name,
}

/// What the caller typed. A refusal says nothing else, so it cannot tell what was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requested {
    /// By which key.
    pub by: By,
    /// The key, as typed.
    pub text: Arc<str>,
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            By::Id => "id",
            By::Name => "name",
        };
        write!(f, "Item with {by} '{}'", self.text)
    }
}

/// What callers who may see a thing, but not do this to it, are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DenialPolicy {
    /// The same as if it did not exist.
    #[default]
    Hide,
    /// That it is forbidden. Callers who may not see it are told that it does not exist.
    Split,
}

/// A refusal that is the caller's to hear. Messages are those of agentex.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// Not there, or not for this caller: the two cannot be told apart.
    #[error("{requested} does not exist.")]
    Hidden {
        /// What the caller typed.
        requested: Requested,
    },
    /// There, visible, and not for this caller to do this to. Only under [`DenialPolicy::Split`].
    #[error("{requested} may be read but not changed in this way: `{action}` is not allowed.")]
    Forbidden {
        /// What the caller typed.
        requested: Requested,
        /// What was refused.
        action: Action,
    },
}

/// Why the gate did not open.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Nobody can say whether the caller may. Fails closed.
    #[error("authorization is unavailable")]
    Unavailable(#[source] Arc<EngineError>),
}
