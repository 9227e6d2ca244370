//! Saying something, and thinking better of it.

use super::{DONE, all, listed, new, say, text};
use crate::{World, fresh, may, world::object};
use conversations::{NewMessage, Revision, StoreError, StreamingStatus};
use serde_json::{Value, json};

fn revision(id: &str, content: Value) -> Revision {
    Revision { id: id.into(), content: object(content), streaming_status: None }
}

pub(super) async fn what_is_said_comes_back(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    let given = vec![
        NewMessage { streaming_status: Some(StreamingStatus::InProgress), ..new(text("ä🦀"), 3) },
        NewMessage { streaming_status: DONE, ..new(json!({"n": [1, 2.5, null], "o": {}}), 1) },
        new(json!({}), 2),
    ];
    let made = world.messages.append(&update, given.clone()).await.unwrap();
    assert_eq!(made.len(), 3);
    for (given, made) in given.into_iter().zip(made) {
        assert_eq!((&made.id, &made.task_id, &made.content), (&given.id, &task, &given.content));
        assert_eq!(
            (made.streaming_status, made.created_at, made.updated_at),
            (given.streaming_status, given.at, given.at)
        );
        let located = world.messages.locate(&given.id).await.unwrap().unwrap();
        assert_eq!(located.into_inner(&may(&cast.viewer, &task).await), Some(made));
    }
}

/// PostgreSQL writes every digit of a number out, and what it writes must be readable: a row that cannot
/// be read would spoil every list it is in.
pub(super) async fn numbers_come_back_as_they_went(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let numbers =
        json!([f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 0.1, 1.234_567_890_123_456_7e300, u64::MAX, i64::MIN]);
    let said = say(&cast, &task, [json!({ "numbers": numbers })]).await.remove(0);
    let located = world.messages.locate(&said.id).await.unwrap().unwrap();
    let found = located.into_inner(&may(&cast.viewer, &task).await).unwrap();
    assert_eq!(found.content["numbers"], numbers);
}

pub(super) async fn nothing_said_is_nothing_written(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    assert_eq!(world.messages.append(&update, vec![]).await.unwrap(), []);
    assert_eq!(world.messages.revise(&update, vec![]).await.unwrap(), []);
}

pub(super) async fn a_task_that_is_gone_hears_nothing(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    world.remove_task(&may(&cast.owner, &task).await).await.unwrap();
    let refused = world.messages.append(&update, vec![new(text("?"), 0)]).await.err();
    assert!(matches!(refused, Some(StoreError::NoSuchParent)), "{refused:?}");
}

pub(super) async fn text_that_cannot_be_stored_leaves_nothing(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    let old = say(&cast, &task, [text("old")]).await.remove(0);
    for bad in [text("\0"), json!({"a": [{"\0": 1}]})] {
        let refused = world.messages.append(&update, vec![new(text("fine"), 1), new(bad.clone(), 2)]).await.err();
        assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
        let refused = world.messages.revise(&update, vec![revision(&old.id, bad)]).await.err();
        assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
    }
    assert_eq!(listed(&cast, &task, &all()).await, std::slice::from_ref(&old.id));
    assert_eq!(
        world.messages.locate(&old.id).await.unwrap().unwrap().into_inner(&may(&cast.viewer, &task).await),
        Some(old)
    );
}

pub(super) async fn a_message_is_locked_under_its_task(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let message = say(&cast, &task, [text("hi")]).await.remove(0);
    let located = world.messages.locate(&message.id).await.unwrap().unwrap();
    assert_eq!(located.owner(), &task);
    assert!(located.open(&may(&cast.viewer, &other).await).is_none());
    assert!(world.messages.locate("no message").await.unwrap().is_none());
}

pub(super) async fn a_revision_replaces_and_is_dated(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    let old = say(&cast, &task, [json!({"a": 1, "b": 2})]).await.remove(0);
    let done = Revision { streaming_status: DONE, ..revision(&old.id, json!({"c": 3})) };
    let new = world.messages.revise(&update, vec![done]).await.unwrap().remove(0);
    assert_eq!((&new.content, new.streaming_status), (&object(json!({"c": 3})), DONE));
    assert!(new.created_at == old.created_at && new.updated_at > old.updated_at);
    let kept = world.messages.revise(&update, vec![revision(&old.id, json!({"d": 4}))]).await.unwrap().remove(0);
    assert_eq!((&kept.content, kept.streaming_status), (&object(json!({"d": 4})), DONE));
}

pub(super) async fn a_revision_that_changes_nothing_is_not_dated(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    let old = say(&cast, &task, [json!({"a": 1})]).await.remove(0);
    let same = world.messages.revise(&update, vec![revision(&old.id, json!({"a": 1}))]).await.unwrap();
    assert_eq!(same, [old]);
}

pub(super) async fn revisions_happen_all_or_none(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    let old = say(&cast, &task, ["a", "b", "c"].map(text)).await;
    let absent = fresh("message");
    let changes = [&old[2].id, &absent, &old[0].id].map(|id| revision(id, text("new"))).to_vec();
    let refused = world.messages.revise(&update, changes).await.err();
    assert!(matches!(&refused, Some(StoreError::NoSuchMessage { id }) if *id == absent), "{refused:?}");
    let page = world.messages.page(&may(&cast.viewer, &task).await, &all()).await.unwrap();
    assert_eq!(page.rows, old);

    let changes = vec![revision(&old[2].id, text("C")), revision(&old[0].id, text("A"))];
    let revised = world.messages.revise(&update, changes).await.unwrap();
    let said: Vec<_> = revised.iter().map(|message| (message.id.clone(), message.content["content"].clone())).collect();
    assert_eq!(said, [(old[2].id.clone(), json!("C")), (old[0].id.clone(), json!("A"))]);
}

pub(super) async fn a_message_of_another_task_is_not_there(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let update = may(&cast.editor, &task).await;
    let (ours, theirs) = (say(&cast, &task, [text("ours")]).await, say(&cast, &other, [text("theirs")]).await);
    let changes = vec![revision(&ours[0].id, text("new")), revision(&theirs[0].id, text("new"))];
    let refused = world.messages.revise(&update, changes).await.err();
    assert!(matches!(&refused, Some(StoreError::NoSuchMessage { id }) if *id == theirs[0].id), "{refused:?}");
    for (task, said) in [(&task, ours), (&other, theirs)] {
        assert_eq!(world.messages.page(&may(&cast.viewer, task).await, &all()).await.unwrap().rows, said);
    }
}

pub(super) async fn a_deleted_task_takes_its_messages_along(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let gone = say(&cast, &task, [text("gone")]).await.remove(0);
    let left = say(&cast, &other, [text("left")]).await.remove(0);
    world.remove_task(&may(&cast.owner, &task).await).await.unwrap().unwrap();
    assert!(world.messages.locate(&gone.id).await.unwrap().is_none());
    assert!(world.messages.locate(&left.id).await.unwrap().is_some());
}
