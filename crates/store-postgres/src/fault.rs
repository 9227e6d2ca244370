//! What the driver reports, said once in words that every port understands.

use sqlx::error::DatabaseError;
use std::{convert::Infallible, error::Error};

/// Why a statement failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A name that must be unique within its tenant is not.
    NameTaken,
    /// Somebody has this very API key.
    KeyTaken,
    /// The agent keeps a state on the task already.
    StateExists,
    /// A row that a new row must belong to is gone.
    NoParent,
    /// A text holds U+0000.
    Unstorable,
    /// A row does not hold what it must.
    Corrupt(Source),
    /// Everything else: not reachable, not in time, or refused for a reason that is not the caller's.
    Unavailable(Source),
}

type Source = Box<dyn Error + Send + Sync>;

impl Fault {
    /// A row that holds a word nobody knows.
    pub(crate) fn unknown_word(column: &str, word: &str) -> Self {
        Self::Corrupt(format!("`{column}` holds the unknown word `{word}`").into())
    }

    /// Whether a name is what stood in the way.
    pub(crate) const fn is_name_taken(&self) -> bool {
        matches!(self, Self::NameTaken)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        if let Some(fault) = error.as_database_error().and_then(Self::of_refusal) {
            return fault;
        }
        let unreadable = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
        if unreadable { Self::Corrupt(error.into()) } else { Self::Unavailable(error.into()) }
    }
}

impl From<Infallible> for Fault {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Fault {
    fn of_refusal(refusal: &(dyn DatabaseError + 'static)) -> Option<Self> {
        match (refusal.code().as_deref(), refusal.constraint()) {
            (_, Some("tasks_name_in_tenant" | "agents_name_in_tenant" | "api_keys_name_of_agent")) => {
                Some(Self::NameTaken)
            }
            (_, Some("api_keys_digest")) => Some(Self::KeyTaken),
            (_, Some("task_states_of_agent_on_task")) => Some(Self::StateExists),
            // Foreign key violation.
            (Some("23503"), _) => Some(Self::NoParent),
            // A zero byte in text, and its escape in JSON.
            (Some("22021" | "22P05"), _) => Some(Self::Unstorable),
            _ => None,
        }
    }

    /// The source of a fault that a port has no word for.
    fn unforeseen(self) -> Source {
        match self {
            Self::Corrupt(source) | Self::Unavailable(source) => source,
            Self::NameTaken => "a name is taken".into(),
            Self::KeyTaken => "a key is taken".into(),
            Self::StateExists => "a state is there already".into(),
            Self::NoParent => "a parent row is gone".into(),
            Self::Unstorable => "text with U+0000 in it".into(),
        }
    }
}

impl From<Fault> for tasks::StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoParent => Self::NoSuchAgent,
            Fault::Unstorable => Self::Unstorable,
            Fault::Corrupt(source) => Self::Corrupt { table: "tasks", source },
            Fault::NameTaken | Fault::KeyTaken | Fault::StateExists | Fault::Unavailable(_) => {
                Self::Unavailable(fault.unforeseen())
            }
        }
    }
}

impl From<Fault> for agents::StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unstorable => Self::Unstorable,
            Fault::Corrupt(source) => Self::Corrupt { table: "agents", source },
            Fault::NameTaken | Fault::KeyTaken | Fault::StateExists | Fault::NoParent | Fault::Unavailable(_) => {
                Self::Unavailable(fault.unforeseen())
            }
        }
    }
}

impl From<Fault> for api_keys::StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::KeyTaken => Self::KeyTaken,
            Fault::NoParent => Self::NoSuchAgent,
            Fault::Unstorable => Self::Unstorable,
            Fault::NameTaken | Fault::StateExists | Fault::Corrupt(_) | Fault::Unavailable(_) => {
                Self::Unavailable(fault.unforeseen())
            }
        }
    }
}

impl From<Fault> for conversations::StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoParent => Self::NoSuchParent,
            Fault::StateExists => Self::StateExists,
            Fault::Unstorable => Self::Unstorable,
            Fault::NameTaken | Fault::KeyTaken | Fault::Corrupt(_) | Fault::Unavailable(_) => {
                Self::Unavailable(fault.unforeseen())
            }
        }
    }
}

impl From<Fault> for trackers::StoreError {
    fn from(fault: Fault) -> Self {
        if matches!(fault, Fault::Unstorable) { Self::Unstorable } else { Self::Unavailable(fault.unforeseen()) }
    }
}

impl From<Fault> for checkpoints::StoreError {
    fn from(fault: Fault) -> Self {
        if matches!(fault, Fault::Unstorable) { Self::Unstorable } else { Self::Unavailable(fault.unforeseen()) }
    }
}
