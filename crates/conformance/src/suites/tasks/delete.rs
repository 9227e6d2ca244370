//! Deleting tasks.

use crate::{World, fresh, may, world::object};
use checkpoints::{Blob, Key, NewCheckpoint, NewWrites, PendingWrite};
use serde_json::json;
use tasks::{NewTask, Status, TaskId};

/// Gives a task one of everything a task can own.
async fn furnish(cast: &crate::Cast<'_>, task: &TaskId) -> String {
    let update = may(&cast.editor, task).await;
    let blob = Blob { channel: "c".into(), version: "1".into(), kind: "t".into(), bytes: Some("b".into()) };
    let new = NewCheckpoint {
        namespace: String::new(),
        id: "1".into(),
        parent_id: None,
        checkpoint: object(json!({"channel_versions": {"c": "1"}})),
        metadata: object(json!({})),
        blobs: vec![blob],
    };
    let write = PendingWrite {
        task_id: "node".into(),
        index: 0,
        channel: "c".into(),
        kind: None,
        bytes: "w".into(),
        task_path: String::new(),
    };
    let writes = NewWrites { namespace: String::new(), checkpoint_id: "1".into(), writes: vec![write], upsert: false };
    cast.world.checkpoints.put(&update, new).await.unwrap();
    cast.world.checkpoints.put_writes(&update, writes).await.unwrap();
    cast.event(task).await.id
}

/// Whether the task's event, tracker and checkpoint are there.
async fn owns(cast: &crate::Cast<'_>, task: &TaskId, event: &str, tracker: &str) -> [bool; 3] {
    let (world, read) = (cast.world, may(&cast.viewer, task).await);
    let found = world.checkpoints.find(&[Key { thread: &read, namespace: "", id: None }]).await.unwrap();
    [
        world.events.locate(event).await.unwrap().is_some(),
        world.trackers.locate(tracker).await.unwrap().is_some(),
        found[0].is_some(),
    ]
}

pub(super) async fn deleting_removes_the_task_and_all_it_owns(world: &World) {
    let cast = world.cast().await;
    let new = NewTask { name: Some(fresh("name")), ..cast.new_task() };
    let task = cast.task_from(new.clone()).await.id;
    let event = furnish(&cast, &task).await;
    assert_eq!(owns(&cast, &task, &event, &new.tracker_id).await, [true; 3]);

    let delete = may(&cast.owner, &task).await;
    let last = world.remove_task(&delete).await.unwrap().unwrap();
    assert_eq!((&last.id, &last.name, last.status), (&task, &new.name, Some(Status::Running)));
    assert!(cast.read(&task).await.is_none());
    assert_eq!(owns(&cast, &task, &event, &new.tracker_id).await, [false; 3]);
    assert!(world.remove_task(&delete).await.unwrap().is_none());

    // The blobs and writes went, too: a checkpoint put anew finds none of them.
    let reborn = cast.task_from(new).await.id;
    let update = may(&cast.editor, &reborn).await;
    let checkpoint = object(json!({"channel_versions": {"c": "1"}}));
    let bare = NewCheckpoint {
        namespace: String::new(),
        id: "1".into(),
        parent_id: None,
        checkpoint,
        metadata: object(json!({})),
        blobs: vec![],
    };
    world.checkpoints.put(&update, bare).await.unwrap();
    let read = may(&cast.viewer, &reborn).await;
    let found = world.checkpoints.find(&[Key { thread: &read, namespace: "", id: None }]).await.unwrap();
    let contents = world.checkpoints.contents(&[&read], &[found[0].as_ref().unwrap()]).await.unwrap();
    assert!(contents[0].blobs.is_empty() && contents[0].writes.is_empty());
}

pub(super) async fn deleting_leaves_the_rest_alone(world: &World) {
    let cast = world.cast().await;
    let (gone, new) = (cast.task().await, cast.new_task());
    let tracker = new.tracker_id.clone();
    let stays = cast.task_from(new).await.id;
    furnish(&cast, &gone).await;
    let event = furnish(&cast, &stays).await;
    world.remove_task(&may(&cast.owner, &gone).await).await.unwrap();
    assert!(cast.read(&stays).await.is_some());
    assert_eq!(owns(&cast, &stays, &event, &tracker).await, [true; 3]);
}
