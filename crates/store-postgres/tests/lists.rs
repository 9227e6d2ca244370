//! Lists for those who hold much, little, and far away: what the suites, with their handful of rows, do not
//! reach. Which part of the statement answers depends on how much is held and where it stands, and the
//! answer must not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/many.rs"]
mod many;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/server.rs"]
mod server;

use authz::{
    Action, After, Authorizer, Beside, Check, Consistency, ConsistencyToken, Decision, DenialPolicy, Direction,
    EngineError, Extent, Gate, Holder, Id, Kind, Lookup, Principal, Registration, Relation, Relationship, ResourceRef,
    Scope, SortKey, Start, Task, Window, action::Read,
};
use many::{expected, query, tasks};
use sqlx::Executor as _;
use std::sync::Arc;
use store_postgres::PgStore;
use tasks::{Order, Query, TaskStore};

/// An engine that only answers where to look.
struct Answering(Extent);

#[async_trait::async_trait]
impl Authorizer for Answering {
    async fn check(&self, _: &Principal, checks: &[Check], _: &Consistency) -> Result<Vec<Decision>, EngineError> {
        Ok(vec![Decision::default(); checks.len()])
    }

    async fn lookup(
        &self,
        _: &Principal,
        _: Kind,
        _: Action,
        _: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        Ok(Lookup::Within(self.0.clone()))
    }

    async fn register(&self, _: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }

    async fn deregister(&self, _: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }

    async fn grant(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }

    async fn revoke(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        Ok(vec![Vec::new(); resources.len()])
    }
}

async fn scope(principal: Principal, free: &[Relation], gated: &[Relation]) -> Scope<Task, Read> {
    let beside = Beside { principal: principal.clone(), free: free.to_vec(), gated: gated.to_vec(), parent: None };
    let engine = Arc::new(Answering(Extent::Beside(beside)));
    Gate::new(principal, Id::new("tenant"), engine, DenialPolicy::Hide).scope().await.unwrap()
}

const READERS: [Relation; 3] = [Relation::Viewer, Relation::Owner, Relation::ParentAgent];

/// The first ids of a list, in some pages, and those of a page behind a skip.
async fn seen(store: &PgStore, scope: &Scope<Task, Read>, mut query: Query, pages: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..pages {
        let page = store.page(scope, &query).await.unwrap();
        ids.extend(page.rows.iter().map(|task| task.id.to_string()));
        let Some(last) = page.rows.last().filter(|_| page.more) else { break };
        query.window.start = Start::After(query.order.after(last));
    }
    ids
}

#[tokio::test]
async fn however_much_is_held_wherever_it_stands() {
    let (scratch, pool, store) = tasks().await;
    let orders = [
        (Order::CreatedAt, "to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')"),
        (Order::UpdatedAt, "to_char(updated_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')"),
        (Order::Name, "name"),
        (Order::Status, "status::text"),
        (Order::Id, "id"),
    ];
    for holder in ["all", "few", "old", "thin", "nobody"] {
        let scope = scope(Principal::user(holder), &READERS, &[]).await;
        for (order, key) in orders {
            for direction in [Direction::Ascending, Direction::Descending] {
                let all = expected(&pool, holder, "true", key, direction).await;
                let seen = seen(&store, &scope, query(order, direction, 30), 3).await;
                assert_eq!(seen, all.iter().take(90).cloned().collect::<Vec<_>>(), "{holder} {order:?} {direction:?}");
                let skip = all.len().saturating_sub(20);
                let window = Window { limit: 30, start: Start::Skip(skip as u64), direction };
                let last = store.page(&scope, &Query { window, ..query(order, direction, 30) }).await.unwrap();
                let last: Vec<_> = last.rows.iter().map(|task| task.id.to_string()).collect();
                assert_eq!(last, all.get(skip..).unwrap(), "{holder} {order:?} {direction:?}");
            }
        }
    }
    scratch.drop().await;
}

/// As gateways of the last version do while this one is rolled out: they register, and insert a row that has its own idea
/// of when it was made.
#[tokio::test]
async fn whoever_writes_a_row_and_its_relationships_no_page_is_shown_twice() {
    let (scratch, pool, store) = tasks().await;
    for n in 0..6 {
        let register = format!(
            "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
             VALUES ('task', 'new-{n}', 'owner', 'user', 'somebody')"
        );
        let insert =
            format!("INSERT INTO tasks (id, name, status, tenant) VALUES ('new-{n}', 'new {n}', 'RUNNING', 't')");
        let share = register.replace("'owner'", "'viewer'");
        for statement in [register, insert, share] {
            pool.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        }
    }
    // And an operator who knows better.
    pool.execute("UPDATE tasks SET created_at = '2020-01-01' WHERE id = 'new-3'").await.unwrap();
    let scope = scope(Principal::user("somebody"), &READERS, &[]).await;
    let newest = ["new-5", "new-4", "new-2", "new-1", "new-0", "new-3"];
    for direction in [Direction::Descending, Direction::Ascending] {
        let seen = seen(&store, &scope, query(Order::CreatedAt, direction, 1), 10).await;
        let mut all = newest.to_vec();
        if direction == Direction::Ascending {
            all.reverse();
        }
        assert_eq!(seen, all, "{direction:?}");
    }
    let changed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tasks WHERE id LIKE 'new-%' AND updated_at <> created_at")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(changed, 1, "what was only made has not changed");
    scratch.drop().await;
}

