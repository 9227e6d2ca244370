//! Many tasks, and people who hold few of them, many, or all.

use crate::scratch::Scratch;
use authz::{Direction, Start, Window};
use sqlx::{Executor as _, PgPool};
use store_postgres::{PgStore, migrate};
use tasks::{Order, Query};

/// Eight thousand tasks, of which `all` holds all, `few` each hundredth, `old` the first 2,500 and `thin`
/// those with a number that 3 divides. Names, statuses and times repeat, so that the id decides often.
pub const TASKS: &str = "
    INSERT INTO agents (id, name, description, status, tenant) VALUES
        ('agent', 'busy', '', 'READY', 'tenant'), ('rare', 'rare', '', 'READY', 'tenant');
    INSERT INTO tasks (id, name, status, created_at, updated_at, task_metadata, tenant)
    SELECT 'task-' || n, 'name ' || n % 10,
        CASE n % 3 WHEN 0 THEN 'RUNNING' WHEN 1 THEN 'FAILED' ELSE 'INTERRUPTED' END::taskstatus,
        '2026-01-01'::timestamptz + n / 2 * interval '1 second', '2026-01-01'::timestamptz + n % 100 * interval '1 day',
        jsonb_build_object('n', n, 'half', n % 2), 'tenant-' || n
    FROM generate_series(1, 8000) AS n;
    INSERT INTO task_agents SELECT id, CASE id WHEN 'task-77' THEN 'rare' ELSE 'agent' END FROM tasks;
    INSERT INTO agent_task_tracker (id, agent_id, task_id, created_at, updated_at)
    SELECT 'tracker-' || task.id, link.agent_id, task.id, task.created_at, task.updated_at
    FROM tasks AS task JOIN task_agents AS link ON link.task_id = task.id;
    INSERT INTO relationships
    SELECT 'task', 'task-' || n, relation, 'user', holder FROM generate_series(1, 8000) AS n, (VALUES
        ('all', 'owner', 1, 8000), ('all', 'viewer', 4, 8000), ('few', 'viewer', 100, 8000), ('old', 'owner', 1, 2500),
        ('thin', 'viewer', 3, 8000)
    ) AS held (holder, relation, each, last) WHERE n % each = 0 AND n <= last;";

pub async fn tasks() -> (Scratch, PgPool, PgStore) {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    migrate(&pool).await.unwrap();
    pool.execute(TASKS).await.unwrap();
    (scratch, pool.clone(), PgStore::new(pool))
}

/// The ids that `holder` should see: `shown` is a condition and `key` an order.
pub async fn expected(pool: &PgPool, holder: &str, shown: &str, key: &str, direction: Direction) -> Vec<String> {
    let way = if direction == Direction::Ascending { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT id FROM tasks WHERE {shown} AND id COLLATE \"C\" IN (
            SELECT resource_id FROM relationships WHERE subject_id = '{holder}'
        ) ORDER BY {key} COLLATE \"C\" {way}, id COLLATE \"C\" {way}"
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await.unwrap()
}

pub const fn query(order: Order, direction: Direction, limit: u32) -> Query {
    let window = Window { limit, start: Start::First, direction };
    Query { agent: None, agent_name: None, status: None, metadata: None, order, window }
}
