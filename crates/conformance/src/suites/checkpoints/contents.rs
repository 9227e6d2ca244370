//! What goes with a checkpoint.

use super::{blob, checkpoint, contents, contents_of, find, put, put_writes, read, write, writes};
use crate::{World, world::object};
use checkpoints::{Contents, NewCheckpoint};
use serde_json::json;

pub(super) async fn blobs_are_those_of_the_versions_named(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let blobs = vec![blob("a", "1", "a1"), blob("a", "2", "a2"), blob("b", "1", "b1"), blob("c", "1", "c1")];
    put(&cast, &thread, NewCheckpoint { blobs, ..checkpoint("", "1") }).await;
    let found = contents_of(&cast, &thread, "2", json!({"a": "2", "b": "1", "c": "2", "gone": "1"})).await;
    assert_eq!(found.blobs, [blob("a", "2", "a2"), blob("b", "1", "b1")]);
    for none in [json!({}), json!(null), json!([1]), json!("text")] {
        assert!(contents_of(&cast, &thread, "3", none).await.blobs.is_empty());
    }
}

pub(super) async fn versions_need_not_be_text(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let blobs =
        vec![blob("int", "3", "i"), blob("float", "1.5", "f"), blob("yes", "True", "y"), blob("nil", "None", "n")];
    put(&cast, &thread, NewCheckpoint { blobs, ..checkpoint("", "1") }).await;
    let versions = json!({"int": 3, "float": 1.5, "yes": true, "nil": null});
    let found = contents_of(&cast, &thread, "2", versions).await;
    let channels: Vec<_> = found.blobs.iter().map(|blob| blob.channel.as_str()).collect();
    assert_eq!(channels, ["float", "int", "nil", "yes"]);
}

pub(super) async fn contents_come_sorted(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let blobs = ["b", "a", "ä", "B", "Z"].map(|channel| blob(channel, "1", channel)).to_vec();
    put(&cast, &thread, NewCheckpoint { blobs, ..checkpoint("", "1") }).await;
    let unsorted = [("b", 10), ("b", 9), ("a", 1), ("B", 0), ("b", -2)].map(|(task, index)| write(task, index, "w"));
    put_writes(&cast, &thread, writes("2", unsorted.to_vec(), false)).await;
    let versions = json!({"a": "1", "b": "1", "ä": "1", "B": "1", "Z": "1"});
    let found = contents_of(&cast, &thread, "2", versions).await;
    let channels: Vec<_> = found.blobs.iter().map(|blob| blob.channel.as_str()).collect();
    assert_eq!(channels, ["B", "Z", "a", "b", "ä"]);
    let order: Vec<_> = found.writes.iter().map(|write| (write.task_id.as_str(), write.index)).collect();
    assert_eq!(order, [("B", 0), ("a", 1), ("b", -2), ("b", 9), ("b", 10)]);
}

pub(super) async fn contents_come_in_order_for_many(world: &World) {
    let cast = world.cast().await;
    let threads = [cast.task().await, cast.task().await];
    for thread in &threads {
        for (id, version) in [("1", "1"), ("2", "2")] {
            let document = object(json!({"channel_versions": {"c": version}}));
            let blobs = vec![blob("c", version, &format!("{thread} {version}"))];
            put(&cast, thread, NewCheckpoint { checkpoint: document, blobs, ..checkpoint("", id) }).await;
            put_writes(&cast, thread, writes(id, vec![write("t", 0, &format!("{thread} {id}"))], false)).await;
        }
    }
    let mut found = Vec::new();
    for (thread, id) in [(1, "2"), (0, "1"), (1, "1"), (1, "2"), (0, "2")] {
        found.push(find(&cast, &threads[thread], "", Some(id)).await.unwrap());
    }
    let permits = [read(&cast, &threads[0]).await, read(&cast, &threads[1]).await];
    let all = world.checkpoints.contents(&permits.each_ref(), &found.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(all.len(), found.len());
    for (of, contents) in found.iter().zip(all) {
        let bytes = format!("{} {}", of.thread_id, of.id);
        let expected = Contents { blobs: vec![blob("c", &of.id, &bytes)], writes: vec![write("t", 0, &bytes)] };
        assert_eq!(contents, expected);
    }
    assert!(world.checkpoints.contents(&permits.each_ref(), &[]).await.unwrap().is_empty());
}

pub(super) async fn contents_need_the_permit_of_their_thread(world: &World) {
    let cast = world.cast().await;
    let (thread, other) = (cast.task().await, cast.task().await);
    let document = object(json!({"channel_versions": {"c": "1"}}));
    let new = NewCheckpoint { checkpoint: document, blobs: vec![blob("c", "1", "b")], ..checkpoint("", "1") };
    put(&cast, &thread, new).await;
    put_writes(&cast, &thread, writes("1", vec![write("t", 0, "w")], false)).await;
    let found = find(&cast, &thread, "", None).await.unwrap();
    let mine = contents(&cast, &found).await;
    assert_eq!((mine.blobs.len(), mine.writes.len()), (1, 1));
    let foreign = read(&cast, &other).await;
    for threads in [vec![&foreign], vec![]] {
        assert_eq!(world.checkpoints.contents(&threads, &[&found]).await.unwrap(), [Contents::default()]);
    }
}
