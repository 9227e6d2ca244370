//! What every checkpoint store must do: LangGraph's storage semantics.

mod contents;
mod find;
mod list;
mod put;
mod writes;

use crate::{Cast, World, may, world::object};
use authz::{Permit, Task, action::Read};
use checkpoints::{Blob, Checkpoint, Contents, Key, NewCheckpoint, NewWrites, PendingWrite};
use serde_json::{Map, Value, json};
use tasks::TaskId;

suite! { $ checkpoints(World) {
    put: [
        a_checkpoint_comes_back_as_put,
        putting_again_replaces_all_but_the_parent,
        a_blob_that_is_there_stays,
        namespaces_and_threads_are_apart,
        text_that_cannot_be_stored_is_refused,
        many_puts_of_one_checkpoint_all_succeed,
        deleting_a_thread_takes_every_namespace_and_nothing_else,
        a_task_that_is_gone_has_nothing_put,
    ],
    writes: [
        a_write_that_is_there_stays,
        a_write_is_replaced_when_asked,
        of_duplicates_in_one_call_the_first_or_last_stays,
        no_writes_are_fine,
        bytes_are_bytes,
        writes_that_cannot_be_stored_are_refused,
    ],
    find: [
        the_latest_has_the_largest_id_by_bytes,
        many_keys_are_found_in_order,
        nothing_is_found_where_nothing_is,
    ],
    contents: [
        blobs_are_those_of_the_versions_named,
        versions_need_not_be_text,
        contents_come_sorted,
        contents_come_in_order_for_many,
        contents_need_the_permit_of_their_thread,
    ],
    list: [
        the_latest_come_first,
        lists_end_before_and_start_behind,
        lists_are_cut,
        lists_keep_to_a_namespace,
        metadata_is_filtered_by_containment,
        many_threads_are_listed_in_order,
    ],
} }

fn checkpoint(namespace: &str, id: &str) -> NewCheckpoint {
    NewCheckpoint {
        namespace: namespace.into(),
        id: id.into(),
        parent_id: None,
        checkpoint: object(json!({"v": 1, "id": id})),
        metadata: Map::new(),
        blobs: Vec::new(),
    }
}

fn blob(channel: &str, version: &str, bytes: &str) -> Blob {
    Blob {
        channel: channel.into(),
        version: version.into(),
        kind: "msgpack".into(),
        bytes: Some(bytes.to_owned().into()),
    }
}

fn write(task_id: &str, index: i32, bytes: &str) -> PendingWrite {
    PendingWrite {
        task_id: task_id.into(),
        index,
        channel: "channel".into(),
        kind: Some("json".into()),
        bytes: bytes.to_owned().into(),
        task_path: "~path".into(),
    }
}

fn writes(id: &str, writes: Vec<PendingWrite>, upsert: bool) -> NewWrites {
    NewWrites { namespace: String::new(), checkpoint_id: id.into(), writes, upsert }
}

async fn put(cast: &Cast<'_>, thread: &TaskId, new: NewCheckpoint) {
    assert!(cast.world.checkpoints.put(&may(&cast.editor, thread).await, new).await.unwrap());
}

async fn put_writes(cast: &Cast<'_>, thread: &TaskId, new: NewWrites) {
    assert!(cast.world.checkpoints.put_writes(&may(&cast.editor, thread).await, new).await.unwrap());
}

async fn read(cast: &Cast<'_>, thread: &TaskId) -> Permit<Task, Read> {
    may(&cast.viewer, thread).await
}

async fn find(cast: &Cast<'_>, thread: &TaskId, namespace: &str, id: Option<&str>) -> Option<Checkpoint> {
    let thread = &read(cast, thread).await;
    let mut found = cast.world.checkpoints.find(&[Key { thread, namespace, id }]).await.unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

async fn contents(cast: &Cast<'_>, of: &Checkpoint) -> Contents {
    let thread = &read(cast, &of.thread_id).await;
    let mut found = cast.world.checkpoints.contents(&[thread], &[of]).await.unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// What goes with a checkpoint of the root namespace that has these channel versions, put for the purpose.
async fn contents_of(cast: &Cast<'_>, thread: &TaskId, id: &str, versions: Value) -> Contents {
    let document = object(json!({ "channel_versions": versions }));
    put(cast, thread, NewCheckpoint { checkpoint: document, ..checkpoint("", id) }).await;
    contents(cast, &find(cast, thread, "", Some(id)).await.unwrap()).await
}
