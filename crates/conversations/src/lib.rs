//! What is said on a task. A child row has no permission of its own: it is reached with its task's
//! permit, and the store pins it to that task.

mod event;

pub use event::{Event, EventQuery, EventStore, NewEvent};

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The task or the agent is gone.
    #[error("the task or the agent no longer exists")]
    NoSuchParent,
    /// A text holds U+0000, which no row can.
    #[error("text with U+0000 in it cannot be stored")]
    Unstorable,
    /// The store cannot be reached, or not in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
