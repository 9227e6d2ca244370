//! Reading and writing checkpoints by their thread, which is a task.

use super::{
    access::Reach,
    checkpoint::{self, CheckpointNode, checkpoint_order},
    input::{bytes, object, optional_object, typed},
    page::{Page, cost},
    task::{TaskNode, Tasks},
};
use crate::Failure;
use async_graphql::{Context, ID, InputObject, Json, Object};
use authz::{
    Action, Permit,
    action::{Delete, Read, Update},
};
use checkpoints::{Blob, NewCheckpoint, NewWrites, PendingWrite, Query};
use serde_json::Value;

/// Reading checkpoints.
#[derive(Default)]
pub struct CheckpointQuery;

#[Object]
impl CheckpointQuery {
    /// A checkpoint of a thread, the latest without an id. A thread without it answers null, and no error.
    async fn checkpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The thread, which is the id of the task that owns it.")] thread_id: ID,
        #[graphql(desc = "The namespace; the root is the empty text.", default)] namespace: String,
        #[graphql(desc = "The checkpoint; the latest without it.")] checkpoint_id: Option<ID>,
    ) -> Result<Option<CheckpointNode>, Failure> {
        let (reach, _) = Reach::permitted::<CheckpointNode, Read>(ctx, typed(&thread_id)).await?;
        TaskNode::alone(Tasks::later(reach)).checkpoint(namespace, checkpoint_id.map(|id| id.0)).await
    }

    /// The checkpoints of a thread, latest first.
    #[graphql(complexity = "cost(first, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn checkpoints(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The thread, which is the id of the task that owns it.")] thread_id: ID,
        #[graphql(desc = "Only those of this namespace; the root is the empty text.")] namespace: Option<String>,
        #[graphql(desc = "At most this many, from 1 to 100.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those with an id smaller than this.")] before: Option<ID>,
        #[graphql(desc = "Only those whose metadata contains this JSON object.")] metadata: Option<Json<Value>>,
    ) -> Result<Option<Page<CheckpointNode>>, Failure> {
        let (ask, behind) = checkpoint_order(first, after.as_deref())?;
        let query = Query {
            namespace,
            before: before.map(|id| id.0),
            after: behind,
            metadata: optional_object("metadata", metadata)?,
            limit: ask.limit() + 1,
        };
        let (reach, _) = Reach::permitted::<Page<CheckpointNode>, Read>(ctx, typed(&thread_id)).await?;
        let listed = checkpoint::list(&reach, &query).await?;
        Ok(Some(listed.page(&TaskNode::alone(Tasks::later(reach)), &ask)))
    }
}

/// The value of a channel at a version.
#[derive(InputObject)]
pub struct CheckpointBlobInput {
    /// The channel.
    channel: String,
    /// Its version.
    version: String,
    /// How the bytes are to be read, such as `msgpack`.
    #[graphql(name = "type")]
    kind: String,
    /// The bytes, in padded base64. An empty channel has none.
    blob: Option<String>,
}

impl TryFrom<CheckpointBlobInput> for Blob {
    type Error = Failure;

    fn try_from(input: CheckpointBlobInput) -> Result<Self, Failure> {
        let bytes = input.blob.map(|text| bytes("blob", &text)).transpose()?;
        Ok(Self { channel: input.channel, version: input.version, kind: input.kind, bytes })
    }
}

/// A checkpoint to be put.
#[derive(InputObject)]
pub struct PutCheckpointInput {
    /// The thread, which is the id of the task that owns it.
    thread_id: ID,
    /// The namespace; the root is the empty text.
    #[graphql(default)]
    namespace: String,
    /// Its id.
    checkpoint_id: ID,
    /// The checkpoint it follows. The first value written stays.
    parent_checkpoint_id: Option<ID>,
    /// LangGraph's checkpoint document: a JSON object.
    checkpoint: Json<Value>,
    /// LangGraph's metadata document: a JSON object.
    metadata: Option<Json<Value>>,
    /// New channel values. One that is there already stays as it is.
    #[graphql(default)]
    blobs: Vec<CheckpointBlobInput>,
}

