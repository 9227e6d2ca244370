//! Messages: what people and agents say to each other on a task.

use crate::StoreError;
use authz::{
    After, Guarded, Id, Page, Permit, SortKey, Task, Window,
    action::{Read, Update},
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// Whether a message that is streamed is whole. Words as in agentex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamingStatus {
    /// More of it is to come.
    InProgress,
    /// It is whole.
    Done,
}

impl StreamingStatus {
    /// Every status there is.
    pub const ALL: [Self; 2] = [Self::InProgress, Self::Done];

    /// The word on wires and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Done => "DONE",
        }
    }

    /// The status behind a word, if it is one of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// The task it is said on.
    pub task_id: Id<Task>,
    /// What it says.
    pub content: Map<String, Value>,
    /// Whether it is whole, for one that is streamed.
    pub streaming_status: Option<StreamingStatus>,
    /// When it was said.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A message to be appended.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its id.
    pub id: String,
    /// What it says.
    pub content: Map<String, Value>,
    /// Whether it is whole, for one that is streamed.
    pub streaming_status: Option<StreamingStatus>,
    /// When it was said, to the microsecond.
    pub at: DateTime<Utc>,
}

/// A change to a message.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Its id.
    pub id: String,
    /// What it says from now on.
    pub content: Map<String, Value>,
    /// Whether it is whole. What is `None` stays as it is.
    pub streaming_status: Option<StreamingStatus>,
}

/// What a list of messages is sorted by; the id breaks ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MessageOrder {
    /// When it was said.
    #[default]
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
    /// Its id.
    Id,
}

impl MessageOrder {
    /// The place right behind `message` in a list sorted so.
    #[must_use]
    pub fn after(self, message: &Message) -> After {
        let id: std::sync::Arc<str> = message.id.as_str().into();
        let key = match self {
            Self::CreatedAt => SortKey::Time(message.created_at.timestamp_micros()),
            Self::UpdatedAt => SortKey::Time(message.updated_at.timestamp_micros()),
            Self::Id => SortKey::Text(id.clone()),
        };
        After { key, id }
    }
}

/// Something a message may be like. Every condition must hold, so one without conditions holds for all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Likeness {
    /// What stands in its content at a path of keys, and of indexes in arrays. Absent is the same as null.
    pub content: Vec<(Vec<String>, Value)>,
    /// Its streaming status.
    pub streaming_status: Option<StreamingStatus>,
}

/// Which messages of a task to list.
#[derive(Clone, Debug)]
pub struct MessageQuery {
    /// Those like any of these; all when there are none.
    pub like: Vec<Likeness>,
    /// And like none of these.
    pub unlike: Vec<Likeness>,
    /// Sorted by this.
    pub order: MessageOrder,
    /// This page.
    pub window: Window,
}

/// Where messages are kept.
#[async_trait::async_trait]
pub trait MessageStore: Send + Sync {
    /// Appends messages to the permitted task, all or none, or [`StoreError::NoSuchParent`]. Answers
    /// them in the order given. One round trip.
    async fn append(&self, task: &Permit<Task, Update>, new: Vec<NewMessage>) -> Result<Vec<Message>, StoreError>;

    /// The message with this id, locked under the task to ask the gate about. One round trip.
    async fn locate(&self, id: &str) -> Result<Option<Guarded<Message, Task, Read>>, StoreError>;

    /// A page of the messages of the permitted task. One round trip.
    async fn page(&self, task: &Permit<Task, Read>, query: &MessageQuery) -> Result<Page<Message>, StoreError>;

    /// Changes messages of the permitted task, all or none, and answers them in the order given. Ids
    /// come once each. One that is not of the task is [`StoreError::NoSuchMessage`], the same as one
    /// that is not there. A change that changes nothing leaves `updated_at` alone.
    async fn revise(&self, task: &Permit<Task, Update>, changes: Vec<Revision>) -> Result<Vec<Message>, StoreError>;
}
