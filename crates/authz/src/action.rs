//! What can be done to a resource.
//!
//! [`Action`] is the run-time word, used on wires and in bit sets. The zero-sized types of the same
//! names are what permits are typed with, so that a missing check is a compile error.

use enumset::{EnumSet, EnumSetType};
use std::fmt;

/// Something a principal may do to a resource.
#[derive(EnumSetType, Debug, Hash, PartialOrd, Ord)]
pub enum Action {
    /// See it, and everything it owns.
    Read,
    /// Change it, and add to what it owns.
    Update,
    /// Task: commit tracker cursors. Agent: run it, which is what creating a task on it needs.
    Execute,
    /// End a task on the owner's word.
    Cancel,
    /// Remove it and everything it owns.
    Delete,
    /// Let others see or edit it, and see who may.
    Share,
    /// Bring a child into being. Tenant: agents. Agent: API keys. A task needs [`Action::Execute`] on its agent.
    Create,
}

/// A set of actions, one bit each: what a principal may do to one resource.
pub type ActionSet = EnumSet<Action>;

impl Action {
    /// The word on wires and in `schema.zed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Update => "update",
            Self::Execute => "execute",
            Self::Cancel => "cancel",
            Self::Delete => "delete",
            Self::Share => "share",
            Self::Create => "create",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A zero-sized stand-in for an [`Action`] in a type. Sealed: the list below is all there is.
pub trait Marker: sealed::Sealed + Copy + fmt::Debug + Send + Sync + 'static {
    /// The action this type stands for.
    const ACTION: Action;
}

macro_rules! markers {
    ($($name:ident),*) => { $(
        #[doc = concat!("Stands for [`Action::", stringify!($name), "`] in a permit's type.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name;
        impl sealed::Sealed for $name {}
        impl Marker for $name {
            const ACTION: Action = Action::$name;
        }
    )* };
}
markers!(Read, Update, Execute, Cancel, Delete, Share, Create);
