//! Which tasks to list.

use crate::{Status, Task};
use authz::{After, Id, SortKey, Window};
use serde_json::{Map, Value};

/// What a list of tasks is sorted by; the id breaks ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// When it last changed.
    #[default]
    UpdatedAt,
    /// When it was made.
    CreatedAt,
    /// Its name; tasks without one come where the empty name would.
    Name,
    /// Its status, by its word.
    Status,
    /// Its id.
    Id,
}

impl Order {
    /// The place right behind `task` in a list sorted so.
    #[must_use]
    pub fn after(self, task: &Task) -> After {
        let time = |at: Option<chrono::DateTime<chrono::Utc>>| SortKey::Time(at.map_or(0, |at| at.timestamp_micros()));
        let key = match self {
            Self::UpdatedAt => time(task.updated_at),
            Self::CreatedAt => time(task.created_at),
            Self::Name => SortKey::Text(task.name.as_deref().unwrap_or_default().into()),
            Self::Status => SortKey::Text(task.status.map_or("", Status::as_str).into()),
            Self::Id => SortKey::Text(task.id.to_text()),
        };
        After { key, id: task.id.to_text() }
    }
}

/// Which tasks to list. Every condition that is given must hold.
#[derive(Clone, Debug)]
pub struct Query {
    /// Those an agent works on, by its id.
    pub agent: Option<Id<authz::Agent>>,
    /// Those an agent works on, by its name.
    pub agent_name: Option<String>,
    /// Those that stand here.
    pub status: Option<Status>,
    /// Those whose metadata contains this, as JSONB containment.
    pub metadata: Option<Map<String, Value>>,
    /// Sorted by this.
    pub order: Order,
    /// This page.
    pub window: Window,
}
