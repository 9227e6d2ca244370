//! States: what an agent keeps about a task. There is one for each agent on each task.

use crate::StoreError;
use authz::{
    After, Agent, Guarded, Id, Page, Permit, Scope, SortKey, Task, Window,
    action::{Delete, Read, Update},
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// A state.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Its id.
    pub id: String,
    /// The task it is about.
    pub task_id: Id<Task>,
    /// The agent that keeps it.
    pub agent_id: Id<Agent>,
    /// What is kept.
    pub state: Map<String, Value>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A state to be made.
#[derive(Clone, Debug)]
pub struct NewState {
    /// Its id.
    pub id: String,
    /// The agent that keeps it, which must work on the task.
    pub agent: Id<Agent>,
    /// What is kept.
    pub state: Map<String, Value>,
}

/// What a list of states is sorted by; the id breaks ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StateOrder {
    /// Its id.
    #[default]
    Id,
    /// When it was made.
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
}

impl StateOrder {
    /// The place right behind `state` in a list sorted so.
    #[must_use]
    pub fn after(self, state: &State) -> After {
        let id: std::sync::Arc<str> = state.id.as_str().into();
        let key = match self {
            Self::Id => SortKey::Text(id.clone()),
            Self::CreatedAt => SortKey::Time(state.created_at.timestamp_micros()),
            Self::UpdatedAt => SortKey::Time(state.updated_at.timestamp_micros()),
        };
        After { key, id }
    }
}

/// Which states to list. Every condition that is given must hold.
#[derive(Clone, Debug)]
pub struct StateQuery {
    /// Those of a task. A task out of scope has none.
    pub task: Option<Id<Task>>,
    /// Those of an agent.
    pub agent: Option<Id<Agent>>,
    /// Sorted by this.
    pub order: StateOrder,
    /// This page.
    pub window: Window,
}

/// Where states are kept.
#[async_trait::async_trait]
pub trait StateStore: Send + Sync {
    /// Makes the state of an agent on the permitted task. [`StoreError::StateExists`] when the agent
    /// keeps one there already; [`StoreError::NoSuchParent`] when the task is gone or the agent does not
    /// work on it. One round trip.
    async fn create(&self, task: &Permit<Task, Update>, new: NewState) -> Result<State, StoreError>;

    /// The state with this id, locked under the task to ask the gate about. One round trip.
    async fn locate(&self, id: &str) -> Result<Option<Guarded<State, Task, Read>>, StoreError>;

    /// A page of the states whose task is in scope. One round trip.
    async fn page(&self, scope: &Scope<Task, Read>, query: &StateQuery) -> Result<Page<State>, StoreError>;

    /// Replaces what is kept in the state with this id under the permitted task; `None` when there is
    /// none. A change that changes nothing leaves `updated_at` alone.
    async fn replace(
        &self,
        task: &Permit<Task, Update>,
        id: &str,
        state: Map<String, Value>,
    ) -> Result<Option<State>, StoreError>;

    /// Removes the state with this id under the permitted task, and answers it as it last was; `None`
    /// when there is none.
    async fn delete(&self, task: &Permit<Task, Delete>, id: &str) -> Result<Option<State>, StoreError>;
}
