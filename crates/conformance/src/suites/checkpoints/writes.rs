//! Putting pending writes.

use super::{blob, checkpoint, contents_of, put, put_writes, write, writes};
use crate::{World, may};
use checkpoints::{Blob, NewCheckpoint, PendingWrite, StoreError};
use serde_json::json;

pub(super) async fn a_write_that_is_there_stays(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    put_writes(&cast, &thread, writes("1", vec![write("t", 0, "first")], false)).await;
    put_writes(&cast, &thread, writes("1", vec![write("t", 0, "second"), write("t", 1, "new")], false)).await;
    let found = contents_of(&cast, &thread, "1", json!({})).await;
    assert_eq!(found.writes, [write("t", 0, "first"), write("t", 1, "new")]);
}

pub(super) async fn a_write_is_replaced_when_asked(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    put_writes(&cast, &thread, writes("1", vec![write("t", -1, "first"), write("u", 0, "kept")], true)).await;
    let replacing = PendingWrite {
        channel: "other".into(),
        kind: None,
        task_path: "not taken over".into(),
        ..write("t", -1, "second")
    };
    put_writes(&cast, &thread, writes("1", vec![replacing.clone()], true)).await;
    let found = contents_of(&cast, &thread, "1", json!({})).await;
    assert_eq!(found.writes, [PendingWrite { task_path: "~path".into(), ..replacing }, write("u", 0, "kept")]);
}

pub(super) async fn of_duplicates_in_one_call_the_first_or_last_stays(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    for (upsert, stays) in [(false, "1"), (true, "3")] {
        let id = format!("upsert {upsert}");
        let duplicates = vec![write("t", 0, "1"), write("t", 0, "2"), write("t", 1, "x"), write("t", 0, "3")];
        put_writes(&cast, &thread, writes(&id, duplicates, upsert)).await;
        let found = contents_of(&cast, &thread, &id, json!({})).await;
        assert_eq!(found.writes, [write("t", 0, stays), write("t", 1, "x")]);
    }
}

pub(super) async fn no_writes_are_fine(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    for upsert in [false, true] {
        put_writes(&cast, &thread, writes("1", vec![], upsert)).await;
    }
    assert!(contents_of(&cast, &thread, "1", json!({})).await.writes.is_empty());
}

pub(super) async fn bytes_are_bytes(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    for (place, bytes) in [every_byte, vec![], vec![0]].into_iter().enumerate() {
        let id = format!("{place}");
        let one = PendingWrite { bytes: bytes.clone().into(), ..write("t", 0, "") };
        let full = Blob { bytes: Some(bytes.into()), ..blob("full", &id, "") };
        let none = Blob { bytes: None, ..blob("none", &id, "") };
        put_writes(&cast, &thread, writes(&id, vec![one.clone()], false)).await;
        let blobs = vec![full.clone(), none.clone()];
        put(&cast, &thread, NewCheckpoint { blobs, ..checkpoint("", &id) }).await;
        let found = contents_of(&cast, &thread, &id, json!({"full": id, "none": id})).await;
        assert_eq!((found.blobs, found.writes), (vec![full, none], vec![one]));
    }
}

pub(super) async fn writes_that_cannot_be_stored_are_refused(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let bad = [
        PendingWrite { channel: "\0".into(), ..write("t", 1, "") },
        PendingWrite { kind: Some("\0".into()), ..write("t", 1, "") },
        PendingWrite { task_path: "\0".into(), ..write("t", 1, "") },
        write("\0", 1, ""),
    ];
    for bad in bad {
        for upsert in [false, true] {
            let all = writes("1", vec![write("t", 0, "left behind"), bad.clone()], upsert);
            let refused = world.checkpoints.put_writes(&may(&cast.editor, &thread).await, all).await.err();
            assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
        }
    }
    assert!(contents_of(&cast, &thread, "1", json!({})).await.writes.is_empty());
}
