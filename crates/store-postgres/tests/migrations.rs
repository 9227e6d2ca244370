//! Bringing databases up to date: empty ones, current ones, several times at once, and agentex's own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/server.rs"]
mod server;

use authz::{
    Agent, Authorizer, DenialPolicy, Ending, Gate, Id, IntentId, Permit, Principal, Registered, Relation, Relationship,
    Resource, ResourceRef, Target, Task, Tenant, Window,
    action::{Delete, Execute, Read, Update},
};
use authz_graph::GraphEngine;
use chrono::Utc;
use dual_write::{Intent, Ledger as _};
use scratch::Scratch;
use sqlx::{Executor, PgPool};
use std::sync::Arc;
use store_postgres::{MigrateError, PgStore, migrate};
use tasks::{NewTask, Order, Patch, Query, Status, StoreError, TaskStore, Transition};

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

async fn applied(pool: &PgPool) -> i64 {
    count(pool, "SELECT count(*) FROM _sqlx_migrations WHERE success").await
}

const HALF_BUILT: &str = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";

#[tokio::test]
async fn an_empty_database_is_migrated_once() {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    migrate(&pool).await.unwrap();
    let first = applied(&pool).await;
    assert!(first > 40, "{first}");
    migrate(&pool).await.unwrap();
    assert_eq!(applied(&pool).await, first);
    assert_eq!(count(&pool, HALF_BUILT).await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM pg_constraint WHERE NOT convalidated").await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM checkpoint_migrations").await, 10);
    scratch.drop().await;
}

#[tokio::test]
async fn gateways_that_start_together_wait_for_one_another() {
    let scratch = Scratch::new().await;
    let pools = [scratch.pool().await, scratch.pool().await, scratch.pool().await];
    for outcome in futures::future::join_all(pools.iter().map(migrate)).await {
        outcome.unwrap();
    }
    assert_eq!(count(&pools[0], HALF_BUILT).await, 0);
    assert_eq!(applied(&pools[0]).await, count(&pools[0], "SELECT max(version) FROM _sqlx_migrations").await);
    scratch.drop().await;
}

#[tokio::test]
async fn an_index_that_was_cut_short_is_built_again() {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    migrate(&pool).await.unwrap();
    pool.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tasks_by_name'::regclass").await.unwrap();
    pool.execute("DELETE FROM _sqlx_migrations WHERE description = 'index tasks by name'").await.unwrap();
    migrate(&pool).await.unwrap();
    assert_eq!(count(&pool, HALF_BUILT).await, 0);
    scratch.drop().await;
}

#[tokio::test]
async fn an_edited_file_is_noticed_and_an_unknown_one_is_not_minded() {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    migrate(&pool).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations VALUES (9999, 'of a newer version', now(), true, '', 0)";
    pool.execute(newer).await.unwrap();
    migrate(&pool).await.unwrap();
    pool.execute("UPDATE _sqlx_migrations SET checksum = '' WHERE version = 2").await.unwrap();
    assert!(matches!(migrate(&pool).await, Err(MigrateError::Edited { version: 2 })));
    scratch.drop().await;
}

#[tokio::test]
async fn a_migration_that_waits_for_a_lock_gives_up() {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    pool.execute(include_str!("fixtures/agentex.sql")).await.unwrap();
    let mut reader = pool.begin().await.unwrap();
    reader.execute("SELECT * FROM tasks").await.unwrap();
    assert!(matches!(migrate(&pool).await, Err(MigrateError::Failed { version: 11, .. })));
    reader.rollback().await.unwrap();
    migrate(&pool).await.unwrap();
    scratch.drop().await;
}

/// An agentex database that was adopted, and somebody who owns everything in it.
struct Adopted {
    scratch: Scratch,
    pool: PgPool,
    store: PgStore,
    gate: Gate,
}

const TASKS: [&str; 5] = ["plain", "nulls", "timeless", "deleted", "unset"];

