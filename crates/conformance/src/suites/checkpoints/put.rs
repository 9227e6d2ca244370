//! Putting checkpoints, and deleting threads.

use super::{blob, checkpoint, contents_of, find, put, put_writes, write, writes};
use crate::{World, may, world::object};
use checkpoints::{Key, NewCheckpoint, StoreError};
use futures::future::join_all;
use serde_json::json;

pub(super) async fn a_checkpoint_comes_back_as_put(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let new = NewCheckpoint {
        parent_id: Some("0".into()),
        checkpoint: object(json!({"v": 4, "channel_values": {"ä": [1, 2.5, null]}, "channel_versions": {"c": "1"}})),
        metadata: object(json!({"source": "loop", "step": -1, "writes": null})),
        ..checkpoint("inner|graph:1", "1ef")
    };
    put(&cast, &thread, new.clone()).await;
    let found = find(&cast, &thread, "inner|graph:1", None).await.unwrap();
    assert_eq!((&found.thread_id, &found.namespace, &found.id), (&thread, &new.namespace, &new.id));
    assert_eq!(found.parent_id, new.parent_id);
    assert_eq!((found.checkpoint, found.metadata), (new.checkpoint.into(), new.metadata.into()));
}

pub(super) async fn putting_again_replaces_all_but_the_parent(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    for (parent, kept, id) in [(Some("p"), Some("p"), "1"), (None, None, "2")] {
        let first = NewCheckpoint {
            parent_id: parent.map(Into::into),
            metadata: object(json!({"a": 1})),
            ..checkpoint("", id)
        };
        let again = NewCheckpoint {
            parent_id: Some("other".into()),
            checkpoint: object(json!({"v": 2})),
            metadata: object(json!({"b": 2})),
            ..checkpoint("", id)
        };
        put(&cast, &thread, first).await;
        put(&cast, &thread, again).await;
        let found = find(&cast, &thread, "", Some(id)).await.unwrap();
        assert_eq!(found.parent_id.as_deref(), kept);
        assert_eq!((found.checkpoint, found.metadata), (json!({"v": 2}), json!({"b": 2})));
    }
}

pub(super) async fn a_blob_that_is_there_stays(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let twice = vec![blob("c", "1", "first"), blob("c", "1", "second"), blob("c", "2", "other")];
    put(&cast, &thread, NewCheckpoint { blobs: twice, ..checkpoint("", "1") }).await;
    let changed = checkpoints::Blob { kind: "json".into(), ..blob("c", "1", "third") };
    put(&cast, &thread, NewCheckpoint { blobs: vec![changed], ..checkpoint("", "2") }).await;
    let found = contents_of(&cast, &thread, "3", json!({"c": "1"})).await;
    assert_eq!(found.blobs, [blob("c", "1", "first")]);
}

pub(super) async fn namespaces_and_threads_are_apart(world: &World) {
    let cast = world.cast().await;
    let (thread, other) = (cast.task().await, cast.task().await);
    put(&cast, &thread, NewCheckpoint { blobs: vec![blob("c", "1", "theirs")], ..checkpoint("inner", "1") }).await;
    put(&cast, &other, NewCheckpoint { blobs: vec![blob("c", "1", "theirs")], ..checkpoint("", "1") }).await;
    put_writes(&cast, &other, writes("1", vec![write("t", 0, "theirs")], false)).await;
    assert!(find(&cast, &thread, "", None).await.is_none());
    assert!(find(&cast, &other, "inner", Some("1")).await.is_none());
    let found = contents_of(&cast, &thread, "1", json!({"c": "1"})).await;
    assert!(found.blobs.is_empty() && found.writes.is_empty());
}

pub(super) async fn text_that_cannot_be_stored_is_refused(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let fine = blob("c", "1", "left behind");
    let bad = [
        NewCheckpoint { checkpoint: object(json!({"a": ["\0"]})), ..checkpoint("", "1") },
        NewCheckpoint { metadata: object(json!({"\0": 1})), ..checkpoint("", "1") },
        NewCheckpoint { parent_id: Some("\0".into()), ..checkpoint("", "1") },
        NewCheckpoint { namespace: "\0".into(), ..checkpoint("", "1") },
        NewCheckpoint { blobs: vec![fine.clone(), blob("\0", "1", "")], ..checkpoint("", "1") },
    ];
    for new in bad {
        let new = if new.blobs.is_empty() { NewCheckpoint { blobs: vec![fine.clone()], ..new } } else { new };
        let refused = world.checkpoints.put(&may(&cast.editor, &thread).await, new).await.err();
        assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
        assert!(find(&cast, &thread, "", None).await.is_none());
    }
    assert!(contents_of(&cast, &thread, "2", json!({"c": "1"})).await.blobs.is_empty());
}

pub(super) async fn many_puts_of_one_checkpoint_all_succeed(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let permit = may(&cast.editor, &thread).await;
    let puts = (0..8).map(|place| {
        // In different orders, so that a store that locks as it goes would meet itself.
        let mut blobs: Vec<_> = (0..6).map(|version| blob("c", &format!("{version}"), "same")).collect();
        blobs.rotate_left(place % 6);
        world.checkpoints.put(&permit, NewCheckpoint { blobs, ..checkpoint("", "1") })
    });
    assert!(join_all(puts).await.into_iter().all(|put| put.is_ok()));
    assert!(find(&cast, &thread, "", Some("1")).await.is_some());
}

pub(super) async fn deleting_a_thread_takes_every_namespace_and_nothing_else(world: &World) {
    let cast = world.cast().await;
    let (thread, other) = (cast.task().await, cast.task().await);
    for task in [&thread, &other] {
        for namespace in ["", "inner"] {
            let blobs = vec![blob("c", "1", "old")];
            put(&cast, task, NewCheckpoint { blobs, ..checkpoint(namespace, "1") }).await;
        }
        put_writes(&cast, task, writes("1", vec![write("t", 0, "old")], false)).await;
    }
    let delete = may(&cast.owner, &thread).await;
    for _ in 0..2 {
        world.checkpoints.delete_thread(&delete).await.unwrap();
        for namespace in ["", "inner"] {
            assert!(find(&cast, &thread, namespace, None).await.is_none());
            assert!(find(&cast, &other, namespace, None).await.is_some());
        }
    }
    assert!(cast.read(&thread).await.is_some(), "the task itself stays");
    let left = contents_of(&cast, &thread, "1", json!({"c": "1"})).await;
    assert!(left.blobs.is_empty() && left.writes.is_empty());
    let kept = contents_of(&cast, &other, "1", json!({"c": "1"})).await;
    assert_eq!((kept.blobs.len(), kept.writes.len()), (1, 1));
}

pub(super) async fn a_task_that_is_gone_has_nothing_put(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let (update, read) = (may(&cast.editor, &thread).await, may(&cast.viewer, &thread).await);
    put(&cast, &thread, checkpoint("", "1")).await;
    world.remove_task(&may(&cast.owner, &thread).await).await.unwrap();
    let blobs = vec![blob("c", "1", "late")];
    let late = NewCheckpoint { blobs, ..checkpoint("", "2") };
    assert!(!world.checkpoints.put(&update, late).await.unwrap());
    for upsert in [false, true] {
        let late = writes("1", vec![write("t", 0, "late")], upsert);
        assert!(!world.checkpoints.put_writes(&update, late).await.unwrap());
    }
    for id in [None, Some("1"), Some("2")] {
        let found = world.checkpoints.find(&[Key { thread: &read, namespace: "", id }]).await.unwrap();
        assert!(found.iter().all(Option::is_none), "{id:?}");
    }
}
