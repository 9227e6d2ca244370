//! What changes in `SpiceDB`, whoever changes it.

use crate::{
    SpiceDb,
    trouble::{failed, nonsense},
    wire,
};
use authz::{ConsistencyToken, EngineError, Relationship};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use spicedb_grpc_tonic::v1::{WatchKind, WatchRequest, WatchResponse, relationship_update::Operation};

/// What became of a relationship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It was written. It may have been there before.
    Added,
    /// It is no longer there.
    Removed,
}

/// A change of one relationship.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The relationship.
    pub relationship: Relationship,
    /// What became of it.
    pub turn: Turn,
}

/// All that changed at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The changes, in no order: they were made at once. None when the engine only says how far it has come.
    pub made: Vec<Change>,
    /// Whether something changed that is not told in `made`: the schema, or relationships that this version
    /// has no words for.
    pub untold: bool,
    /// The moment. Whoever watches on from it is told of all that comes later, and of nothing twice.
    pub through: ConsistencyToken,
}

impl SpiceDb {
    /// Tells of all that changes after `from` (see [`SpiceDb::moment`]), or from about now, in order, until
    /// something fails; nothing comes behind a failure. A moment that lies further back than the server remembers
    /// is a failure too, and no transient one. [`Watcher`](crate::Watcher) deals with all that.
    ///
    /// The call is made when the stream is first polled. The server may answer nothing, not even that it listens,
    /// before something changes.
    pub fn watch(
        &self,
        from: Option<&ConsistencyToken>,
    ) -> impl Stream<Item = Result<Changes, EngineError>> + Send + Unpin + use<> {
        let kinds =
            [WatchKind::IncludeRelationshipUpdates, WatchKind::IncludeSchemaUpdates, WatchKind::IncludeCheckpoints];
        let request = WatchRequest {
            optional_start_cursor: from.map(wire::zed_token),
            optional_update_kinds: kinds.map(Into::into).into(),
            ..Default::default()
        };
        let mut client = self.watch.clone();
        let opened = async move { client.watch(request).await.map(tonic::Response::into_inner) };
        let answers = stream::once(opened).try_flatten();
        answers.map(|answer| answer.map_err(failed).and_then(changes)).boxed()
    }
}

/// What an answer tells.
fn changes(answer: WatchResponse) -> Result<Changes, EngineError> {
    let through = answer.changes_through.ok_or_else(|| nonsense("changes of no moment"))?;
    let mut all = Changes { made: Vec::new(), untold: answer.schema_updated, through: wire::token(through) };
    for update in answer.updates {
        let turn = match update.operation() {
            Operation::Create | Operation::Touch => Some(Turn::Added),
            Operation::Delete => Some(Turn::Removed),
            Operation::Unspecified => None,
        };
        match update.relationship.and_then(wire::relationship).zip(turn) {
            Some((relationship, turn)) => all.made.push(Change { relationship, turn }),
            None => all.untold = true,
        }
    }
    Ok(all)
}
