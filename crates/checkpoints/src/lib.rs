//! Checkpoints: LangGraph state, kept under the task that owns the thread.
//!
//! A `thread_id` is a task id, and a checkpoint has no permission of its own: the engine only ever
//! hears of the task. Storage follows LangGraph's own PostgreSQL saver, three tables of the same names.

use authz::{
    Id, Permit, Task,
    action::{Delete, Read, Update},
};
use bytes::Bytes;
use serde_json::{Map, Value};

/// A checkpoint without its blobs and pending writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The task that owns the thread.
    pub thread_id: Id<Task>,
    /// The graph or subgraph it belongs to; the root is the empty text.
    pub namespace: String,
    /// Its id. Ids of one namespace sort by time, byte by byte.
    pub id: String,
    /// The checkpoint it follows. The first value written stays.
    pub parent_id: Option<String>,
    /// LangGraph's checkpoint document.
    pub checkpoint: Value,
    /// LangGraph's metadata document.
    pub metadata: Value,
}

/// The value of a channel at a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The channel.
    pub channel: String,
    /// Its version.
    pub version: String,
    /// How the bytes are to be read, such as `msgpack`.
    pub kind: String,
    /// The bytes. An empty channel has none.
    pub bytes: Option<Bytes>,
}

/// A write that a node has made and no checkpoint holds yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingWrite {
    /// LangGraph's own task within the step. Nothing to do with our tasks.
    pub task_id: String,
    /// Its place among that task's writes.
    pub index: i32,
    /// The channel.
    pub channel: String,
    /// How the bytes are to be read.
    pub kind: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
    /// Where in the graph the node runs.
    pub task_path: String,
}

/// What goes with a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The blobs of the channel versions it names, by channel, then version. Missing ones are left out.
    pub blobs: Vec<Blob>,
    /// The writes pending on it, by task, then index.
    pub writes: Vec<PendingWrite>,
}

/// A checkpoint to be put.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCheckpoint {
    /// Its namespace.
    pub namespace: String,
    /// Its id.
    pub id: String,
    /// The checkpoint it follows.
    pub parent_id: Option<String>,
    /// LangGraph's checkpoint document.
    pub checkpoint: Map<String, Value>,
    /// LangGraph's metadata document.
    pub metadata: Map<String, Value>,
    /// New channel values. One that is there already stays as it is.
    pub blobs: Vec<Blob>,
}

/// Writes to be put on a checkpoint, which need not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWrites {
    /// Its namespace.
    pub namespace: String,
    /// Its id.
    pub checkpoint_id: String,
    /// The writes.
    pub writes: Vec<PendingWrite>,
    /// Whether a write that is there already is replaced (channel, kind and bytes) or stays as it is.
    pub upsert: bool,
}

/// One checkpoint to find.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// The task's permit.
    pub thread: &'a Permit<Task, Read>,
    /// The namespace.
    pub namespace: &'a str,
    /// The id. `None` finds the latest: the largest id.
    pub id: Option<&'a str>,
}

/// Which checkpoints of a thread to list, latest first: by id descending, then namespace ascending.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Only ids smaller than this. The empty text is smaller than any id, so it finds none.
    pub before: Option<String>,
    /// Only right behind this id and namespace in the order of the list.
    pub after: Option<(String, String)>,
    /// Only those whose metadata contains this, as JSONB containment.
    pub metadata: Option<Map<String, Value>>,
    /// At most this many.
    pub limit: u32,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A text holds U+0000, which no row can.
    #[error("text with U+0000 in it cannot be stored")]
    Unstorable,
    /// The store cannot be reached, or not in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where checkpoints are kept.
#[async_trait::async_trait]
pub trait CheckpointStore: Send + Sync {
    /// The checkpoints behind the keys, in order; `None` for one that is not there. One round trip.
    async fn find(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Checkpoint>>, StoreError>;

    /// What goes with checkpoints that were found under the permitted threads, in order. One round
    /// trip. A checkpoint whose thread is not among the permits has no contents.
    async fn contents(&self, threads: &[&Permit<Task, Read>], of: &[&Checkpoint]) -> Result<Vec<Contents>, StoreError>;

    /// For each permitted thread, in order, the checkpoints that `query` finds. One round trip.
    async fn list(&self, threads: &[&Permit<Task, Read>], query: &Query) -> Result<Vec<Vec<Checkpoint>>, StoreError>;

    /// Puts a checkpoint and its blobs, all or none. One that is there already has its checkpoint and
    /// metadata replaced and keeps its parent. Answers whether the thread's task is there: if it has
    /// ended since the permit was given, nothing is put.
    async fn put(&self, thread: &Permit<Task, Update>, new: NewCheckpoint) -> Result<bool, StoreError>;

    /// Puts pending writes, all or none. Within one call, of two writes with the same task and index
    /// the first stays, or with `upsert` the last. Answers whether the thread's task is there, as
    /// [`put`](Self::put) does.
    async fn put_writes(&self, thread: &Permit<Task, Update>, new: NewWrites) -> Result<bool, StoreError>;

    /// Removes every checkpoint, blob and write of the thread, in all namespaces. Repeating it changes nothing.
    async fn delete_thread(&self, thread: &Permit<Task, Delete>) -> Result<(), StoreError>;
}

/// The channel versions a checkpoint names, as the text they are stored under: numbers as they are
/// written, `true` as `True` and null as `None`, as LangGraph's Python stores them.
#[must_use]
pub fn channel_versions(checkpoint: &Value) -> Vec<(String, String)> {
    let Some(versions) = checkpoint.get("channel_versions").and_then(Value::as_object) else { return Vec::new() };
    versions.iter().map(|(channel, version)| (channel.clone(), version_text(version))).collect()
}

/// One channel version as the text it is stored under.
#[must_use]
pub fn version_text(version: &Value) -> String {
    match version {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => "None".to_owned(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => version.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_spelt_as_python_spells_them() {
        let spelt = |version| version_text(&version);
        assert_eq!(spelt(json!("3.0")), "3.0");
        assert_eq!(spelt(json!(1)), "1");
        assert_eq!(spelt(json!(1.0)), "1.0");
        assert_eq!(spelt(json!(true)), "True");
        assert_eq!(spelt(json!(null)), "None");
    }

    #[test]
    fn a_checkpoint_without_a_map_of_versions_names_none() {
        for odd in [json!({}), json!({"channel_versions": null}), json!({"channel_versions": [1]}), json!(7)] {
            assert_eq!(channel_versions(&odd), []);
        }
    }
}