/// Relationships of before there was a column for it, and what brings them up to date.
#[tokio::test]
async fn relationships_that_do_not_say_when_their_resource_was_made_are_listed_all_the_same() {
    let (scratch, pool, store) = tasks().await;
    pool.execute("UPDATE relationships SET resource_created_at = NULL WHERE resource_id IN ('task-300', 'task-7998')")
        .await
        .unwrap();
    for holder in ["all", "few", "old", "thin"] {
        let scope = scope(Principal::user(holder), &READERS, &[]).await;
        for direction in [Direction::Ascending, Direction::Descending] {
            let key = "to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')";
            let all = expected(&pool, holder, "true", key, direction).await;
            let seen = seen(&store, &scope, query(Order::CreatedAt, direction, 30), 3).await;
            assert_eq!(seen, all.iter().take(90).cloned().collect::<Vec<_>>(), "{holder} {direction:?}");
        }
    }
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/README.md")).unwrap();
    let (_, statement) = written.split_once("```sql\n").unwrap();
    let (statement, _) = statement.split_once("```").unwrap();
    let changed = pool.execute(sqlx::AssertSqlSafe(statement.to_owned())).await.unwrap().rows_affected();
    assert!(changed >= 2, "{changed}");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM relationships WHERE resource_created_at IS NULL")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
    scratch.drop().await;
}

#[tokio::test]
async fn all_relationships_of_a_resource_say_the_same_time_and_it_is_the_rows() {
    let (scratch, pool, _) = tasks().await;
    let told = async |id: &str| -> Vec<String> {
        let sql = "SELECT DISTINCT resource_created_at::text FROM relationships WHERE resource_id = $1";
        sqlx::query_scalar(sql).bind(id).fetch_all(&pool).await.unwrap()
    };
    let give = async |id: &str, to: &str| {
        let sql = "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
            VALUES ('task', $1, 'viewer', 'user', $2)";
        sqlx::query(sql).bind(id).bind(to).execute(&pool).await.unwrap();
    };
    // Of a row that is there, the row's; without a row, that of the first relationship.
    give("task-12", "late").await;
    assert_eq!(told("task-12").await.len(), 1);
    give("task-of-no-row", "first").await;
    let first = told("task-of-no-row").await;
    give("task-of-no-row", "second").await;
    assert_eq!((told("task-of-no-row").await, first.len()), (first, 1));
    let other: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM relationships JOIN tasks ON tasks.id = resource_id COLLATE \"default\"
         WHERE resource_created_at IS DISTINCT FROM tasks.created_at",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(other, 0);
    scratch.drop().await;
}

#[tokio::test]
async fn conditions_hold_however_much_is_held() {
    let (scratch, pool, store) = tasks().await;
    let plain = query(Order::Id, Direction::Ascending, 10);
    let metadata = |value: serde_json::Value| value.as_object().cloned();
    let cases = [
        (
            "(task_metadata->>'n')::int = 77",
            Query { metadata: metadata(serde_json::json!({"n": 77})), ..plain.clone() },
        ),
        (
            "(task_metadata->>'half')::int = 1",
            Query { metadata: metadata(serde_json::json!({"half": 1})), ..plain.clone() },
        ),
        ("id = 'task-77'", Query { agent: Some(Id::new("rare")), ..plain.clone() }),
        ("id = 'task-77'", Query { agent_name: Some("rare".into()), ..plain.clone() }),
        ("id <> 'task-77'", Query { agent_name: Some("busy".into()), ..plain.clone() }),
        ("status = 'FAILED'", Query { status: Some(tasks::Status::Failed), ..plain.clone() }),
        ("status = 'CANCELED'", Query { status: Some(tasks::Status::Canceled), ..plain.clone() }),
    ];
    // Rare, and far from where lists in the order of creation begin, whichever way they run.
    pool.execute("UPDATE tasks SET status = 'TIMED_OUT' WHERE task_metadata->>'n' = ANY('{2400,6600,6900}')")
        .await
        .unwrap();
    let rare = ("status = 'TIMED_OUT'", Query { status: Some(tasks::Status::TimedOut), ..plain.clone() });
    let created = "to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')";
    let orders = [
        (Order::Id, Direction::Ascending, "id"),
        (Order::CreatedAt, Direction::Ascending, created),
        (Order::CreatedAt, Direction::Descending, created),
    ];
    for holder in ["all", "few", "old", "thin"] {
        let scope = scope(Principal::user(holder), &READERS, &[]).await;
        for ((shown, query), (order, direction, key)) in
            cases.iter().chain([&rare]).flat_map(|case| orders.iter().map(move |order| (case, order)))
        {
            let all = expected(&pool, holder, shown, key, *direction).await;
            let window = Window { direction: *direction, ..query.window.clone() };
            let seen = seen(&store, &scope, Query { order: *order, window, ..query.clone() }, 2).await;
            assert_eq!(
                seen,
                all.into_iter().take(20).collect::<Vec<_>>(),
                "{holder}: {shown}, {order:?} {direction:?}"
            );
        }
    }
    scratch.drop().await;
}

