//! API keys and agents go the way of tasks.

use crate::{
    TROUBLES, unavailable,
    world::{Trouble, World},
};
use api_keys::{ApiKey, KeyType, Query};
use authz::{
    Direction, Kind, Start, Target, Window,
    action::{Create, Delete},
};
use gateway::{
    Code, Failure,
    lifecycle::{self, ApiKeyDraft},
};
use std::{sync::Arc, time::Duration};

async fn create(world: &World, name: &str) -> Result<ApiKey, Failure> {
    let permit = world.gate.permit::<_, Create>(&Target::known(world.agent.clone())).await?;
    let draft = ApiKeyDraft { name: name.to_owned(), key_type: KeyType::External, secret: None };
    Ok(lifecycle::create_api_key(&world.app, &world.gate, permit, draft).await?.0)
}

async fn delete(world: &World, key: &ApiKey) -> Result<ApiKey, Failure> {
    let permit = world.gate.permit::<_, Delete>(&Target::known(key.id.clone())).await?;
    lifecycle::delete_api_key(&world.app, &world.gate, permit).await
}

async fn delete_agent(world: &World) -> Result<agents::Agent, Failure> {
    let permit = world.gate.permit::<_, Delete>(&Target::known(world.agent.clone())).await?;
    lifecycle::delete_agent(&world.app, &world.gate, permit).await
}

/// The ids of the keys that have a row and that the owner may see.
async fn rows(world: &World) -> Vec<Arc<str>> {
    let window = Window { limit: 1000, start: Start::First, direction: Direction::Ascending };
    let query = Query { agent: None, window };
    let page = world.app.stores.api_keys.page(&world.gate.scope().await.unwrap(), &query).await.unwrap();
    let mut ids: Vec<_> = page.rows.into_iter().map(|key| key.id.to_text()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn w12_a_key_whose_register_fails_leaves_no_row_and_after_a_sweep_nothing_registered() {
    for trouble in TROUBLES {
        let world = World::new().await;
        world.engine.on_register(trouble);
        unavailable(&create(&world, "a").await.err().unwrap());
        assert!(rows(&world).await.is_empty(), "{trouble:?}");
        world.engine.on_register(Trouble::None);
        world.reconcile().await;
        assert!(world.known(Kind::ApiKey).is_empty(), "{trouble:?}");
        create(&world, "a").await.unwrap();
    }
}

#[tokio::test]
async fn w12_a_key_that_is_not_persisted_is_undone_and_its_own_error_told() {
    let world = World::new().await;
    let taken = create(&world, "taken").await.unwrap();
    for trouble in [Trouble::None, Trouble::Fails, Trouble::AppliesAndFails, Trouble::Hangs] {
        world.engine.on_deregister(trouble);
        let error = create(&world, "taken").await.err().unwrap();
        assert_eq!(error.code(), Code::AlreadyExists, "{trouble:?}: {error:?}");
        world.engine.on_deregister(Trouble::None);
        world.reconcile().await;
        assert_eq!(world.known(Kind::ApiKey), [taken.id.to_text()], "{trouble:?}");
    }
    assert_eq!(rows(&world).await, [taken.id.to_text()]);
}

#[tokio::test]
async fn w12_a_key_whose_deregister_fails_is_ended_and_a_sweep_finishes_it() {
    for trouble in TROUBLES {
        let world = World::new().await;
        let (key, stays) = (create(&world, "a").await.unwrap(), create(&world, "b").await.unwrap());
        world.engine.on_deregister(trouble);
        assert_eq!(delete(&world, &key).await.unwrap().id, key.id, "{trouble:?}");
        assert_eq!(rows(&world).await, [stays.id.to_text()], "{trouble:?}");
        world.engine.on_deregister(Trouble::None);
        world.reconcile().await;
        assert_eq!(world.known(Kind::ApiKey), [stays.id.to_text()], "{trouble:?}");
    }
}

#[tokio::test]
async fn w12_an_agent_whose_deregister_fails_is_ended_with_its_keys_and_a_sweep_finishes_them_all() {
    for trouble in TROUBLES {
        let world = World::new().await;
        for name in ["a", "b", "c", "d", "e", "f"] {
            create(&world, name).await.unwrap();
        }
        world.engine.on_deregister(trouble);
        let asked = tokio::time::Instant::now();
        assert_eq!(delete_agent(&world).await.unwrap().id, world.agent, "{trouble:?}");
        assert!(asked.elapsed() < 3 * crate::world::ATTEMPT, "{trouble:?}: the caller waits for one attempt at most");
        assert!(rows(&world).await.is_empty(), "{trouble:?}");
        assert_eq!(world.backlog().await, 7, "the agent and its keys");
        world.engine.on_deregister(Trouble::None);
        world.reconcile().await;
        assert!(world.known(Kind::ApiKey).is_empty() && world.known(Kind::Agent).is_empty(), "{trouble:?}");
    }
}

#[tokio::test]
async fn w12_a_caller_who_hangs_up_at_any_moment_leaves_keys_and_agents_in_step() {
    for moment in (0..12).step_by(2) {
        let world = World::new().await;
        world.engine.step.store(5, std::sync::atomic::Ordering::Relaxed);
        let moment = Duration::from_millis(moment);
        let made = tokio::time::timeout(moment, create(&world, "a")).await;
        if let Ok(made) = made {
            let _ = tokio::time::timeout(moment, delete(&world, &made.unwrap())).await;
        }
        let _ = tokio::time::timeout(moment, delete_agent(&world)).await;
        world.reconcile().await;
        assert_eq!(world.known(Kind::ApiKey), rows(&world).await, "{moment:?}");
        assert_eq!(world.backlog().await, 0);
    }
}
