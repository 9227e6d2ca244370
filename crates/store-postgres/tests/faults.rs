//! What the stores answer when PostgreSQL does not.

#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use authz::{Id, Tenant, Window};
use conformance::may;
use scratch::Scratch;
use sqlx::Executor;
use store_postgres::{PgStore, migrate};
use tasks::{Order, Query, StoreError};
use world::{migrated, world_on};

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_unavailable() {
    let pool = migrated().await;
    let (store, tenant) = (PgStore::new(pool.clone()), Id::<Tenant>::new("tenant"));
    store.ping().await.unwrap();
    pool.close().await;
    assert!(store.ping().await.is_err());
    let tasks = tasks::TaskStore::id_by_name(&store, &tenant, "name").await;
    assert!(matches!(tasks, Err(StoreError::Unavailable(_))));
    let agents = agents::AgentStore::id_by_name(&store, &tenant, "name").await;
    assert!(matches!(agents, Err(agents::StoreError::Unavailable(_))));
    let digest = api_keys::Sealer::new(b"").digest(&api_keys::Secret::fresh());
    let bearer = api_keys::ApiKeyStore::bearer(&store, &digest).await;
    assert!(matches!(bearer, Err(api_keys::StoreError::Unavailable(_))));
    let trackers = trackers::TrackerStore::locate(&store, "id").await.map(drop);
    assert!(matches!(trackers, Err(trackers::StoreError::Unavailable(_))));
    let events = conversations::EventStore::locate(&store, "id").await.map(drop);
    assert!(matches!(events, Err(conversations::StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_unavailable() {
    let pool = migrated().await;
    let world = world_on(server::pool(server::shared().options([("statement_timeout", "200ms")])).await);
    let cast = world.cast().await;
    let task = cast.task().await;
    let mut other = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM tasks WHERE id = $1 FOR UPDATE").bind(task.as_str()).execute(&mut *other).await.unwrap();
    let update = may(&cast.editor, &task).await;
    let late = world.tasks.transition(&tasks::Transition::fail(&update, None)).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
    other.rollback().await.unwrap();
}

#[tokio::test]
async fn a_word_that_nobody_knows_is_corrupt() {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    migrate(&pool).await.unwrap();
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let task = cast.task().await;
    pool.execute("ALTER TYPE taskstatus ADD VALUE 'ODD'").await.unwrap();
    pool.execute("UPDATE tasks SET status = 'ODD'").await.unwrap();
    pool.execute("UPDATE agents SET status = 'BUILDING'").await.unwrap();
    let permit = may(&cast.viewer, &task).await;
    assert!(matches!(world.tasks.get(&[&permit]).await, Err(StoreError::Corrupt { table: "tasks", .. })));
    let window = Window::first(1);
    let query = Query { agent: None, agent_name: None, status: None, metadata: None, order: Order::Id, window };
    let page = world.tasks.page(&cast.viewer.scope().await.unwrap(), &query).await;
    assert!(matches!(page, Err(StoreError::Corrupt { table: "tasks", .. })));
    let permit = may(&cast.owner, &cast.agent).await;
    assert!(matches!(world.agents.get(&[&permit]).await, Err(agents::StoreError::Corrupt { table: "agents", .. })));
    scratch.drop().await;
}
