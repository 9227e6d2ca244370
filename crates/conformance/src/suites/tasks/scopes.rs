//! Lists of tasks show what the caller may read, and nothing else.

use super::{every_task, listed, private_tasks, walked};
use crate::{Cast, World, dice::Dice, may};
use authz::{
    Direction, Extent, Gate, Id, Lookup, Principal, Relation, Relationship, ResourceRef, Role, Start, Target, Task,
};
use std::{collections::BTreeSet, sync::Arc};
use tasks::Query;

pub(super) async fn a_list_shows_what_the_caller_may_read(world: &World) {
    let cast = world.cast().await;
    let (shared, private) = (cast.task().await, private_tasks(&cast, 1, |_, _| ()).await.remove(0));
    let both = vec![shared.clone(), private];
    let sees = async |gate: &Gate| listed(world, &gate.scope().await.unwrap(), &every_task()).await;
    assert_eq!(sees(&cast.owner).await, both);
    assert_eq!(sees(&cast.runtime).await, both);
    assert_eq!(sees(&cast.editor).await, std::slice::from_ref(&shared));
    assert_eq!(sees(&cast.viewer).await, std::slice::from_ref(&shared));
    assert!(sees(&cast.stranger).await.is_empty());

    let unshare = may(&cast.owner, &shared).await;
    cast.owner.unshare::<Task>(&unshare, Role::Viewer, cast.viewer.principal()).await.unwrap();
    assert!(sees(&cast.viewer).await.is_empty());
    // Reading is not gated: an owner who left the tenant still sees.
    let membership = Relationship::held(ResourceRef::of(&cast.tenant), Relation::Member, cast.owner.principal());
    world.engine.revoke(&[membership]).await.unwrap();
    assert_eq!(sees(&cast.owner).await, both);
}

/// One task in two is in the extent, whatever the engine behind it is.
pub(super) async fn every_kind_of_extent_is_understood(world: &World) {
    let cast = world.cast().await;
    let ids = private_tasks(&cast, 7, |_, _| ()).await;
    let half: BTreeSet<Arc<str>> = ids.iter().step_by(2).map(Id::to_text).collect();
    let (half, none) = (Arc::new(half), Arc::new(BTreeSet::new()));
    let these = Arc::clone(&half);
    let extents = [
        (Extent::Everything, 1),
        (Extent::Ids(Arc::clone(&half)), 2),
        (Extent::Where(Arc::new(move |id| these.contains(id))), 2),
    ];
    for (extent, step) in extents {
        let scope = world.scope_of::<Task>(&cast.stranger, extent).await;
        let expected: Vec<_> = ids.iter().step_by(step).cloned().collect();
        assert_eq!(walked(world, &scope, of_agent(&cast), 3).await, expected);
        let expected: Vec<_> = expected.into_iter().rev().collect();
        let descending = Query { window: window(1000, Start::First, Direction::Descending), ..of_agent(&cast) };
        assert_eq!(walked(world, &scope, descending, 3).await, expected);
        let skipping = Query { window: window(2, Start::Skip(1), Direction::Descending), ..of_agent(&cast) };
        let page = world.tasks.page(&scope, &skipping).await.unwrap();
        assert_eq!(page.rows.into_iter().map(|task| task.id).collect::<Vec<_>>(), expected[1..3]);
        assert!(page.more);
    }
    for nothing in [Extent::Ids(none), Extent::Where(Arc::new(|_| false))] {
        let scope = world.scope_of::<Task>(&cast.owner, nothing).await;
        assert!(listed(world, &scope, &of_agent(&cast)).await.is_empty());
    }
}

/// An engine that only says which of some tasks may be read, page by page: first, middle and last pages that are
/// hidden whole leave no holes, and nobody is asked more often than a page may cost.
pub(super) async fn what_is_too_much_to_be_named_is_asked_page_by_page(world: &World) {
    let cast = world.cast().await;
    let ids = private_tasks(&cast, 40, |_, _| ()).await;
    for held in [0..40, 0..5, 17..23, 35..40, 0..0, 3..4] {
        let gate = world.member("reader", &cast.tenant).await;
        let shared = &ids[held.clone()];
        let edge = |id| Relationship::held(ResourceRef::of(id), Relation::Viewer, gate.principal());
        world.engine.grant(&shared.iter().map(edge).collect::<Vec<_>>()).await.unwrap();
        let scope = world.scope_by::<Task>(&gate, Lookup::TooMany).await;
        for limit in [1, 2, 7, 100] {
            assert_eq!(walked(world, &scope, of_agent(&cast), limit).await, shared, "{held:?}, {limit} at a time");
        }
        let skipping = Query { window: window(3, Start::Skip(2), Direction::Ascending), ..of_agent(&cast) };
        let page = world.tasks.page(&scope, &skipping).await.unwrap();
        let expected: Vec<_> = shared.iter().skip(2).take(3).cloned().collect();
        assert_eq!(page.rows.into_iter().map(|task| task.id).collect::<Vec<_>>(), expected);
        assert_eq!(page.more, shared.len() > 5);
    }
}

const fn window(limit: u32, start: Start, direction: Direction) -> authz::Window {
    authz::Window { limit, start, direction }
}

/// The tasks of the cast's agent: what to look at when the scope is everything.
fn of_agent(cast: &Cast<'_>) -> Query {
    Query { agent: Some(cast.agent.clone()), ..every_task() }
}

/// A small random world: what a caller's list shows is what checks allow the caller to read.
pub(super) async fn lists_agree_with_checks(world: &World) {
    for seed in 0..2 {
        let (casts, dice) = ([world.cast().await, world.cast().await], &mut Dice::new(seed));
        let mut tasks = Vec::new();
        for cast in &casts {
            tasks.extend(private_tasks(cast, 6, |_, _| ()).await);
        }
        let people: Vec<Principal> = casts.iter().flat_map(principals).collect();
        let mut edges = Vec::new();
        for _ in 0..24 {
            let relation = *dice.pick(&[Relation::Owner, Relation::Editor, Relation::Viewer]);
            edges.push(Relationship::held(ResourceRef::of(dice.pick(&tasks)), relation, dice.pick(&people)));
        }
        world.engine.grant(&edges).await.unwrap();
        let gone: Vec<_> = edges.into_iter().step_by(3).collect();
        world.engine.revoke(&gone).await.unwrap();
        for person in &people {
            let gate = world.gate(person, &casts[0].tenant);
            let targets: Vec<_> = tasks.iter().cloned().map(Target::known).collect();
            let grants = gate.grants(&targets, authz::Action::Read.into()).await.unwrap();
            let readable = tasks.iter().zip(grants).filter(|(_, grants)| grants.can(authz::Action::Read));
            let mut readable: Vec<_> = readable.map(|(id, _)| id.clone()).collect();
            readable.sort();
            assert_eq!(listed(world, &gate.scope().await.unwrap(), &every_task()).await, readable, "{person}");
        }
    }
}

fn principals(cast: &Cast<'_>) -> Vec<Principal> {
    let gates = [&cast.owner, &cast.editor, &cast.viewer, &cast.stranger];
    gates.into_iter().map(|gate| gate.principal().clone()).collect()
}
