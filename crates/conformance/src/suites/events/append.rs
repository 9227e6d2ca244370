//! Appending events and finding one.

use crate::{World, fresh, may};
use conversations::{NewEvent, StoreError};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn new_event(cast: &crate::Cast<'_>, content: Option<Value>) -> NewEvent {
    NewEvent { id: fresh("event"), agent: cast.agent.clone(), content }
}

pub(super) async fn what_was_given_comes_back(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    for content in [Some(json!({"type": "text", "content": "ä🦀", "n": [1, 2.5, null]})), Some(json!("text")), None]
    {
        let new = new_event(&cast, content.clone());
        let made = world.events.append(&update, new.clone()).await.unwrap();
        assert_eq!((&made.id, &made.task_id, &made.agent_id), (&new.id, &task, &cast.agent));
        assert_eq!(made.content, content);
        let located = world.events.locate(&new.id).await.unwrap().unwrap();
        assert_eq!(located.into_inner(&may(&cast.viewer, &task).await), Some(made));
    }
}

pub(super) async fn events_are_numbered_in_order(world: &World) {
    let cast = world.cast().await;
    let (one, two) = (cast.task().await, cast.task().await);
    let mut last = i64::MIN;
    for task in [&one, &two, &one] {
        let event = cast.event(task).await;
        assert!(event.sequence_id > last);
        last = event.sequence_id;
    }
    let events = join_all((0..8).map(|_| cast.event(&one))).await;
    let numbers: BTreeSet<_> = events.iter().map(|event| event.sequence_id).collect();
    assert_eq!(numbers.len(), 8);
    assert!(numbers.first() > Some(&last));
}

pub(super) async fn an_agent_that_does_not_work_on_the_task_gets_none(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let idle = world.agent(&cast.owner).await;
    for agent in [idle, authz::Id::new("nobody")] {
        let new = NewEvent { agent, ..new_event(&cast, None) };
        let refused = world.events.append(&may(&cast.editor, &task).await, new.clone()).await.err();
        assert!(matches!(refused, Some(StoreError::NoSuchParent)), "{refused:?}");
        assert!(world.events.locate(&new.id).await.unwrap().is_none());
    }
}

pub(super) async fn a_task_that_is_gone_gets_none(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    world.remove_task(&may(&cast.owner, &task).await).await.unwrap();
    let refused = world.events.append(&update, new_event(&cast, None)).await.err();
    assert!(matches!(refused, Some(StoreError::NoSuchParent)), "{refused:?}");
}

pub(super) async fn text_that_cannot_be_stored_is_refused(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    for content in [json!("\0"), json!({"a": [{"\0": 1}]})] {
        let new = new_event(&cast, Some(content));
        let refused = world.events.append(&may(&cast.editor, &task).await, new.clone()).await.err();
        assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
        assert!(world.events.locate(&new.id).await.unwrap().is_none());
    }
}

pub(super) async fn an_event_is_locked_under_its_task(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let event = cast.event(&task).await;
    let located = world.events.locate(&event.id).await.unwrap().unwrap();
    assert_eq!(located.owner(), &task);
    assert!(located.open(&may(&cast.viewer, &other).await).is_none());
    assert!(world.events.locate("no event").await.unwrap().is_none());
}