impl Adopted {
    async fn new() -> Self {
        let scratch = Scratch::new().await;
        let pool = scratch.pool().await;
        pool.execute(include_str!("fixtures/agentex.sql")).await.unwrap();
        migrate(&pool).await.unwrap();
        let engine = Arc::new(GraphEngine::new(pool.clone()));
        let (owner, tenant) = (Principal::user("owner"), Id::<Tenant>::new("tenant"));
        let agents = ["agent", "gone-agent"].map(|agent| ResourceRef::of(&Id::<Agent>::new(agent)));
        let tasks = TASKS.map(|task| ResourceRef::of(&Id::<Task>::new(task)));
        let mut edges = vec![Relationship::held(ResourceRef::of(&tenant), Relation::Member, &owner)];
        for resource in agents.into_iter().chain(tasks) {
            edges.push(Relationship::between(resource.clone(), Relation::Tenant, &ResourceRef::of(&tenant)));
            edges.push(Relationship::held(resource, Relation::Owner, &owner));
        }
        engine.grant(&edges).await.unwrap();
        let gate = Gate::new(owner, tenant, engine, DenialPolicy::Hide);
        Self { scratch, store: PgStore::new(pool.clone()), pool, gate }
    }

    async fn may<R: Resource + authz::Allows<A>, A: authz::action::Marker>(&self, id: &str) -> Permit<R, A> {
        self.gate.permit(&Target::known(Id::new(id))).await.unwrap()
    }

    async fn get(&self, ids: &[&str]) -> Vec<tasks::Task> {
        let mut permits = Vec::new();
        for id in ids {
            permits.push(self.may::<Task, Read>(id).await);
        }
        let mut found = TaskStore::get(&self.store, &permits.iter().collect::<Vec<_>>()).await.unwrap();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    async fn listed(&self, order: Order) -> Vec<String> {
        let scope = self.gate.scope().await.unwrap();
        let mut query =
            Query { agent: None, agent_name: None, status: None, metadata: None, order, window: Window::first(1) };
        let mut ids = Vec::new();
        loop {
            let page = TaskStore::page(&self.store, &scope, &query).await.unwrap();
            ids.extend(page.rows.iter().map(|task| task.id.to_string()));
            match page.rows.last() {
                Some(last) if page.more => query.window.start = authz::Start::After(order.after(last)),
                _ => return ids,
            }
        }
    }
}

#[tokio::test]
async fn rows_of_agentex_read_as_the_port_says() {
    let adopted = Adopted::new().await;
    let found = adopted.get(&TASKS).await;
    let ids: Vec<_> = found.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["nulls", "plain", "timeless", "unset"], "what was deleted is not there");
    assert_eq!((&found[0].params, &found[0].metadata), (&None, &None), "JSON null is none");
    assert_eq!(found[1].params, Some(serde_json::json!({"a": 1})));
    assert_eq!((found[3].status, found[1].status), (None, Some(Status::Running)));
    assert!(found[1].creator.open(&adopted.may::<Task, Update>("plain").await).unwrap().is_none());

    // Without a time is 1970, without a name is the empty name, and without a status is not listed.
    assert_eq!(adopted.listed(Order::UpdatedAt).await, ["nulls", "plain", "timeless"]);
    assert_eq!(adopted.listed(Order::CreatedAt).await, ["nulls", "plain", "timeless"]);
    assert_eq!(adopted.listed(Order::Name).await, ["plain", "timeless", "nulls"]);
    assert_eq!(adopted.listed(Order::Status).await, ["plain", "timeless", "nulls"]);
    adopted.scratch.drop().await;
}

#[tokio::test]
async fn children_of_agentex_read_as_the_ports_say() {
    let adopted = Adopted::new().await;
    let plain = adopted.may::<Task, Read>("plain").await;
    let of_tasks = agents::AgentStore::of_tasks(&adopted.store, &[&plain]).await.unwrap();
    assert_eq!(of_tasks, [(Id::new("plain"), Id::new("agent"))], "a deleted agent is not there");
    let agent = adopted.may::<Agent, Read>("agent").await;
    let gone = adopted.may::<Agent, Read>("gone-agent").await;
    let agents = agents::AgentStore::get(&adopted.store, &[&agent, &gone]).await.unwrap();
    assert_eq!(agents.len(), 1);
    assert_eq!((agents[0].updated_at.timestamp(), &agents[0].registration_metadata), (0, &None));
    let trackers = trackers::TrackerStore::of_tasks(&adopted.store, &[&plain]).await.unwrap();
    assert_eq!((trackers[0].id.as_str(), trackers[0].updated_at.timestamp()), ("tracker-plain", 0));
    adopted.scratch.drop().await;
}

