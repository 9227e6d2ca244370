//! Lists of tasks that meet conditions.

use super::{every_task, listed, private_tasks};
use crate::{
    Cast, World, may,
    world::{new_agent, object},
};
use authz::{Id, Scope, Task, action::Read};
use serde_json::{Value, json};
use tasks::{NewTask, Query, Status, StoreError, TaskId, Transition};

pub(super) async fn tasks_are_filtered_by_agent(world: &World) {
    let cast = world.cast().await;
    let new = new_agent();
    let (other, name) = (new.id.clone(), new.name.clone());
    world.create_agent(&cast.owner, new).await.unwrap();
    let ours = private_tasks(&cast, 2, |_, _| ()).await;
    let theirs = world.create_task(&cast.owner, &other, cast.new_task()).await.unwrap().id;
    let scope = cast.owner.scope().await.unwrap();
    let by_agent = |agent: &Id<authz::Agent>| Query { agent: Some(agent.clone()), ..every_task() };
    let by_name = |name: &str| Query { agent_name: Some(name.to_owned()), ..every_task() };
    assert_eq!(listed(world, &scope, &by_agent(&cast.agent)).await, ours);
    assert_eq!(listed(world, &scope, &by_agent(&other)).await, std::slice::from_ref(&theirs));
    assert_eq!(listed(world, &scope, &by_name(&name)).await, [theirs]);
    let mixed = Query { agent: Some(cast.agent.clone()), ..by_name(&name) };
    for nothing in [by_agent(&Id::new("nobody")), by_name("nobody"), by_name(""), mixed] {
        assert!(listed(world, &scope, &nothing).await.is_empty());
    }
}

pub(super) async fn tasks_are_filtered_by_status(world: &World) {
    let cast = world.cast().await;
    let ids = private_tasks(&cast, 3, |_, _| ()).await;
    world.tasks.transition(&Transition::fail(&may(&cast.owner, &ids[1]).await, None)).await.unwrap();
    let scope = cast.owner.scope().await.unwrap();
    let by_status = |status| Query { status: Some(status), ..every_task() };
    assert_eq!(listed(world, &scope, &by_status(Status::Running)).await, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(listed(world, &scope, &by_status(Status::Failed)).await, [ids[1].clone()]);
    assert!(listed(world, &scope, &by_status(Status::Completed)).await.is_empty());
}

async fn by_metadata(world: &World, scope: &Scope<Task, Read>, wanted: Value) -> Vec<TaskId> {
    listed(world, scope, &Query { metadata: Some(object(wanted)), ..every_task() }).await
}

async fn tasks_with(cast: &Cast<'_>, metadata: &[Option<Value>]) -> Vec<TaskId> {
    private_tasks(cast, metadata.len(), |place, new| new.metadata = metadata[place].clone().map(object)).await
}

pub(super) async fn metadata_is_filtered_by_containment(world: &World) {
    let cast = world.cast().await;
    let kept = [
        Some(json!({"a": 1, "b": {"c": ["x", "y", 3], "d": null}, "e": true})),
        Some(json!({"a": 1.0, "b": {"c": "x"}, "list": [{"k": 1, "l": 2}, [1, 2], "z"]})),
        Some(json!({})),
        None,
    ];
    let ids = tasks_with(&cast, &kept).await;
    let scope = cast.owner.scope().await.unwrap();
    let cases: [(Value, &[usize]); 20] = [
        (json!({"a": 1}), &[0, 1]),
        (json!({"a": 1.0}), &[0, 1]),
        (json!({"a": "1"}), &[]),
        (json!({"b": {}}), &[0, 1]),
        (json!({"b": {"c": ["x"]}}), &[0]),
        (json!({"b": {"c": ["y", "x", "x"]}}), &[0]),
        (json!({"b": {"c": ["x", 4]}}), &[]),
        (json!({"b": {"c": "x"}}), &[1]),
        (json!({"b": {"c": []}}), &[0]),
        (json!({"b": {"d": null}}), &[0]),
        (json!({"d": null}), &[]),
        (json!({"e": true, "a": 1}), &[0]),
        (json!({"e": false}), &[]),
        (json!({"list": [{"k": 1}]}), &[1]),
        (json!({"list": [{"k": 1}, {"l": 2}]}), &[1]),
        (json!({"list": [{"k": 2}]}), &[]),
        (json!({"list": [[2]]}), &[1]),
        (json!({"list": [[]]}), &[1]),
        (json!({"list": [1]}), &[]),
        (json!({"list": {}}), &[]),
    ];
    for (wanted, places) in cases {
        let expected: Vec<_> = places.iter().map(|place| ids[*place].clone()).collect();
        assert_eq!(by_metadata(world, &scope, wanted.clone()).await, expected, "{wanted}");
    }
    // Every metadata contains the empty object, but a task without any has nothing to contain it.
    assert_eq!(by_metadata(world, &scope, json!({})).await, ids[..3]);
    let nul = Query { metadata: Some(object(json!({"a": "\0"}))), ..every_task() };
    let refused = world.tasks.page(&scope, &nul).await.err();
    assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
}

pub(super) async fn conditions_add_up(world: &World) {
    let cast = world.cast().await;
    let (red, blue) = (Some(json!({"colour": "red"})), Some(json!({"colour": "blue"})));
    let ids = tasks_with(&cast, &[red.clone(), blue, red]).await;
    world.tasks.transition(&Transition::complete(&may(&cast.owner, &ids[0]).await, None)).await.unwrap();
    let other = world.agent(&cast.owner).await;
    let metadata = Some(object(json!({"colour": "red"})));
    world.create_task(&cast.owner, &other, NewTask { metadata: metadata.clone(), ..cast.new_task() }).await.unwrap();
    let query = Query { agent: Some(cast.agent.clone()), status: Some(Status::Running), metadata, ..every_task() };
    assert_eq!(listed(world, &cast.owner.scope().await.unwrap(), &query).await, [ids[2].clone()]);
}
