//! The engine suite on the graph in PostgreSQL, and how that graph uses PostgreSQL.
#![expect(clippy::expect_used, reason = "a test without its database fails")]

use authz::{
    Action, Authorizer, Check, Consistency, Decision, EngineError, Explainer, Extent, Kind, Lookup, Principal,
    Relation, Relationship, ResourceRef,
};
use authz_graph::GraphEngine;
use conformance::{Readable, Registry, fresh};
use futures::future::join_all;
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;

/// Once for all cases.
const READ: &Consistency = &Consistency::MinimizeLatency;

static MIGRATED: OnceCell<()> = OnceCell::const_new();

/// A pool of its own for each case: a pool lives no longer than the runtime it was made in.
async fn pool_of(connections: u32) -> PgPool {
    let url = std::env::var("TEST_DATABASE_URL");
    let url = url.expect("TEST_DATABASE_URL names no database: run these tests with `tests/run`");
    let pool = PgPoolOptions::new().max_connections(connections).connect(&url).await;
    let pool = pool.expect("the test database is reachable");
    MIGRATED.get_or_init(async || store_postgres::migrate(&pool).await.expect("the test database is migrated")).await;
    pool
}

async fn engine() -> Arc<dyn Authorizer> {
    Arc::new(GraphEngine::new(pool_of(4).await))
}

async fn registry() -> Registry {
    let engine = Arc::new(GraphEngine::new(pool_of(4).await));
    Registry { engine: engine.clone(), registrations: engine }
}

async fn explainer() -> Explainer {
    let engine = Arc::new(GraphEngine::new(pool_of(4).await));
    Explainer { engine: engine.clone(), reader: Some(engine) }
}

async fn readable() -> Readable {
    let engine = Arc::new(GraphEngine::new(pool_of(4).await));
    Readable { engine: engine.clone(), relationships: engine }
}

conformance::authorizer!(engine);
conformance::corpus!(engine);
conformance::explanations!(explainer);
conformance::registrations!(registry);
conformance::relationships!(readable);

/// An engine on one connection, so that the connection can be asked what was run on it.
async fn engine_on_one_connection() -> (GraphEngine, PgPool) {
    let pool = pool_of(1).await;
    (GraphEngine::new(pool.clone()), pool)
}

/// How often the statement of checks was run on the only connection, and how often on its generic plan.
async fn runs(pool: &PgPool) -> (i64, i64) {
    let select = "SELECT sum(generic_plans + custom_plans)::bigint, sum(generic_plans)::bigint
                  FROM pg_prepared_statements WHERE statement LIKE '%AS wanted%' AND name <> ''";
    sqlx::query_as(select).persistent(false).fetch_one(pool).await.expect("PostgreSQL says what it has prepared")
}

fn reads(count: usize) -> Vec<Check> {
    let task = |_| ResourceRef { kind: Kind::Task, id: fresh("task").into() };
    (0..count).map(task).map(|resource| Check { resource, actions: Action::Read | Action::Update }).collect()
}

#[tokio::test]
async fn a_check_of_any_batch_is_one_statement() {
    let (engine, pool) = engine_on_one_connection().await;
    let somebody = Principal::user(fresh("user"));
    for (runs_so_far, count) in [(1, 1), (2, 1000), (3, 3000)] {
        assert_eq!(engine.check(&somebody, &reads(count), READ).await.unwrap().len(), count);
        assert_eq!(runs(&pool).await.0, runs_so_far);
    }
}

#[tokio::test]
async fn checks_of_many_callers_share_statements() {
    let (engine, pool) = engine_on_one_connection().await;
    let callers: Vec<_> = (0..100).map(|_| (Principal::user(fresh("user")), reads(2))).collect();
    let answers = join_all(callers.iter().map(|(somebody, checks)| engine.check(somebody, checks, READ))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().len() == 2));
    let (runs, _) = runs(&pool).await;
    assert!(runs <= 4, "100 callers made {runs} statements");
}

#[tokio::test]
async fn checks_are_planned_once() {
    let (engine, pool) = engine_on_one_connection().await;
    for count in [1, 2, 50, 1, 1, 1, 7, 1000, 1] {
        engine.check(&Principal::user(fresh("user")), &reads(count), READ).await.unwrap();
    }
    assert_eq!(runs(&pool).await, (9, 4), "PostgreSQL plans a statement five times before it keeps a plan");
}

#[tokio::test]
async fn lookups_ask_nobody_and_checks_fail_closed_without_a_database() {
    let nowhere = PgPoolOptions::new().acquire_timeout(Duration::from_millis(200));
    let engine = GraphEngine::new(nowhere.connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap());
    let somebody = Principal::user(fresh("user"));
    assert!(matches!(
        engine.lookup(&somebody, Kind::Task, Action::Read, None, READ).await,
        Ok(Lookup::Within(Extent::Beside(_)))
    ));
    assert!(
        matches!(engine.lookup(&somebody, Kind::Task, Action::Create, None, READ).await, Ok(Lookup::Within(Extent::Ids(ids))) if ids.is_empty())
    );
    assert!(matches!(engine.check(&somebody, &reads(1), READ).await, Err(EngineError::Unavailable(_))));
}

/// PostgreSQL refuses U+0000 in text, and a refused statement fails everybody who shares it.
#[tokio::test]
async fn an_id_that_no_row_can_have_is_unknown_and_fails_nobody() {
    let (engine, _) = engine_on_one_connection().await;
    let (owner, odd) = (Principal::user(fresh("user")), Principal::user("\0"));
    let mut checks = reads(2);
    let edge = Relationship::held(checks[1].resource.clone(), Relation::Owner, &owner);
    engine.grant(&[edge]).await.unwrap();
    checks[0].resource.id = "\0".into();
    let (answers, others) = futures::join!(engine.check(&owner, &checks, READ), engine.check(&odd, &checks, READ));
    let reads =
        |decisions: Vec<Decision>| -> Vec<_> { decisions.iter().map(|d| d.allowed.contains(Action::Read)).collect() };
    assert_eq!(reads(answers.unwrap()), [false, true]);
    assert_eq!(reads(others.unwrap()), [false, false]);
    assert_eq!(engine.holders(&[checks[0].resource.clone()]).await.unwrap(), [[]]);
}
