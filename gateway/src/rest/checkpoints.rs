//! Checkpoints: five operations, all POST, on the thread that the body names. A thread is a task, so
//! the gate is asked about that task and about nothing else.

use super::{
    request::Document,
    wire::{Base64, Refused},
};
use crate::{App, Caller, Failure};
use authz::{
    Allows, Gate, Permit, Target, Task,
    action::{Delete, Marker, Read, Update},
};
use axum::{Json, extract::State};
use checkpoints::{Blob, Checkpoint, Key, NewCheckpoint, NewWrites, PendingWrite, Query, version_text};
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_tuple))
        .routes(routes!(put))
        .routes(routes!(put_writes))
        .routes(routes!(list))
        .routes(routes!(delete_thread))
}

/// The permit for the thread that the body names. The store is reached with this permit, so the id
/// that is checked is the id that is used.
async fn thread<A: Marker>(gate: &Gate, body: &Document) -> Result<Permit<Task, A>, Failure>
where
    Task: Allows<A>,
{
    Ok(gate.permit(&Target::typed(body.id("thread_id")?)).await?)
}

/// A body on a thread, for the document. The thread is read by [`thread`], the rest afterwards.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `thread` and `Document::read` read")]
struct OnThread<T> {
    /// The id of the task that owns the thread.
    thread_id: String,
    #[schema(inline)]
    #[serde(flatten)]
    rest: T,
}

/// Keys are part of an index, whose entries have a largest size: 255 bytes, and this for the two that nest.
const LONG: usize = 1024;
const SHORT: usize = 255;

fn bounded<'de, D: Deserializer<'de>, const MAX: usize>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > MAX { Err(D::Error::custom(format!("must be at most {MAX} bytes"))) } else { Ok(text) }
}

#[derive(Deserialize, ToSchema)]
struct GetTupleRequest {
    /// The namespace; the root without it.
    #[serde(default)]
    checkpoint_ns: String,
    /// The checkpoint; the latest without it.
    checkpoint_id: Option<String>,
}

/// A checkpoint with its blobs and pending writes.
#[derive(Serialize, ToSchema)]
struct CheckpointTuple {
    #[serde(flatten)]
    head: CheckpointItem,
    blobs: Vec<BlobResponse>,
    pending_writes: Vec<WriteResponse>,
}

/// A checkpoint without its blobs and pending writes.
#[derive(Serialize, ToSchema)]
struct CheckpointItem {
    thread_id: String,
    checkpoint_ns: String,
    checkpoint_id: String,
    parent_checkpoint_id: Option<String>,
    #[schema(value_type = Object)]
    checkpoint: Value,
    #[schema(value_type = Object)]
    metadata: Value,
}

#[derive(Serialize, ToSchema)]
struct BlobResponse {
    channel: String,
    version: String,
    #[serde(rename = "type")]
    kind: String,
    blob: Option<Base64>,
}

#[derive(Serialize, ToSchema)]
struct WriteResponse {
    task_id: String,
    idx: i32,
    channel: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    blob: Base64,
}

impl From<Checkpoint> for CheckpointItem {
    fn from(checkpoint: Checkpoint) -> Self {
        Self {
            thread_id: checkpoint.thread_id.as_str().to_owned(),
            checkpoint_ns: checkpoint.namespace,
            checkpoint_id: checkpoint.id,
            parent_checkpoint_id: checkpoint.parent_id,
            checkpoint: checkpoint.checkpoint,
            metadata: checkpoint.metadata,
        }
    }
}

impl From<Blob> for BlobResponse {
    fn from(blob: Blob) -> Self {
        Self { channel: blob.channel, version: blob.version, kind: blob.kind, blob: blob.bytes.map(Base64) }
    }
}

impl From<PendingWrite> for WriteResponse {
    fn from(write: PendingWrite) -> Self {
        Self {
            task_id: write.task_id,
            idx: write.index,
            channel: write.channel,
            kind: write.kind,
            blob: Base64(write.bytes),
        }
    }
}

/// A checkpoint with all that goes with it, or null
#[utoipa::path(post, path = "/checkpoints/get-tuple", tag = "checkpoints", request_body = OnThread<GetTupleRequest>,
    responses((status = 200, description = "The checkpoint, or null", body = Option<CheckpointTuple>), Refused))]
