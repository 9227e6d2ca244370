//! Events: what an asynchronous agent reads, in the order of their sequence ids.

use crate::StoreError;
use authz::{
    Agent, Guarded, Id, Permit, Task,
    action::{Read, Update},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// An event. It never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Its place among all events of the deployment.
    pub sequence_id: i64,
    /// The task it is about.
    pub task_id: Id<Task>,
    /// The agent it is for.
    pub agent_id: Id<Agent>,
    /// What it says.
    pub content: Option<Value>,
    /// When it was appended.
    pub created_at: DateTime<Utc>,
}

/// An event to be appended.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its id.
    pub id: String,
    /// The agent it is for, which must work on the task.
    pub agent: Id<Agent>,
    /// What it says.
    pub content: Option<Value>,
}

/// Which events of a task to list, oldest first.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Only those strictly behind this event of the task. An event that is not there is an error of
    /// the caller's: [`EventStore::page`] answers `None`.
    pub after: Option<String>,
    /// At most this many.
    pub limit: Option<u32>,
}

/// Where events are kept.
#[async_trait::async_trait]
pub trait EventStore: Send + Sync {
    /// Appends an event to the permitted task, or [`StoreError::NoSuchParent`]. One round trip.
    async fn append(&self, task: &Permit<Task, Update>, new: NewEvent) -> Result<Event, StoreError>;

    /// The event with this id, locked under the task to ask the gate about. One round trip.
    async fn locate(&self, id: &str) -> Result<Option<Guarded<Event, Task, Read>>, StoreError>;

    /// The events of the permitted task for the permitted agent.
    /// `None` when the event to start behind is not one of them. One round trip.
    async fn page(
        &self,
        task: &Permit<Task, Read>,
        agent: &Permit<Agent, Read>,
        query: &EventQuery,
    ) -> Result<Option<Vec<Event>>, StoreError>;
}
