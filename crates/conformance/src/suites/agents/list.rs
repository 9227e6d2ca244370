//! Lists of agents.

use crate::{Cast, World, may, pages::walk, world::new_agent};
use agents::{AgentId, NewAgent, Order, Query};
use authz::{Agent, Direction, Extent, Id, Role, Scope, Start, Task, Window, action::Read};
use std::{collections::BTreeSet, sync::Arc};

fn by_id() -> Query {
    sorted(Order::Id, Direction::Ascending)
}

fn sorted(order: Order, direction: Direction) -> Query {
    Query { task: None, order, window: Window { limit: 1000, start: Start::First, direction } }
}

async fn listed(world: &World, scope: &Scope<Agent, Read>, query: &Query) -> Vec<AgentId> {
    let page = world.agents.page(scope, query).await.unwrap();
    assert!(!page.more);
    page.rows.into_iter().map(|agent| agent.id).collect()
}

/// The cast's agent, and more with names in no order.
async fn several(cast: &Cast<'_>) -> Vec<AgentId> {
    let mut ids = vec![cast.agent.clone()];
    for name in ["m", "b-2", "z", "b", "0"] {
        let made = cast.world.create_agent(&cast.owner, NewAgent { name: name.into(), ..new_agent() }).await.unwrap();
        ids.push(made.id);
    }
    ids
}

pub(super) async fn every_order_is_the_same_in_pages_of_any_size(world: &World) {
    let cast = world.cast().await;
    let ids = several(&cast).await;
    let scope = cast.owner.scope().await.unwrap();
    for order in [Order::UpdatedAt, Order::CreatedAt, Order::Name, Order::Id] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let rows = world.agents.page(&scope, &sorted(order, direction)).await.unwrap().rows;
            let keys: Vec<_> = rows.iter().map(|agent| order.after(agent)).map(|after| (after.key, after.id)).collect();
            let mut expected = keys.clone();
            expected.sort();
            if direction == Direction::Descending {
                expected.reverse();
            }
            assert_eq!(keys, expected, "{order:?} {direction:?}");
            let all: Vec<_> = rows.into_iter().map(|agent| agent.id).collect();
            assert_eq!(all.len(), ids.len());
            for size in [1_u32, 2, 6] {
                assert_eq!(walked(world, &scope, sorted(order, direction), size).await, all);
                let mut counted = sorted(order, direction);
                counted.window = Window { limit: size, start: Start::Skip(2), direction };
                let page = world.agents.page(&scope, &counted).await.unwrap().rows;
                let end = all.len().min(2 + size as usize);
                assert_eq!(page.into_iter().map(|agent| agent.id).collect::<Vec<_>>(), all[2..end]);
            }
        }
    }
}

async fn walked(world: &World, scope: &Scope<Agent, Read>, query: Query, limit: u32) -> Vec<AgentId> {
    let page = async |window: &Window| {
        world.agents.page(scope, &Query { window: window.clone(), ..query.clone() }).await.unwrap()
    };
    let rows = walk(Window { limit, ..query.window.clone() }, page, |agent| query.order.after(agent)).await;
    rows.into_iter().map(|agent| agent.id).collect()
}

pub(super) async fn agents_are_filtered_by_task(world: &World) {
    let cast = world.cast().await;
    several(&cast).await;
    let task = cast.task().await;
    let scope = cast.owner.scope().await.unwrap();
    let of = |task| Query { task: Some(task), ..by_id() };
    assert_eq!(listed(world, &scope, &of(task)).await, std::slice::from_ref(&cast.agent));
    assert!(listed(world, &scope, &of(Id::new("no task"))).await.is_empty());
}

pub(super) async fn a_list_shows_what_the_caller_may_read(world: &World) {
    let cast = world.cast().await;
    let ids = several(&cast).await;
    let share = may(&cast.owner, &ids[3]).await;
    cast.owner.share::<Agent>(&share, Role::Viewer, cast.viewer.principal()).await.unwrap();
    let cases =
        [(&cast.owner, ids.clone()), (&cast.viewer, vec![ids[3].clone()]), (&cast.runtime, vec![ids[0].clone()])];
    for (gate, seen) in cases.into_iter().chain([(&cast.stranger, vec![])]) {
        assert_eq!(listed(world, &gate.scope().await.unwrap(), &by_id()).await, seen);
    }
}

pub(super) async fn every_kind_of_extent_is_understood(world: &World) {
    let cast = world.cast().await;
    let ids = several(&cast).await;
    let half: Arc<BTreeSet<Arc<str>>> = Arc::new(ids.iter().step_by(2).map(Id::to_text).collect());
    let these = Arc::clone(&half);
    let halves = [Extent::Ids(half), Extent::Where(Arc::new(move |id| these.contains(id)))];
    for extent in halves {
        let scope = world.scope_of::<Agent>(&cast.stranger, extent).await;
        let expected: Vec<_> = ids.iter().step_by(2).cloned().collect();
        assert_eq!(listed(world, &scope, &by_id()).await, expected);
        assert_eq!(walked(world, &scope, by_id(), 2).await, expected);
    }
    let everything = world.scope_of::<Agent>(&cast.stranger, Extent::Everything).await;
    let task = cast.task().await;
    let of_task = Query { task: Some(task), ..by_id() };
    assert_eq!(listed(world, &everything, &of_task).await, [cast.agent]);
}

pub(super) async fn tasks_lead_to_their_agents(world: &World) {
    let cast = world.cast().await;
    let (one, unasked) = (cast.task().await, cast.task().await);
    let other = world.agent(&cast.owner).await;
    let two = world.create_task(&cast.owner, &other, cast.new_task()).await.unwrap().id;
    let permits = [may::<Task, Read>(&cast.owner, &one).await, may(&cast.owner, &two).await];
    let mut found = world.agents.of_tasks(&permits.iter().collect::<Vec<_>>()).await.unwrap();
    found.sort();
    assert_eq!(found, [(one, cast.agent), (two, other)]);
    assert!(found.iter().all(|(task, _)| *task != unasked));
    assert!(world.agents.of_tasks(&[]).await.unwrap().is_empty());
}