/// A write that a node has made and no checkpoint holds yet.
#[derive(InputObject)]
pub struct CheckpointWriteInput {
    /// LangGraph's own task within the step. Nothing to do with `Task`.
    task_id: ID,
    /// Its place among that task's writes.
    idx: i32,
    /// The channel.
    channel: String,
    /// How the bytes are to be read.
    #[graphql(name = "type")]
    kind: Option<String>,
    /// The bytes, in padded base64.
    blob: String,
    /// Where in the graph the node runs.
    #[graphql(default)]
    task_path: String,
}

impl TryFrom<CheckpointWriteInput> for PendingWrite {
    type Error = Failure;

    fn try_from(input: CheckpointWriteInput) -> Result<Self, Failure> {
        Ok(Self {
            task_id: input.task_id.0,
            index: input.idx,
            channel: input.channel,
            kind: input.kind,
            bytes: bytes("blob", &input.blob)?,
            task_path: input.task_path,
        })
    }
}

/// Writes to be put on a checkpoint.
#[derive(InputObject)]
pub struct PutCheckpointWritesInput {
    /// The thread, which is the id of the task that owns it.
    thread_id: ID,
    /// The namespace; the root is the empty text.
    #[graphql(default)]
    namespace: String,
    /// The checkpoint, which need not exist yet.
    checkpoint_id: ID,
    /// The writes.
    writes: Vec<CheckpointWriteInput>,
    /// Whether a write that is there already is replaced or stays as it is.
    #[graphql(default)]
    upsert: bool,
}

/// The permit to write to a thread, and the thread, whose checkpoints will be read back. Both are
/// asked for before anything is written.
async fn writable(ctx: &Context<'_>, id: &ID) -> Result<(TaskNode, Permit<authz::Task, Update>), Failure> {
    let reach = Reach::asked::<CheckpointNode>(ctx, typed(id), Action::Read | Action::Update).await?;
    let thread = TaskNode::alone(Tasks::later(reach));
    let _: Permit<_, Read> = thread.permit().await?;
    let permit = thread.permit().await?;
    Ok((thread, permit))
}

/// Writing checkpoints.
#[derive(Default)]
pub struct CheckpointMutation;

#[Object]
impl CheckpointMutation {
    /// Puts a checkpoint and its blobs, all or none. One that is there already has its checkpoint and
    /// metadata replaced and keeps its parent.
    async fn put_checkpoint(
        &self,
        ctx: &Context<'_>,
        input: PutCheckpointInput,
    ) -> Result<Option<CheckpointNode>, Failure> {
        let (namespace, id) = (input.namespace, input.checkpoint_id.0);
        let new = NewCheckpoint {
            namespace: namespace.clone(),
            id: id.clone(),
            parent_id: input.parent_checkpoint_id.map(|id| id.0),
            checkpoint: object("checkpoint", input.checkpoint)?,
            metadata: optional_object("metadata", input.metadata)?.unwrap_or_default(),
            blobs: input.blobs.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        };
        let (thread, permit) = writable(ctx, &input.thread_id).await?;
        if !thread.all.reach.session().app.stores.checkpoints.put(&permit, new).await? {
            return Err(permit.hidden().into());
        }
        thread.checkpoint(namespace, Some(id)).await
    }

    /// Puts pending writes on a checkpoint, all or none. Answers the checkpoint: null, and no error,
    /// while there is none.
    async fn put_checkpoint_writes(
        &self,
        ctx: &Context<'_>,
        input: PutCheckpointWritesInput,
    ) -> Result<Option<CheckpointNode>, Failure> {
        let (namespace, id) = (input.namespace, input.checkpoint_id.0);
        let new = NewWrites {
            namespace: namespace.clone(),
            checkpoint_id: id.clone(),
            writes: input.writes.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            upsert: input.upsert,
        };
        let (thread, permit) = writable(ctx, &input.thread_id).await?;
        if !thread.all.reach.session().app.stores.checkpoints.put_writes(&permit, new).await? {
            return Err(permit.hidden().into());
        }
        thread.checkpoint(namespace, Some(id)).await
    }

    /// Removes every checkpoint of a thread, in all namespaces. Answers the task, which stays.
    async fn delete_thread(&self, ctx: &Context<'_>, thread_id: ID) -> Result<Option<TaskNode>, Failure> {
        let (reach, permit) = Reach::permitted::<TaskNode, Delete>(ctx, typed(&thread_id)).await?;
        reach.session().app.stores.checkpoints.delete_thread(&permit).await?;
        Ok(Some(TaskNode::alone(Tasks::later(reach))))
    }
}
