//! Tasks: the unit of work, its status machine, and the port behind which tasks are kept.

mod query;
mod status;

pub use query::{Order, Query};
pub use status::{Status, Transition};

use authz::{
    Ending, Guarded, Id, Named, Page, Permit, Principal, Registered, Scope, Tenant,
    action::{Delete, Execute, Read, Update},
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The id of a task.
pub type TaskId = Id<authz::Task>;

/// The status reason of a new task, as in agentex.
pub const CREATED: &str = "Task created, forwarding to ACP server";

/// The longest name, in bytes: a name must fit an index.
pub const NAME_BYTES: usize = 1024;

/// A task.
#[derive(Clone)]
pub struct Task {
    /// Its id, which is also the `thread_id` of its checkpoints.
    pub id: TaskId,
    /// Its name, unique within its tenant.
    pub name: Option<String>,
    /// Where it stands. Rows of older systems may have none; such tasks are not listed.
    pub status: Option<Status>,
    /// Why it stands there.
    pub status_reason: Option<String>,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// When retention removed its conversation.
    pub cleaned_at: Option<DateTime<Utc>>,
    /// What the agent was asked to work with. Any JSON; JSON null is the same as none.
    pub params: Option<Value>,
    /// What clients keep with it. JSON null is the same as none.
    pub metadata: Option<Value>,
    /// Who made it, when it was a user or a service account: for those who may change it.
    pub creator: Guarded<Option<Principal>, authz::Task, Update>,
}

/// A task to be made.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Its id.
    pub id: TaskId,
    /// The id of its first tracker.
    pub tracker_id: String,
    /// The tenant it lives in, which must be its agent's.
    pub tenant: Id<Tenant>,
    /// Its name.
    pub name: Option<String>,
    /// What the agent is asked to work with.
    pub params: Option<Map<String, Value>>,
    /// What the client keeps with it.
    pub metadata: Option<Map<String, Value>>,
    /// Who makes it. Kept on the row when it is a user or a service account; `None` outside a request.
    pub creator: Option<Principal>,
}

/// A change to a task. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// Keys to set in `params`, at the top level. Params that are null are taken as an empty object.
    /// Setting no keys changes nothing, so null params stay null.
    pub merge_params: Option<Map<String, Value>>,
    /// The metadata to replace the old one with.
    pub metadata: Option<Map<String, Value>>,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another task of the tenant has the name.
    #[error("a task named `{name}` already exists")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The agent is gone, or is not of the tenant.
    #[error("the agent cannot take tasks of this tenant")]
    NoSuchAgent,
    /// The status machine does not lead from here to there.
    #[error("a task that is {from} cannot become {to}")]
    WrongStatus {
        /// Where the task stands.
        from: Status,
        /// Where it was to go.
        to: Status,
    },
    /// The making took so long that it was given up, and its registration is being undone.
    #[error("the task took too long to make")]
    Superseded,
    /// A text holds U+0000, which no row can.
    #[error("text with U+0000 in it cannot be stored")]
    Unstorable,
    /// The store cannot be reached, or not in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row does not hold what it must.
    #[error("a row of `{table}` is corrupt")]
    Corrupt {
        /// Its table.
        table: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where tasks are kept. Tasks that an older system marked `DELETED` are as if they were not.
#[async_trait::async_trait]
pub trait TaskStore: Send + Sync {
    /// The permitted tasks that have a row, in any order. One round trip.
    async fn get(&self, permits: &[&Permit<authz::Task, Read>]) -> Result<Vec<Task>, StoreError>;

    /// The id behind a name within a tenant, and how fresh to ask about it. No more: what it names is the gate's to show.
    async fn id_by_name(&self, tenant: &Id<Tenant>, name: &str) -> Result<Option<Named<authz::Task>>, StoreError>;

    /// A page of the tasks in scope that have a status. One round trip.
    async fn page(&self, scope: &Scope<authz::Task, Read>, query: &Query) -> Result<Page<Task>, StoreError>;

    /// Makes a task on the permitted agent, `RUNNING`, with one tracker, and settles the intent it was
    /// registered by, all or none. One round trip. [`StoreError::NameTaken`], [`StoreError::NoSuchAgent`]
    /// and [`StoreError::Superseded`] (the intent is not open any more) leave no row, and the intent as it was.
    async fn create(
        &self,
        agent: &Permit<authz::Agent, Execute>,
        new: NewTask,
        registered: Registered,
    ) -> Result<Task, StoreError>;

    /// Merges params first, then replaces metadata, in one step; `None` when the row is gone. A patch that changes nothing
    /// leaves `updated_at` alone.
    async fn update(&self, permit: &Permit<authz::Task, Update>, patch: Patch) -> Result<Option<Task>, StoreError>;

    /// Moves a task along its status machine, if it still stands where the transition may start;
    /// else [`StoreError::WrongStatus`] and nothing has changed. `None` when the row is gone. Atomic.
    async fn transition(&self, transition: &Transition<'_>) -> Result<Option<Task>, StoreError>;

    /// Removes a task and all it owns (trackers, events, messages, states, checkpoints), and opens the
    /// intent of its ending, all or none. Answers the task as it last was; `None`, and no intent, when
    /// the row is gone.
    async fn delete(&self, permit: &Permit<authz::Task, Delete>, ending: &Ending) -> Result<Option<Task>, StoreError>;
}