async fn get_tuple(
    State(app): State<App>,
    Caller(gate): Caller,
    body: Document,
) -> Result<Json<Option<CheckpointTuple>>, Failure> {
    let permit = thread::<Read>(&gate, &body).await?;
    let body: GetTupleRequest = body.read()?;
    let id = body.checkpoint_id.as_deref().filter(|id| !id.is_empty());
    let key = Key { thread: &permit, namespace: &body.checkpoint_ns, id };
    let Some(checkpoint) = app.stores.checkpoints.find(&[key]).await?.pop().flatten() else { return Ok(Json(None)) };
    let contents = app.stores.checkpoints.contents(&[&permit], &[&checkpoint]).await?.pop().unwrap_or_default();
    Ok(Json(Some(CheckpointTuple {
        head: checkpoint.into(),
        blobs: contents.blobs.into_iter().map(BlobResponse::from).collect(),
        pending_writes: contents.writes.into_iter().map(WriteResponse::from).collect(),
    })))
}

#[derive(Deserialize, ToSchema)]
struct PutRequest {
    /// The namespace; the root without it.
    #[serde(default, deserialize_with = "bounded::<_, LONG>")]
    checkpoint_ns: String,
    #[serde(deserialize_with = "bounded::<_, SHORT>")]
    checkpoint_id: String,
    parent_checkpoint_id: Option<String>,
    checkpoint: Map<String, Value>,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    blobs: Vec<BlobRequest>,
}

#[derive(Deserialize, ToSchema)]
struct BlobRequest {
    #[serde(deserialize_with = "bounded::<_, LONG>")]
    channel: String,
    /// A text, or another scalar, which is kept as the text that LangGraph's Python makes of it.
    #[serde(deserialize_with = "version")]
    #[schema(value_type = Value)]
    version: String,
    #[serde(rename = "type")]
    kind: String,
    blob: Option<Base64>,
}

impl From<BlobRequest> for Blob {
    fn from(blob: BlobRequest) -> Self {
        Self {
            channel: blob.channel,
            version: blob.version,
            kind: blob.kind,
            bytes: blob.blob.map(|Base64(bytes)| bytes),
        }
    }
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Array(_) | Value::Object(_) => Err(D::Error::custom("must be a string or another scalar")),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => match version_text(&scalar) {
            text if text.len() > SHORT => Err(D::Error::custom(format!("must be at most {SHORT} bytes"))),
            text => Ok(text),
        },
    }
}

/// Where a checkpoint was put.
#[derive(Serialize, ToSchema)]
struct PutResponse {
    thread_id: String,
    checkpoint_ns: String,
    checkpoint_id: String,
}

/// Put a checkpoint and its blobs
#[utoipa::path(post, path = "/checkpoints/put", tag = "checkpoints", request_body = OnThread<PutRequest>,
    responses((status = 200, description = "Where it was put", body = PutResponse), Refused))]
async fn put(State(app): State<App>, Caller(gate): Caller, body: Document) -> Result<Json<PutResponse>, Failure> {
    let permit = thread::<Update>(&gate, &body).await?;
    let body: PutRequest = body.read()?;
    let answer = PutResponse {
        thread_id: permit.id().as_str().to_owned(),
        checkpoint_ns: body.checkpoint_ns.clone(),
        checkpoint_id: body.checkpoint_id.clone(),
    };
    let new = NewCheckpoint {
        namespace: body.checkpoint_ns,
        id: body.checkpoint_id,
        parent_id: body.parent_checkpoint_id,
        checkpoint: body.checkpoint,
        metadata: body.metadata,
        blobs: body.blobs.into_iter().map(Blob::from).collect(),
    };
    if !app.stores.checkpoints.put(&permit, new).await? {
        return Err(permit.hidden().into());
    }
    Ok(Json(answer))
}

#[derive(Deserialize, ToSchema)]
struct PutWritesRequest {
    /// The namespace; the root without it.
    #[serde(default, deserialize_with = "bounded::<_, LONG>")]
    checkpoint_ns: String,
    #[serde(deserialize_with = "bounded::<_, SHORT>")]
    checkpoint_id: String,
    writes: Vec<WriteRequest>,
    /// Whether a write that is there already is replaced.
    #[serde(default)]
    upsert: bool,
}

