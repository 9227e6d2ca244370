//! Checkpoints. They have no permission of their own: each field needs what it needs on the task
//! that owns the thread.

use super::{
    access::Reach,
    input::base64,
    page::{Ask, Page},
    shared::Once,
    stored::Stored,
    task::TaskNode,
};
use crate::Failure;
use async_graphql::{ID, Object, SimpleObject};
use authz::{After, Permit, SortKey, action::Read};
use checkpoints::{Blob, Checkpoint, Contents, Key, PendingWrite, Query};
use std::{ops::Range, sync::Arc};

/// Checkpoints that were found together. What goes with one of them is found for all.
pub struct Checkpoints {
    rows: Vec<Arc<Checkpoint>>,
    contents: Once<Vec<Contents>>,
}

/// For each task of a list, its checkpoints among those found together.
pub struct ByTask {
    all: Arc<Checkpoints>,
    spans: Vec<Range<usize>>,
}

impl ByTask {
    /// From what was found for some of `len` tasks, each with its place in the list.
    fn new(len: usize, found: impl Iterator<Item = (usize, Vec<Checkpoint>)>) -> Arc<Self> {
        let (mut rows, mut spans) = (Vec::new(), vec![0..0; len]);
        for (at, of_task) in found {
            let start = rows.len();
            rows.extend(of_task.into_iter().map(Arc::new));
            if let Some(span) = spans.get_mut(at) {
                *span = start..rows.len();
            }
        }
        Arc::new(Self { all: Arc::new(Checkpoints { rows, contents: Once::later() }), spans })
    }

    fn nodes(&self, task: &TaskNode) -> impl Iterator<Item = CheckpointNode> {
        let span = self.spans.get(task.at).cloned().unwrap_or_default();
        span.filter_map(|at| {
            let row = Arc::clone(self.all.rows.get(at)?);
            Some(CheckpointNode { all: Arc::clone(&self.all), at, row, task: task.clone() })
        })
    }

    /// The first of a task.
    pub fn first(&self, task: &TaskNode) -> Option<CheckpointNode> {
        self.nodes(task).next()
    }

    /// The page of a task that was asked for, of which one more was found if there is one.
    pub fn page(&self, task: &TaskNode, ask: &Ask) -> Page<CheckpointNode> {
        let limit = ask.limit() as usize;
        let more = self.nodes(task).nth(limit).is_some();
        let placed = self.nodes(task).take(limit).map(|node| {
            let (id, namespace) = (node.row.id.as_str().into(), node.row.namespace.as_str().into());
            (After { key: SortKey::Text(id), id: namespace }, node)
        });
        ask.page(placed, more)
    }
}

/// Finds the checkpoint with this id, or the latest, of each task that may be read. One store call.
pub async fn find(reach: &Reach<authz::Task>, namespace: &str, id: Option<&str>) -> Result<Arc<ByTask>, Failure> {
    let permits = reach.permits::<Read>().await?;
    let keys: Vec<_> = permits.iter().map(|(_, thread)| Key { thread, namespace, id }).collect();
    let found = reach.session().app.stores.checkpoints.find(&keys).await?;
    let found = found.into_iter().map(|checkpoint| checkpoint.into_iter().collect());
    Ok(ByTask::new(reach.len(), permits.iter().map(|(at, _)| *at).zip(found)))
}

/// Lists the checkpoints of each task that may be read. One store call.
pub async fn list(reach: &Reach<authz::Task>, query: &Query) -> Result<Arc<ByTask>, Failure> {
    let permits = reach.permits::<Read>().await?;
    let threads: Vec<_> = permits.iter().map(|(_, thread)| thread).collect();
    let found = reach.session().app.stores.checkpoints.list(&threads, query).await?;
    Ok(ByTask::new(reach.len(), permits.iter().map(|(at, _)| *at).zip(found)))
}

/// The id and the namespace of the checkpoint to start behind.
pub type Behind = Option<(String, String)>;

/// The page of a list of checkpoints that a field's arguments ask for, and where it starts.
pub fn checkpoint_order(first: Option<i32>, after: Option<&str>) -> Result<(Ask, Behind), Failure> {
    let ask = Ask::new("checkpoints".to_owned(), first, after)?;
    let behind = ask.after().map(|after| match &after.key {
        SortKey::Text(id) => Ok((id.to_string(), after.id.to_string())),
        SortKey::Time(_) | SortKey::Number(_) => Err(Failure::invalid("`after` is not a cursor of this list")),
    });
    let behind = behind.transpose()?;
    Ok((ask, behind))
}

