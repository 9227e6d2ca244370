//! Patching tasks.

use super::{merge, replace};
use crate::{Cast, World, may, world::object};
use futures::future::join_all;
use serde_json::json;
use tasks::{NewTask, Patch, StoreError, TaskId};

async fn patch(cast: &Cast<'_>, task: &TaskId, patch: Patch) -> tasks::Task {
    let patched = cast.world.tasks.update(&may(&cast.editor, task).await, patch).await.unwrap().unwrap();
    let got = cast.read(task).await.unwrap();
    assert_eq!((&got.params, &got.metadata, got.updated_at), (&patched.params, &patched.metadata, patched.updated_at));
    patched
}

pub(super) async fn params_are_merged_at_the_top(world: &World) {
    let cast = world.cast().await;
    let params = Some(object(json!({"keep": 1, "deep": {"a": 1}, "drop": "x"})));
    let made = cast.task_from(NewTask { params, ..cast.new_task() }).await;
    let patched = patch(&cast, &made.id, merge(json!({"deep": {"b": 2}, "drop": null, "new": []}))).await;
    assert_eq!(patched.params, Some(json!({"keep": 1, "deep": {"b": 2}, "drop": null, "new": []})));
    assert_eq!((patched.created_at, patched.status), (made.created_at, made.status));
    assert!(patched.updated_at > made.updated_at);
}

pub(super) async fn params_that_are_null_are_taken_as_empty(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    assert_eq!(patch(&cast, &task, merge(json!({"a": 1}))).await.params, Some(json!({"a": 1})));
}

pub(super) async fn metadata_is_replaced(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    for metadata in [json!({"a": 1, "b": 2}), json!({"b": 3}), json!({})] {
        let patched = patch(&cast, &task, replace(metadata.clone())).await;
        assert_eq!((patched.metadata, patched.params), (Some(metadata), None));
    }
}

pub(super) async fn both_change_in_one_step(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let both = Patch { merge_params: Some(object(json!({"p": 1}))), metadata: Some(object(json!({"m": 1}))) };
    let patched = patch(&cast, &task, both).await;
    assert_eq!((patched.params, patched.metadata), (Some(json!({"p": 1})), Some(json!({"m": 1}))));
}

pub(super) async fn a_patch_that_changes_nothing_leaves_no_trace(world: &World) {
    let cast = world.cast().await;
    let (params, metadata) = (json!({"a": {"b": [1]}, "c": null}), json!({"m": "n"}));
    let new =
        NewTask { params: Some(object(params.clone())), metadata: Some(object(metadata.clone())), ..cast.new_task() };
    let (made, bare) = (cast.task_from(new).await, cast.task_from(cast.new_task()).await);
    let same = [Patch::default(), merge(json!({})), merge(json!({"c": null})), merge(params), replace(metadata)];
    for nothing in same {
        let patched = patch(&cast, &made.id, nothing).await;
        assert_eq!((patched.updated_at, patched.params), (made.updated_at, made.params.clone()));
    }
    let patched = patch(&cast, &bare.id, merge(json!({}))).await;
    assert_eq!((patched.updated_at, patched.params), (bare.updated_at, None));
}

pub(super) async fn of_many_merges_none_is_lost(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let permit = may(&cast.editor, &task).await;
    let all = (0..8).map(|place| world.tasks.update(&permit, merge(json!({format!("{place}"): place}))));
    assert!(join_all(all).await.into_iter().all(|patched| patched.unwrap().is_some()));
    let params = cast.read(&task).await.unwrap().params.unwrap();
    assert_eq!(params, json!({"0": 0, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "7": 7}));
}

pub(super) async fn a_refused_patch_changes_nothing(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let before = patch(&cast, &task, merge(json!({"a": 1}))).await;
    let bad = Patch { merge_params: Some(object(json!({"a": 2}))), metadata: Some(object(json!({"m": "\0"}))) };
    for bad in [bad, merge(json!({"a": 2, "\0": 1})), replace(json!({"m": [["\0"]]}))] {
        let refused = world.tasks.update(&may(&cast.editor, &task).await, bad).await.err();
        assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
    }
    let after = cast.read(&task).await.unwrap();
    assert_eq!((after.params, after.metadata, after.updated_at), (before.params, None, before.updated_at));
}

pub(super) async fn a_task_that_is_gone_is_not_changed(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let permit = may(&cast.editor, &task).await;
    world.remove_task(&may(&cast.owner, &task).await).await.unwrap();
    for patch in [Patch::default(), merge(json!({"a": 1}))] {
        assert!(world.tasks.update(&permit, patch).await.unwrap().is_none());
    }
    assert!(cast.read(&task).await.is_none());
}
