//! Making states, changing them and deleting them.

use super::{keep, new_state};
use crate::{World, may, world::object};
use authz::{Permit, Task, action::Update};
use conversations::{NewState, StoreError};
use serde_json::json;

pub(super) async fn what_is_kept_comes_back(world: &World) {
    let cast = world.cast().await;
    for state in [json!({}), json!({"a": {"b": [1, 2.5, null, "ä🦀"]}})] {
        let task = cast.task().await;
        let new = new_state(&cast, state.clone());
        let made = world.states.create(&may(&cast.editor, &task).await, new.clone()).await.unwrap();
        assert_eq!((&made.id, &made.task_id, &made.agent_id), (&new.id, &task, &cast.agent));
        assert_eq!((&made.state, made.updated_at), (&object(state), made.created_at));
        let located = world.states.locate(&new.id).await.unwrap().unwrap();
        assert_eq!(located.into_inner(&may(&cast.viewer, &task).await), Some(made));
    }
}

pub(super) async fn an_agent_keeps_one_state_on_a_task(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let first = keep(&cast, &task).await;
    let second = new_state(&cast, json!({"second": true}));
    let refused = world.states.create(&may(&cast.editor, &task).await, second.clone()).await.err();
    assert!(matches!(refused, Some(StoreError::StateExists)), "{refused:?}");
    assert!(world.states.locate(&second.id).await.unwrap().is_none());
    let located = world.states.locate(&first.id).await.unwrap().unwrap();
    assert_eq!(located.into_inner(&may(&cast.viewer, &task).await), Some(first));
}

pub(super) async fn an_agent_that_does_not_work_on_the_task_keeps_none(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let idle = world.agent(&cast.owner).await;
    for agent in [idle, authz::Id::new("nobody")] {
        let new = NewState { agent, ..new_state(&cast, json!({})) };
        let refused = world.states.create(&may(&cast.editor, &task).await, new.clone()).await.err();
        assert!(matches!(refused, Some(StoreError::NoSuchParent)), "{refused:?}");
        assert!(world.states.locate(&new.id).await.unwrap().is_none());
    }
}

pub(super) async fn a_task_that_is_gone_keeps_none(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    world.remove_task(&may(&cast.owner, &task).await).await.unwrap();
    let refused = world.states.create(&update, new_state(&cast, json!({}))).await.err();
    assert!(matches!(refused, Some(StoreError::NoSuchParent)), "{refused:?}");
}

pub(super) async fn text_that_cannot_be_stored_is_refused(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;
    for bad in [json!({"a": "\0"}), json!({"a": [{"\0": 1}]})] {
        let refused = world.states.create(&update, new_state(&cast, bad)).await.err();
        assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
    }
    let kept = keep(&cast, &task).await;
    let refused = world.states.replace(&update, &kept.id, object(json!({"\0": 1}))).await.err();
    assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
    let located = world.states.locate(&kept.id).await.unwrap().unwrap();
    assert_eq!(located.into_inner(&may(&cast.viewer, &task).await), Some(kept));
}

pub(super) async fn a_state_is_locked_under_its_task(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let state = keep(&cast, &task).await;
    let located = world.states.locate(&state.id).await.unwrap().unwrap();
    assert_eq!(located.owner(), &task);
    assert!(located.open(&may(&cast.viewer, &other).await).is_none());
    assert!(world.states.locate("no state").await.unwrap().is_none());
}

pub(super) async fn what_is_kept_is_replaced_and_dated(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let update: Permit<Task, Update> = may(&cast.editor, &task).await;
    let old = keep(&cast, &task).await;
    let new = world.states.replace(&update, &old.id, object(json!({"new": 1}))).await.unwrap().unwrap();
    assert_eq!((&new.id, &new.agent_id, &new.state), (&old.id, &old.agent_id, &object(json!({"new": 1}))));
    assert!(new.created_at == old.created_at && new.updated_at > old.updated_at);
    let same = world.states.replace(&update, &old.id, object(json!({"new": 1}))).await.unwrap();
    assert_eq!(same, Some(new));
    assert_eq!(world.states.replace(&update, "no state", object(json!({}))).await.unwrap(), None);
}

pub(super) async fn a_state_of_another_task_is_not_there(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let state = keep(&cast, &other).await;
    let replaced = world.states.replace(&may(&cast.editor, &task).await, &state.id, object(json!({}))).await.unwrap();
    assert_eq!(replaced, None);
    assert_eq!(world.states.delete(&may(&cast.owner, &task).await, &state.id).await.unwrap(), None);
    let located = world.states.locate(&state.id).await.unwrap().unwrap();
    assert_eq!(located.into_inner(&may(&cast.viewer, &other).await), Some(state));
}

pub(super) async fn a_deleted_state_makes_room_for_another(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let state = keep(&cast, &task).await;
    let delete = may(&cast.owner, &task).await;
    assert_eq!(world.states.delete(&delete, &state.id).await.unwrap(), Some(state.clone()));
    assert_eq!(world.states.delete(&delete, &state.id).await.unwrap(), None);
    assert!(world.states.locate(&state.id).await.unwrap().is_none());
    assert_ne!(keep(&cast, &task).await.id, state.id);
}

pub(super) async fn a_deleted_task_takes_its_states_along(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let (gone, left) = (keep(&cast, &task).await, keep(&cast, &other).await);
    world.remove_task(&may(&cast.owner, &task).await).await.unwrap().unwrap();
    assert!(world.states.locate(&gone.id).await.unwrap().is_none());
    assert!(world.states.locate(&left.id).await.unwrap().is_some());
}