/// A checkpoint, and the task that owns its thread.
pub struct CheckpointNode {
    all: Arc<Checkpoints>,
    at: usize,
    row: Arc<Checkpoint>,
    task: TaskNode,
}

impl CheckpointNode {
    /// Its row, for whoever may read its task.
    async fn read(&self) -> Result<&Checkpoint, Failure> {
        let _: Permit<_, Read> = self.task.permit().await?;
        Ok(&self.row)
    }

    async fn contents(&self) -> Result<Option<&Contents>, Failure> {
        let _: Permit<_, Read> = self.task.permit().await?;
        Ok(self.all.contents.get(|| self.fetch()).await?.get(self.at))
    }

    async fn fetch(&self) -> Result<Vec<Contents>, Failure> {
        let reach = &self.task.all.reach;
        let permits = reach.permits::<Read>().await?;
        let threads: Vec<_> = permits.iter().map(|(_, thread)| thread).collect();
        let of: Vec<_> = self.all.rows.iter().map(Arc::as_ref).collect();
        Ok(reach.session().app.stores.checkpoints.contents(&threads, &of).await?)
    }
}

/// A state of a graph, as LangGraph keeps it.
#[Object(name = "Checkpoint")]
impl CheckpointNode {
    /// The thread, which is the id of the task that owns it.
    async fn thread_id(&self) -> ID {
        ID(self.row.thread_id.as_str().to_owned())
    }

    /// The graph or subgraph it belongs to; the root is the empty text.
    async fn namespace(&self) -> &str {
        &self.row.namespace
    }

    /// Its id. Ids of one namespace sort by time.
    async fn checkpoint_id(&self) -> ID {
        ID(self.row.id.clone())
    }

    /// The checkpoint it follows.
    async fn parent_checkpoint_id(&self) -> Result<Option<ID>, Failure> {
        Ok(self.read().await?.parent_id.clone().map(ID))
    }

    /// LangGraph's checkpoint document.
    async fn checkpoint(&self) -> Result<Option<Stored<'_>>, Failure> {
        Ok(Some(Stored(&self.read().await?.checkpoint)))
    }

    /// LangGraph's metadata document.
    async fn metadata(&self) -> Result<Option<Stored<'_>>, Failure> {
        Ok(Some(Stored(&self.read().await?.metadata)))
    }

    /// The values of the channel versions it names, by channel, then version.
    async fn blobs(&self) -> Result<Option<Vec<CheckpointBlob>>, Failure> {
        Ok(self.contents().await?.map(|contents| contents.blobs.iter().map(Into::into).collect()))
    }

    /// The writes pending on it, by task, then index.
    async fn pending_writes(&self) -> Result<Option<Vec<CheckpointWrite>>, Failure> {
        Ok(self.contents().await?.map(|contents| contents.writes.iter().map(Into::into).collect()))
    }

    /// The task that owns the thread.
    async fn task(&self) -> Result<Option<&TaskNode>, Failure> {
        let _: Permit<_, Read> = self.task.permit().await?;
        Ok(Some(&self.task))
    }
}

/// The value of a channel at a version.
#[derive(SimpleObject)]
pub struct CheckpointBlob {
    /// The channel.
    channel: String,
    /// Its version.
    version: String,
    /// How the bytes are to be read, such as `msgpack`.
    #[graphql(name = "type")]
    kind: String,
    /// The bytes, in base64. An empty channel has none.
    blob: Option<String>,
}

impl From<&Blob> for CheckpointBlob {
    fn from(blob: &Blob) -> Self {
        let (channel, version, kind) = (blob.channel.clone(), blob.version.clone(), blob.kind.clone());
        Self { channel, version, kind, blob: blob.bytes.as_ref().map(base64) }
    }
}

/// A write that a node has made and no checkpoint holds yet.
#[derive(SimpleObject)]
pub struct CheckpointWrite {
    /// LangGraph's own task within the step. Nothing to do with `Task`.
    task_id: ID,
    /// Its place among that task's writes.
    idx: i32,
    /// The channel.
    channel: String,
    /// How the bytes are to be read.
    #[graphql(name = "type")]
    kind: Option<String>,
    /// The bytes, in base64.
    blob: String,
    /// Where in the graph the node runs.
    task_path: String,
}

impl From<&PendingWrite> for CheckpointWrite {
    fn from(write: &PendingWrite) -> Self {
        Self {
            task_id: ID(write.task_id.clone()),
            idx: write.index,
            channel: write.channel.clone(),
            kind: write.kind.clone(),
            blob: base64(&write.bytes),
            task_path: write.task_path.clone(),
        }
    }
}
