//! Lists of states.

use super::keep;
use crate::{Cast, World, may, world::object};
use authz::{Direction, Extent, Id, Scope, Start, Task, Window, action::Read};
use conversations::{State, StateOrder, StateQuery};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use tasks::TaskId;

fn by_id() -> StateQuery {
    sorted(StateOrder::Id, Direction::Ascending)
}

fn sorted(order: StateOrder, direction: Direction) -> StateQuery {
    StateQuery { task: None, agent: None, order, window: Window { limit: 1000, start: Start::First, direction } }
}

async fn listed(world: &World, scope: &Scope<Task, Read>, query: &StateQuery) -> Vec<String> {
    let page = world.states.page(scope, query).await.unwrap();
    assert!(!page.more);
    page.rows.into_iter().map(|state| state.id).collect()
}

async fn walk(world: &World, scope: &Scope<Task, Read>, mut query: StateQuery, size: u32) -> Vec<String> {
    query.window.limit = size;
    let mut found = Vec::new();
    loop {
        let page = world.states.page(scope, &query).await.unwrap();
        found.extend(page.rows.iter().map(|state| state.id.clone()));
        match page.rows.last() {
            Some(last) if page.more => query.window.start = Start::After(query.order.after(last)),
            _ => return found,
        }
    }
}

/// States on tasks of the cast, in the order they were made.
async fn several(cast: &Cast<'_>, count: usize) -> Vec<State> {
    let mut made = Vec::new();
    for _ in 0..count {
        made.push(keep(cast, &cast.task().await).await);
    }
    made
}

fn ids(states: &[State]) -> Vec<String> {
    states.iter().map(|state| state.id.clone()).collect()
}

pub(super) async fn every_order_is_the_same_in_pages_of_any_size(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 5).await;
    let update = may(&cast.editor, &made[1].task_id).await;
    world.states.replace(&update, &made[1].id, object(json!({"later": 1}))).await.unwrap().unwrap();
    let scope = cast.viewer.scope().await.unwrap();
    for order in [StateOrder::Id, StateOrder::CreatedAt, StateOrder::UpdatedAt] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut expected = ids(&made);
            if order == StateOrder::UpdatedAt {
                let latest = expected.remove(1);
                expected.push(latest);
            }
            if direction == Direction::Descending {
                expected.reverse();
            }
            assert_eq!(listed(world, &scope, &sorted(order, direction)).await, expected);
            for size in [1, 2, 5] {
                assert_eq!(walk(world, &scope, sorted(order, direction), size).await, expected);
            }
        }
    }
}

pub(super) async fn a_list_shows_the_states_of_tasks_in_scope(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 2).await;
    let private = world.create_task(&cast.owner, &cast.agent, cast.new_task()).await.unwrap().id;
    let hidden = keep_as_owner(&cast, &private).await;
    for gate in [&cast.viewer, &cast.editor] {
        assert_eq!(listed(world, &gate.scope().await.unwrap(), &by_id()).await, ids(&made));
    }
    let mut all = ids(&made);
    all.push(hidden.id);
    for gate in [&cast.owner, &cast.runtime] {
        assert_eq!(listed(world, &gate.scope().await.unwrap(), &by_id()).await, all);
    }
    assert!(listed(world, &cast.stranger.scope().await.unwrap(), &by_id()).await.is_empty());
}

async fn keep_as_owner(cast: &Cast<'_>, task: &TaskId) -> State {
    let new = super::new_state(cast, json!({}));
    cast.world.states.create(&may(&cast.owner, task).await, new).await.unwrap()
}

pub(super) async fn states_are_filtered_by_task_and_agent(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 2).await;
    let scope = cast.viewer.scope().await.unwrap();
    let of = |task: Option<&TaskId>, agent: Option<&Id<authz::Agent>>| StateQuery {
        task: task.cloned(),
        agent: agent.cloned(),
        ..by_id()
    };
    assert_eq!(listed(world, &scope, &of(None, Some(&cast.agent))).await, ids(&made));
    assert_eq!(listed(world, &scope, &of(Some(&made[1].task_id), None)).await, [made[1].id.clone()]);
    assert!(listed(world, &scope, &of(Some(&made[1].task_id), Some(&Id::new("nobody")))).await.is_empty());
    assert!(listed(world, &scope, &of(Some(&Id::new("no task")), None)).await.is_empty());
    assert!(listed(world, &cast.stranger.scope().await.unwrap(), &of(Some(&made[0].task_id), None)).await.is_empty());
}

pub(super) async fn every_kind_of_extent_is_understood(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 5).await;
    let tasks = made.iter().step_by(2).map(|state| state.task_id.to_text());
    let half: Arc<BTreeSet<Arc<str>>> = Arc::new(tasks.collect());
    let these = Arc::clone(&half);
    let of_agent = || StateQuery { agent: Some(cast.agent.clone()), ..by_id() };
    let extents =
        [(Extent::Everything, 1), (Extent::Ids(half), 2), (Extent::Where(Arc::new(move |id| these.contains(id))), 2)];
    for (extent, step) in extents {
        let scope = world.scope_of::<Task>(&cast.stranger, extent).await;
        let expected: Vec<_> = ids(&made).into_iter().step_by(step).collect();
        assert_eq!(listed(world, &scope, &of_agent()).await, expected);
        assert_eq!(walk(world, &scope, of_agent(), 2).await, expected);
    }
    let one = may::<Task, Read>(&cast.viewer, &made[3].task_id).await;
    assert_eq!(listed(world, &Scope::of(&[&one]), &by_id()).await, [made[3].id.clone()]);
    assert!(listed(world, &Scope::of(&[]), &by_id()).await.is_empty());
}