#[tokio::test]
async fn trackers_are_listed_however_much_is_held() {
    use trackers::TrackerStore;
    let (scratch, pool, store) = tasks().await;
    for holder in ["all", "few", "old"] {
        let scope = scope(Principal::user(holder), &READERS, &[]).await;
        let task = Some(Id::<Task>::new("task-100"));
        for (shown, task, agent) in [
            ("true", None, None),
            ("id = 'task-77'", None, Some(Id::new("rare"))),
            ("id = 'task-100'", task.clone(), None),
            ("false", task, Some(Id::new("rare"))),
        ] {
            let order = trackers::Order::Id;
            let window = Window { limit: 50, start: Start::First, direction: Direction::Ascending };
            let page =
                TrackerStore::page(&store, &scope, &trackers::Query { task, agent, order, window }).await.unwrap();
            let seen: Vec<_> = page.rows.iter().map(|tracker| tracker.task_id.to_string()).collect();
            let all = expected(&pool, holder, shown, "id", Direction::Ascending).await;
            assert_eq!(seen, all.into_iter().take(50).collect::<Vec<_>>(), "{holder}: {shown}");
        }
    }
    scratch.drop().await;
}

/// Relations that count only inside the tenant of the resource, for one who holds few and one who holds many.
#[tokio::test]
async fn gated_relations_need_the_tenant() {
    let (scratch, pool, store) = tasks().await;
    let inside = "
        INSERT INTO relationships SELECT 'task', id, 'tenant', 'tenant', tenant FROM tasks;
        INSERT INTO relationships VALUES ('tenant', 'tenant-200', 'member', 'user', 'few');
        INSERT INTO relationships SELECT 'tenant', tenant, 'admin', 'user', 'all' FROM tasks WHERE id LIKE '%9';";
    pool.execute(inside).await.unwrap();
    for (holder, mine) in [("few", "id = 'task-200'"), ("all", "id LIKE '%9'")] {
        let both = [Relation::Owner, Relation::Viewer];
        let gated = scope(Principal::user(holder), &[], &both).await;
        let free = scope(Principal::user(holder), &both, &[Relation::Editor]).await;
        let none = scope(Principal::user(holder), &[], &[]).await;
        for (scope, shown) in [(gated, mine), (free, "true"), (none, "false")] {
            let seen = seen(&store, &scope, query(Order::Id, Direction::Ascending, 25), 1).await;
            let all = expected(&pool, holder, shown, "id", Direction::Ascending).await;
            assert_eq!(seen, all.into_iter().take(25).collect::<Vec<_>>(), "{holder}: {shown}");
        }
    }
    scratch.drop().await;
}

/// Cursors come back from clients, who may have written them themselves.
#[tokio::test]
async fn a_place_that_no_row_can_have_is_no_error() {
    let (scratch, pool, store) = tasks().await;
    let scope = scope(Principal::user("few"), &READERS, &[]).await;
    let beyond = async |order, key| {
        let after = After { key, id: "task-500".into() };
        let window = Window { limit: 100, start: Start::After(after), direction: Direction::Ascending };
        store.page(&scope, &Query { window, ..query(order, Direction::Ascending, 100) }).await.unwrap().rows.len()
    };
    let held = expected(&pool, "few", "true", "id", Direction::Ascending).await.len();
    assert_eq!(beyond(Order::UpdatedAt, SortKey::Time(i64::MIN)).await, held);
    assert_eq!(beyond(Order::UpdatedAt, SortKey::Time(i64::MAX)).await, 0);
    assert_eq!(beyond(Order::UpdatedAt, SortKey::Text("a".into())).await, 0);
    assert_eq!(beyond(Order::Name, SortKey::Time(0)).await, 0);
    assert_eq!(beyond(Order::Id, SortKey::Number(0)).await, 0);
    scratch.drop().await;
}
