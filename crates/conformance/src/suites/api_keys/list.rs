//! Lists of keys.

use crate::{Cast, World, may, pages::walk, world::new_api_key};
use api_keys::{ApiKeyId, Query};
use authz::{
    Agent, ApiKey, Direction, Extent, Id, Role, Scope, SortKey, Start, Window,
    action::{Read, Update},
};
use std::{collections::BTreeSet, sync::Arc};

fn whole(agent: Option<&Id<Agent>>) -> Query {
    Query {
        agent: agent.cloned(),
        window: Window { limit: 1000, start: Start::First, direction: Direction::Ascending },
    }
}

async fn listed(world: &World, scope: &Scope<ApiKey, Read>, query: &Query) -> Vec<ApiKeyId> {
    let page = world.api_keys.page(scope, query).await.unwrap();
    assert!(!page.more);
    page.rows.into_iter().map(|key| key.id).collect()
}

/// Keys of the cast's agent and of another of the owner's, in the order they were made.
async fn several(cast: &Cast<'_>) -> (Id<Agent>, Vec<ApiKeyId>, Vec<ApiKeyId>) {
    let other = cast.world.agent(&cast.owner).await;
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        ours.push(cast.api_key().await.id);
        let new = new_api_key(&cast.tenant);
        others.push(cast.world.create_api_key(&cast.owner, &other, new).await.unwrap().id);
    }
    (other, ours, others)
}

pub(super) async fn keys_come_in_the_order_they_were_made_in_pages_of_any_size(world: &World) {
    let cast = world.cast().await;
    let (_, ours, others) = several(&cast).await;
    let all: Vec<_> = ours.iter().zip(&others).flat_map(|(our, other)| [our.clone(), other.clone()]).collect();
    let scope = cast.owner.scope().await.unwrap();
    for (query, expected) in [(whole(Some(&cast.agent)), ours), (whole(None), all)] {
        assert_eq!(listed(world, &scope, &query).await, expected);
        for size in [1_u32, 2, 4] {
            let page = async |window: &Window| {
                world.api_keys.page(&scope, &Query { window: window.clone(), ..query.clone() }).await.unwrap()
            };
            let window = Window { limit: size, ..query.window.clone() };
            let rows = walk(window, page, api_keys::ApiKey::place).await;
            assert_eq!(rows.into_iter().map(|key| key.id).collect::<Vec<_>>(), expected);
            let window = Window { limit: size, start: Start::Skip(2), direction: Direction::Descending };
            let page = world.api_keys.page(&scope, &Query { window, ..query.clone() }).await.unwrap();
            let back: Vec<_> = expected.iter().rev().skip(2).take(size as usize).cloned().collect();
            assert_eq!(page.rows.into_iter().map(|key| key.id).collect::<Vec<_>>(), back);
        }
    }
}

pub(super) async fn a_list_shows_what_the_caller_may_read(world: &World) {
    let cast = world.cast().await;
    let (_, ours, _) = several(&cast).await;
    let share = may(&cast.owner, &cast.agent).await;
    cast.owner.share::<Agent>(&share, Role::Editor, cast.editor.principal()).await.unwrap();
    cast.owner.share::<Agent>(&share, Role::Viewer, cast.viewer.principal()).await.unwrap();
    let own = world.create_api_key(&cast.editor, &cast.agent, new_api_key(&cast.tenant)).await.unwrap().id;
    let all: Vec<_> = ours.iter().chain([&own]).cloned().collect();
    for query in [whole(None), whole(Some(&cast.agent))] {
        // Whoever may change an agent sees its keys, whoever made them; so does its runtime.
        for (gate, seen) in [(&cast.editor, &all), (&cast.runtime, &all)] {
            assert_eq!(listed(world, &gate.scope().await.unwrap(), &query).await, *seen);
        }
        for gate in [&cast.viewer, &cast.stranger] {
            assert_eq!(listed(world, &gate.scope().await.unwrap(), &query).await, []);
        }
    }
    // Whoever made a key sees it when they may not change the agent any more.
    cast.owner.unshare::<Agent>(&share, Role::Editor, cast.editor.principal()).await.unwrap();
    assert_eq!(listed(world, &cast.editor.scope().await.unwrap(), &whole(None)).await, [own]);
}

pub(super) async fn every_kind_of_extent_is_understood(world: &World) {
    let cast = world.cast().await;
    let (_, ours, _) = several(&cast).await;
    let half: Arc<BTreeSet<Arc<str>>> = Arc::new(ours.iter().step_by(2).map(Id::to_text).collect());
    let these = Arc::clone(&half);
    for extent in [Extent::Ids(half), Extent::Where(Arc::new(move |id| these.contains(id)))] {
        let scope = world.scope_of::<ApiKey>(&cast.stranger, extent).await;
        let expected: Vec<_> = ours.iter().step_by(2).cloned().collect();
        assert_eq!(listed(world, &scope, &whole(None)).await, expected);
        assert_eq!(listed(world, &scope, &whole(Some(&cast.agent))).await, expected);
    }
    let everything = world.scope_of::<ApiKey>(&cast.stranger, Extent::Everything).await;
    assert_eq!(listed(world, &everything, &whole(Some(&cast.agent))).await, ours);
}

pub(super) async fn agents_lead_to_their_keys(world: &World) {
    let cast = world.cast().await;
    let (other, ours, others) = several(&cast).await;
    let bare = world.agent(&cast.owner).await;
    let mut permits = Vec::new();
    for agent in [&other, &bare, &cast.agent, &other] {
        permits.push(may::<Agent, Update>(&cast.owner, agent).await);
    }
    let permits: Vec<_> = permits.iter().collect();
    let (mut after, mut seen) = (None, vec![Vec::new(); permits.len()]);
    let pages = world.api_keys.of_agents(&permits, None, 3).await.unwrap();
    assert_eq!(
        pages.iter().map(|page| (page.rows.len(), page.more)).collect::<Vec<_>>(),
        [(3, true), (0, false), (3, true), (3, true)]
    );
    // Each agent's list goes on behind the same place.
    for _ in 0..10 {
        let pages = world.api_keys.of_agents(&permits, after.as_ref(), 1).await.unwrap();
        let first = pages.iter().flat_map(|page| &page.rows).map(api_keys::ApiKey::place);
        after = first.min_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        let Some(place) = &after else { break };
        for (seen, page) in seen.iter_mut().zip(pages) {
            seen.extend(page.rows.into_iter().filter(|key| key.place() == *place).map(|key| key.id));
        }
    }
    assert_eq!(seen, [others.clone(), vec![], ours, others]);
    let nowhere = authz::After { key: SortKey::Text("a".into()), id: "a".into() };
    let pages = world.api_keys.of_agents(&permits, Some(&nowhere), 3).await.unwrap();
    assert!(pages.len() == 4 && pages.iter().all(|page| page.rows.is_empty() && !page.more));
    assert!(world.api_keys.of_agents(&[], None, 3).await.unwrap().is_empty());
}
