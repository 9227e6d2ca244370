//! Trackers: how far an agent has read a task's events.
//!
//! A tracker has no permission of its own. It is reached with its task's permit, and the store pins
//! it to that task.

use authz::{
    After, Agent, Guarded, Id, Page, Permit, Scope, SortKey, Task, Window,
    action::{Execute, Read},
};
use chrono::{DateTime, Utc};

/// A tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracker {
    /// Its id.
    pub id: String,
    /// Whose reading it tracks.
    pub agent_id: Id<Agent>,
    /// Of which task's events.
    pub task_id: Id<Task>,
    /// Free text of the agent's.
    pub status: Option<String>,
    /// Free text of the agent's.
    pub status_reason: Option<String>,
    /// The last event the agent is done with.
    pub last_processed_event_id: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What to do with a field: absent and null are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Empty it.
    Clear,
    /// Set it.
    Set(String),
}

impl Change {
    /// What the field holds afterwards.
    #[must_use]
    pub fn apply(self, old: Option<String>) -> Option<String> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }
}

/// What an agent commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The event it is now done with. A cursor never moves backwards, so there is no way to clear it.
    pub last_processed_event_id: Option<String>,
    /// Its status.
    pub status: Change,
    /// Why.
    pub status_reason: Change,
}

/// What a list of trackers is sorted by; the id breaks ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// When it last changed.
    #[default]
    UpdatedAt,
    /// When it was made.
    CreatedAt,
    /// Its id.
    Id,
}

impl Order {
    /// The place right behind `tracker` in a list sorted so.
    #[must_use]
    pub fn after(self, tracker: &Tracker) -> After {
        let id: std::sync::Arc<str> = tracker.id.as_str().into();
        let key = match self {
            Self::UpdatedAt => SortKey::Time(tracker.updated_at.timestamp_micros()),
            Self::CreatedAt => SortKey::Time(tracker.created_at.timestamp_micros()),
            Self::Id => SortKey::Text(id.clone()),
        };
        After { key, id }
    }
}

/// Which trackers to list. Every condition that is given must hold.
#[derive(Clone, Debug)]
pub struct Query {
    /// Those of a task. A task out of scope has none.
    pub task: Option<Id<Task>>,
    /// Those of an agent.
    pub agent: Option<Id<Agent>>,
    /// Sorted by this.
    pub order: Order,
    /// This page.
    pub window: Window,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The event does not exist, or is not one of this task's for this agent: the two are not told apart.
    #[error("Event with ID {id} not found")]
    UnknownEvent {
        /// As the caller gave it.
        id: String,
    },
    /// The cursor is already past that event.
    #[error("Cannot move cursor backwards: event {id} comes before the one already processed")]
    Backwards {
        /// As the caller gave it.
        id: String,
    },
    /// A text holds U+0000, which no row can.
    #[error("text with U+0000 in it cannot be stored")]
    Unstorable,
    /// The store cannot be reached, or not in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A tracker's id, and the tracker, locked under the task to ask the gate about.
pub type Located = (String, Guarded<Tracker, Task, Read>);

impl Tracker {
    /// Locked under its task.
    #[must_use]
    pub fn located(self) -> Located {
        (self.id.clone(), Guarded::new(self.task_id.clone(), self))
    }
}

/// Where trackers are kept.
#[async_trait::async_trait]
pub trait TrackerStore: Send + Sync {
    /// The tracker with this id, locked under the task to ask the gate about. One round trip.
    async fn locate(&self, id: &str) -> Result<Option<Guarded<Tracker, Task, Read>>, StoreError>;

    /// Those of these trackers that there are, in any order. One round trip.
    async fn locate_all(&self, ids: &[&str]) -> Result<Vec<Located>, StoreError>;

    /// A page of the trackers whose task is in scope. One round trip.
    async fn page(&self, scope: &Scope<Task, Read>, query: &Query) -> Result<Page<Tracker>, StoreError>;

    /// All trackers of the permitted tasks, by task, then id. One round trip.
    async fn of_tasks(&self, tasks: &[&Permit<Task, Read>]) -> Result<Vec<Tracker>, StoreError>;

    /// Commits to the tracker with this id under the permitted task; `None` when there is none.
    ///
    /// The event must belong to the tracker's task and agent, and must not come before the one the
    /// cursor stands on; the same event is fine. A cursor whose event is gone accepts any event of
    /// its task and agent. On refusal nothing changes. A commit that changes nothing leaves
    /// `updated_at` alone. Concurrent commits are taken in turn.
    async fn commit(
        &self,
        task: &Permit<Task, Execute>,
        id: &str,
        commit: Commit,
    ) -> Result<Option<Tracker>, StoreError>;
}
