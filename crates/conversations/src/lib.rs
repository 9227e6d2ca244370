//! What is said on a task. A child row has no permission of its own: it is reached with its task's
//! permit, and the store pins it to that task.

mod event;
mod message;
mod state;

pub use event::{Event, EventQuery, EventStore, NewEvent};
pub use message::{Likeness, Message, MessageOrder, MessageQuery, MessageStore, NewMessage, Revision, StreamingStatus};
pub use state::{NewState, State, StateOrder, StateQuery, StateStore};

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The task or the agent is gone.
    #[error("the task or the agent no longer exists")]
    NoSuchParent,
    /// The message does not exist, or is not one of this task's: the two are not told apart.
    #[error("message `{id}` does not exist")]
    NoSuchMessage {
        /// As the caller gave it.
        id: String,
    },
    /// The agent keeps a state on the task already.
    #[error("the agent already has a state on this task")]
    StateExists,
    /// A text holds U+0000, which no row can.
    #[error("text with U+0000 in it cannot be stored")]
    Unstorable,
    /// The store cannot be reached, or not in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