#[derive(Deserialize, ToSchema)]
struct WriteRequest {
    /// LangGraph's own task within the step.
    #[serde(deserialize_with = "bounded::<_, SHORT>")]
    task_id: String,
    idx: i32,
    channel: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    blob: Base64,
    #[serde(default)]
    task_path: String,
}

impl From<WriteRequest> for PendingWrite {
    fn from(write: WriteRequest) -> Self {
        Self {
            task_id: write.task_id,
            index: write.idx,
            channel: write.channel,
            kind: write.kind,
            bytes: write.blob.0,
            task_path: write.task_path,
        }
    }
}

/// Put writes that no checkpoint holds yet
#[utoipa::path(post, path = "/checkpoints/put-writes", tag = "checkpoints",
    request_body = OnThread<PutWritesRequest>, responses((status = 204, description = "They are put"), Refused))]
async fn put_writes(State(app): State<App>, Caller(gate): Caller, body: Document) -> Result<StatusCode, Failure> {
    let permit = thread::<Update>(&gate, &body).await?;
    let body: PutWritesRequest = body.read()?;
    let new = NewWrites {
        namespace: body.checkpoint_ns,
        checkpoint_id: body.checkpoint_id,
        writes: body.writes.into_iter().map(PendingWrite::from).collect(),
        upsert: body.upsert,
    };
    if !app.stores.checkpoints.put_writes(&permit, new).await? {
        return Err(permit.hidden().into());
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
struct ListRequest {
    /// Only this namespace; all without it.
    checkpoint_ns: Option<String>,
    /// Only ids smaller than this.
    before_checkpoint_id: Option<String>,
    /// Only those whose metadata contains this.
    filter_metadata: Option<Map<String, Value>>,
    /// At most this many.
    #[serde(default = "usual_limit", deserialize_with = "limit")]
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    limit: u32,
}

const fn usual_limit() -> u32 {
    100
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        limit @ 1..=1000 => Ok(limit),
        _ => Err(D::Error::custom("must be a whole number from 1 to 1000")),
    }
}

/// The checkpoints of a thread, latest first
#[utoipa::path(post, path = "/checkpoints/list", tag = "checkpoints", request_body = OnThread<ListRequest>,
    responses((status = 200, description = "The checkpoints", body = Vec<CheckpointItem>), Refused))]
async fn list(
    State(app): State<App>,
    Caller(gate): Caller,
    body: Document,
) -> Result<Json<Vec<CheckpointItem>>, Failure> {
    let permit = thread::<Read>(&gate, &body).await?;
    let body: ListRequest = body.read()?;
    let query = Query {
        namespace: body.checkpoint_ns,
        before: body.before_checkpoint_id,
        after: None,
        metadata: body.filter_metadata,
        limit: body.limit,
    };
    let found = app.stores.checkpoints.list(&[&permit], &query).await?.pop().unwrap_or_default();
    Ok(Json(found.into_iter().map(CheckpointItem::from).collect()))
}

/// Delete every checkpoint of a thread
#[utoipa::path(post, path = "/checkpoints/delete-thread", tag = "checkpoints", request_body = DeleteThreadRequest,
    responses((status = 204, description = "They are gone"), Refused))]
async fn delete_thread(State(app): State<App>, Caller(gate): Caller, body: Document) -> Result<StatusCode, Failure> {
    let permit = thread::<Delete>(&gate, &body).await?;
    app.stores.checkpoints.delete_thread(&permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `thread` reads")]
struct DeleteThreadRequest {
    /// The id of the task that owns the thread.
    thread_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn c7_a_version_is_any_scalar() {
        let version = |version| {
            let blob = json!({"channel": "m", "version": version, "type": "msgpack"});
            serde_json::from_value::<BlobRequest>(blob).map(|blob| blob.version).ok()
        };
        assert_eq!(version(json!("3.0")), Some("3.0".to_owned()));
        assert_eq!(version(json!(1)), Some("1".to_owned()));
        assert_eq!(version(json!(null)), Some("None".to_owned()));
        assert_eq!(version(json!([1])), None);
        assert_eq!(version(json!("v".repeat(256))), None);
    }
}
