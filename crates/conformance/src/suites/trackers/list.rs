//! Lists of trackers.

use crate::{Cast, World, may, pages::walk};
use authz::{Direction, Extent, Id, Scope, Start, Task, Window, action::Read};
use std::{collections::BTreeSet, sync::Arc};
use tasks::TaskId;
use trackers::{Change, Commit, Order, Query};

fn by_id() -> Query {
    sorted(Order::Id, Direction::Ascending)
}

fn sorted(order: Order, direction: Direction) -> Query {
    Query { task: None, agent: None, order, window: Window { limit: 1000, start: Start::First, direction } }
}

async fn listed(world: &World, scope: &Scope<Task, Read>, query: &Query) -> Vec<String> {
    let page = world.trackers.page(scope, query).await.unwrap();
    assert!(!page.more);
    page.rows.into_iter().map(|tracker| tracker.id).collect()
}

/// Tasks of the cast with their trackers, in the order they were made.
async fn several(cast: &Cast<'_>, count: usize) -> Vec<(TaskId, String)> {
    let mut made = Vec::new();
    for _ in 0..count {
        let new = cast.new_task();
        let tracker = new.tracker_id.clone();
        made.push((cast.task_from(new).await.id, tracker));
    }
    made
}

fn ids(made: &[(TaskId, String)]) -> Vec<String> {
    made.iter().map(|(_, tracker)| tracker.clone()).collect()
}

pub(super) async fn every_order_is_the_same_in_pages_of_any_size(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 5).await;
    let (task, tracker) = &made[1];
    let change = Commit { status: Change::Set("later".into()), ..Commit::default() };
    world.trackers.commit(&may(&cast.runtime, task).await, tracker, change).await.unwrap().unwrap();
    let scope = cast.viewer.scope().await.unwrap();
    for order in [Order::UpdatedAt, Order::CreatedAt, Order::Id] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut expected = ids(&made);
            if order == Order::UpdatedAt {
                let latest = expected.remove(1);
                expected.push(latest);
            }
            if direction == Direction::Descending {
                expected.reverse();
            }
            assert_eq!(listed(world, &scope, &sorted(order, direction)).await, expected);
            for size in [1, 2, 5] {
                assert_eq!(walked(world, &scope, sorted(order, direction), size).await, expected);
                let mut counted = sorted(order, direction);
                counted.window = Window { limit: size, start: Start::Skip(2), direction };
                let page = world.trackers.page(&scope, &counted).await.unwrap();
                let end = expected.len().min(2 + size as usize);
                assert_eq!(page.rows.into_iter().map(|row| row.id).collect::<Vec<_>>(), expected[2..end]);
                assert_eq!(page.more, end < expected.len());
            }
        }
    }
}

async fn walked(world: &World, scope: &Scope<Task, Read>, query: Query, limit: u32) -> Vec<String> {
    let page = async |window: &Window| {
        world.trackers.page(scope, &Query { window: window.clone(), ..query.clone() }).await.unwrap()
    };
    let rows = walk(Window { limit, ..query.window.clone() }, page, |tracker| query.order.after(tracker)).await;
    rows.into_iter().map(|tracker| tracker.id).collect()
}

pub(super) async fn a_list_shows_the_trackers_of_tasks_in_scope(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 2).await;
    let private = world.create_task(&cast.owner, &cast.agent, cast.new_task()).await.unwrap().id;
    for gate in [&cast.viewer, &cast.editor] {
        assert_eq!(listed(world, &gate.scope().await.unwrap(), &by_id()).await, ids(&made));
    }
    assert_eq!(listed(world, &cast.owner.scope().await.unwrap(), &by_id()).await.len(), 3);
    assert_eq!(listed(world, &cast.runtime.scope().await.unwrap(), &by_id()).await.len(), 3);
    assert!(listed(world, &cast.stranger.scope().await.unwrap(), &by_id()).await.is_empty());
    world.remove_task(&may(&cast.owner, &private).await).await.unwrap();
    assert_eq!(listed(world, &cast.owner.scope().await.unwrap(), &by_id()).await, ids(&made));
}

pub(super) async fn a_task_out_of_scope_has_none(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 1).await;
    let of = |task: &TaskId| Query { task: Some(task.clone()), ..by_id() };
    let scope = cast.viewer.scope().await.unwrap();
    assert_eq!(listed(world, &scope, &of(&made[0].0)).await, ids(&made));
    assert!(listed(world, &scope, &of(&Id::new("no task"))).await.is_empty());
    assert!(listed(world, &cast.stranger.scope().await.unwrap(), &of(&made[0].0)).await.is_empty());
}

pub(super) async fn trackers_are_filtered_by_task_and_agent(world: &World) {
    let cast = world.cast().await;
    let (made, new) = (several(&cast, 2).await, cast.new_task());
    let (agent, foreign) = (world.agent(&cast.owner).await, new.tracker_id.clone());
    let other = world.create_task(&cast.owner, &agent, new).await.unwrap().id;
    let scope = cast.owner.scope().await.unwrap();
    let of = |task: Option<&TaskId>, agent: Option<&Id<authz::Agent>>| Query {
        task: task.cloned(),
        agent: agent.cloned(),
        ..by_id()
    };
    assert_eq!(listed(world, &scope, &of(None, Some(&cast.agent))).await, ids(&made));
    assert_eq!(listed(world, &scope, &of(None, Some(&agent))).await, std::slice::from_ref(&foreign));
    assert_eq!(listed(world, &scope, &of(Some(&other), Some(&agent))).await, [foreign]);
    assert!(listed(world, &scope, &of(Some(&other), Some(&cast.agent))).await.is_empty());
    assert!(listed(world, &scope, &of(None, Some(&Id::new("nobody")))).await.is_empty());
}

pub(super) async fn every_kind_of_extent_is_understood(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 5).await;
    let half: Arc<BTreeSet<Arc<str>>> = Arc::new(made.iter().step_by(2).map(|(task, _)| task.to_text()).collect());
    let these = Arc::clone(&half);
    let of_agent = || Query { agent: Some(cast.agent.clone()), ..by_id() };
    let extents =
        [(Extent::Everything, 1), (Extent::Ids(half), 2), (Extent::Where(Arc::new(move |id| these.contains(id))), 2)];
    for (extent, step) in extents {
        let scope = world.scope_of::<Task>(&cast.stranger, extent).await;
        let expected: Vec<_> = ids(&made).into_iter().step_by(step).collect();
        assert_eq!(listed(world, &scope, &of_agent()).await, expected);
        assert_eq!(walked(world, &scope, of_agent(), 2).await, expected);
    }
    let one = may::<Task, Read>(&cast.viewer, &made[3].0).await;
    assert_eq!(listed(world, &Scope::of(&[&one]), &by_id()).await, [made[3].1.clone()]);
    assert!(listed(world, &Scope::of(&[]), &by_id()).await.is_empty());
}

pub(super) async fn trackers_of_tasks_come_by_task(world: &World) {
    let cast = world.cast().await;
    let made = several(&cast, 3).await;
    let permits = [may::<Task, Read>(&cast.viewer, &made[2].0).await, may(&cast.viewer, &made[0].0).await];
    let found = world.trackers.of_tasks(&permits.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(found.into_iter().map(|tracker| tracker.id).collect::<Vec<_>>(), [made[0].1.clone(), made[2].1.clone()]);
    assert!(world.trackers.of_tasks(&[]).await.unwrap().is_empty());
}
