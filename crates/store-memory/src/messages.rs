//! Messages in memory.

use crate::{
    MemoryStore, Trouble,
    json::{all_storable, same, same_object, storable, value_storable},
    page::page,
};
use async_trait::async_trait;
use authz::{
    Guarded, Page, Permit, Task,
    action::{Read, Update},
};
use chrono::{DateTime, Utc};
use conversations::{Likeness, Message, MessageQuery, MessageStore, NewMessage, Revision, StoreError};
use serde_json::{Map, Value};

#[async_trait]
impl MessageStore for MemoryStore {
    async fn append(&self, task: &Permit<Task, Update>, new: Vec<NewMessage>) -> Result<Vec<Message>, StoreError> {
        if !new.iter().all(|new| storable(&new.id) && all_storable(&new.content)) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        if !tables.tasks.contains_key(task.id()) {
            return Err(StoreError::NoSuchParent);
        }
        if new.iter().any(|new| tables.messages.contains_key(&new.id)) {
            return Err(Trouble::IdTaken.into());
        }
        let made = |new: NewMessage| Message {
            id: new.id,
            task_id: task.id().clone(),
            content: new.content,
            streaming_status: new.streaming_status,
            created_at: new.at,
            updated_at: new.at,
        };
        let messages: Vec<_> = new.into_iter().map(made).collect();
        tables.messages.extend(messages.iter().map(|message| (message.id.clone(), message.clone())));
        Ok(messages)
    }

    async fn locate(&self, id: &str) -> Result<Option<Guarded<Message, Task, Read>>, StoreError> {
        if !storable(id) {
            return Err(StoreError::Unstorable);
        }
        let found = self.tables().messages.get(id).cloned();
        Ok(found.map(|message| Guarded::new(message.task_id.clone(), message)))
    }

    async fn page(&self, task: &Permit<Task, Read>, query: &MessageQuery) -> Result<Page<Message>, StoreError> {
        if !query.like.iter().chain(&query.unlike).all(likeness_storable) {
            return Err(StoreError::Unstorable);
        }
        let tables = self.tables();
        let wanted = |message: &&Message| {
            let is = |likeness: &Likeness| alike(message, likeness);
            message.task_id == *task.id()
                && (query.like.is_empty() || query.like.iter().any(is))
                && !query.unlike.iter().any(is)
        };
        let found = tables.messages.values().filter(wanted).collect();
        Ok(page(found, &query.window, |message| query.order.after(message)))
    }

    async fn revise(&self, task: &Permit<Task, Update>, changes: Vec<Revision>) -> Result<Vec<Message>, StoreError> {
        if !changes.iter().all(|change| storable(&change.id) && all_storable(&change.content)) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        let now = tables.now();
        let mut revised = Vec::with_capacity(changes.len());
        for change in changes {
            let old = tables.messages.get(&change.id).filter(|message| message.task_id == *task.id());
            let Some(old) = old else { return Err(StoreError::NoSuchMessage { id: change.id }) };
            revised.push(apply(old, change, now));
        }
        tables.messages.extend(revised.iter().map(|message| (message.id.clone(), message.clone())));
        Ok(revised)
    }
}

fn apply(old: &Message, change: Revision, now: DateTime<Utc>) -> Message {
    let streaming_status = change.streaming_status.or(old.streaming_status);
    let changes = streaming_status != old.streaming_status || !same_object(&old.content, &change.content);
    let updated_at = if changes { now } else { old.updated_at };
    Message { content: change.content, streaming_status, updated_at, ..old.clone() }
}

fn likeness_storable(likeness: &Likeness) -> bool {
    likeness.content.iter().all(|(path, value)| path.iter().all(|key| storable(key)) && value_storable(value))
}

fn alike(message: &Message, likeness: &Likeness) -> bool {
    likeness.streaming_status.is_none_or(|status| message.streaming_status == Some(status))
        && likeness.content.iter().all(|(path, value)| same(at(&message.content, path), value))
}

/// What stands at a path, as `content #> path`; null where nothing does.
fn at<'v>(content: &'v Map<String, Value>, path: &[String]) -> &'v Value {
    let Some((first, rest)) = path.split_first() else { return &Value::Null };
    let step = |value: &'v Value, key: &String| match value {
        Value::Object(fields) => fields.get(key),
        Value::Array(items) => items.get(place(key.parse().ok()?, items.len())?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    let found = content.get(first).and_then(|value| rest.iter().try_fold(value, step));
    found.unwrap_or(&Value::Null)
}

/// The place an index stands for. Negative ones count from the end.
fn place(index: isize, length: usize) -> Option<usize> {
    if index < 0 { length.checked_sub(index.unsigned_abs()) } else { index.try_into().ok() }
}