#[tokio::test]
async fn rows_of_agentex_can_be_changed() {
    let adopted = Adopted::new().await;
    let update = adopted.may::<Task, Update>("unset").await;
    let stuck = adopted.store.transition(&Transition::complete(&update, None)).await;
    assert!(matches!(stuck, Err(StoreError::Corrupt { table: "tasks", .. })), "no status leads nowhere");
    let merge = serde_json::json!({"a": 2}).as_object().cloned();
    let merged = adopted.store.update(&update, Patch { merge_params: merge.clone(), metadata: None }).await.unwrap();
    assert_eq!(merged.unwrap().params, Some(serde_json::json!({"a": 2})), "a list has no keys to keep");
    let update = adopted.may::<Task, Update>("deleted").await;
    assert!(adopted.store.update(&update, Patch { merge_params: merge, metadata: None }).await.unwrap().is_none());
    assert!(adopted.store.transition(&Transition::complete(&update, None)).await.unwrap().is_none());

    let delete = adopted.may::<Task, Delete>("plain").await;
    assert!(adopted.store.delete(&delete, &ending("plain")).await.unwrap().is_some());
    assert_eq!(count(&adopted.pool, "SELECT count(*) FROM spans WHERE task_id IS NULL").await, 1);
    let left = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM checkpoints)";
    assert_eq!(count(&adopted.pool, left).await, 0);
    let delete = adopted.may::<Task, Delete>("deleted").await;
    assert!(adopted.store.delete(&delete, &ending("deleted")).await.unwrap().is_none());
    adopted.scratch.drop().await;
}

/// An ending of an old row.
fn ending(intent: &str) -> Ending {
    let now = Utc::now();
    Ending { intent: IntentId::new(intent), opened_at: now, due_at: now, settled_before: now, account: None }
}

#[tokio::test]
async fn names_of_agentex_are_found_once_their_tenant_is_known() {
    let adopted = Adopted::new().await;
    let tenant = adopted.gate.tenant().clone();
    let named = async |name| {
        let row = TaskStore::id_by_name(&adopted.store, &tenant, name).await.unwrap();
        row.map(|row| row.id)
    };
    assert_eq!(named("plain").await, None);
    adopted.pool.execute("UPDATE tasks SET tenant = 'tenant'").await.unwrap();
    adopted.pool.execute("UPDATE agents SET tenant = 'tenant'").await.unwrap();
    assert_eq!(named("plain").await, Some(Id::new("plain")));
    assert_eq!(named("deleted").await, None);

    // A name that only a deleted task has is free.
    let agent = adopted.may::<Agent, Execute>("agent").await;
    let new = |name: &str| NewTask {
        id: Id::new(format!("new-{name}")),
        tracker_id: format!("tracker-new-{name}"),
        tenant: tenant.clone(),
        name: Some(name.to_owned()),
        params: None,
        metadata: None,
        creator: Some(Principal::service_account("bot")),
    };
    let create = async |agent: &Permit<Agent, Execute>, new: NewTask| {
        let registration = adopted.gate.registration_of_task(agent, &new.id);
        let intent = Intent::register(&registration, Utc::now(), Utc::now());
        adopted.store.open(&intent).await.unwrap();
        adopted.store.create(agent, new, Registered::by(intent.id)).await
    };
    assert!(create(&agent, new("deleted")).await.is_ok());
    assert!(matches!(create(&agent, new("plain")).await, Err(StoreError::NameTaken { .. })));
    let gone = adopted.may::<Agent, Execute>("gone-agent").await;
    assert!(matches!(create(&gone, new("other")).await, Err(StoreError::NoSuchAgent)));
    let both = "UPDATE tasks SET creator_user_id = 'u' WHERE id = 'new-deleted'";
    let refused = adopted.pool.execute(both).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("ck_tasks_at_most_one_creator"));
    adopted.scratch.drop().await;
}
