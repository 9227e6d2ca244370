//! Tasks.

mod mutation;
mod node;
mod query;

pub use mutation::TaskMutation;
pub use node::{TaskNode, Tasks};
pub use query::{TaskOrderField, TaskQuery};

use async_graphql::{Enum, SimpleObject};

/// Where a task stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tasks::Status")]
pub enum TaskStatus {
    /// Being worked on.
    Running,
    /// Stopped for now; its next turn resumes it.
    Interrupted,
    /// Done.
    Completed,
    /// Broken.
    Failed,
    /// Ended by its owner.
    Canceled,
    /// Ended by an operator or an agent.
    Terminated,
    /// Out of time.
    TimedOut,
}

/// How a principal stands to a task.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "authz::Role")]
pub enum Role {
    /// Made it.
    Owner,
    /// May change it.
    Editor,
    /// May see it.
    Viewer,
}

/// Somebody with a role on a task.
#[derive(SimpleObject, Clone)]
pub struct TaskAccess {
    /// Who, as `user:ID`, `service_account:ID` or `agent:ID`.
    pub principal: String,
    /// As what.
    pub role: Role,
}
