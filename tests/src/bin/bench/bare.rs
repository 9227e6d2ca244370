//! What the gateway is measured against: axum, sqlx, and the statements themselves, with nothing in between.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use sqlx::{
    PgPool, Row as _,
    postgres::{PgPoolOptions, PgRow},
    types::chrono::{DateTime, Utc},
};
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};
use uuid::Uuid;

/// The columns and the condition of the gateway's own SELECT.
const SELECT: &str = "SELECT id, name, status::text AS status, status_reason, created_at, updated_at, cleaned_at,
    params, task_metadata, creator_user_id, creator_service_account_id
    FROM tasks WHERE id = ANY($1) AND status IS DISTINCT FROM 'DELETED'";

/// Whether the owner may run the agent.
const CHECK: &str = "SELECT count(*) FROM relationships WHERE resource_kind = 'agent' AND resource_id = $1
    AND relation = 'owner' AND subject_kind = 'user' AND subject_id = 'demo-owner'";

/// The rows of a task, as the gateway writes them.
const INSERT: &str = "WITH agent AS (
        SELECT id, tenant FROM agents WHERE id = $1 AND tenant = 'demo' AND status <> 'DELETED'
    ), item AS (
        INSERT INTO tasks (id, status, status_reason, tenant, creator_user_id)
        SELECT $2, 'RUNNING', 'made', agent.tenant, 'demo-owner' FROM agent RETURNING *
    ), linked AS (
        INSERT INTO task_agents (task_id, agent_id) SELECT item.id, agent.id FROM item, agent
    ), tracked AS (
        INSERT INTO agent_task_tracker (id, task_id, agent_id) SELECT $3, item.id, agent.id FROM item, agent
    )
    SELECT id FROM item";

/// The relationships of a task.
const RELATE: &str = "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
    VALUES ('task', $2, 'owner', 'user', 'demo-owner'), ('task', $2, 'tenant', 'tenant', 'demo'),
        ('task', $2, 'parent_agent', 'agent', $1)
    ON CONFLICT DO NOTHING";

/// The bare handler, in a process of its own.
pub struct Bare {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Bare {
    /// Starts it on a database. What it makes runs on `agent`.
    pub fn start(database: &str, agent: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["bare", database, agent])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the handlers reach.
#[derive(Clone)]
struct Plain {
    pool: PgPool,
    agent: String,
}

/// Serves `GET /tasks/{id}` and `POST /tasks` from the database at `url`, and says where on standard output.
pub async fn serve(url: &str, agent: &str) {
    let pool = PgPoolOptions::new().max_connections(16).test_before_acquire(false).connect(url).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let plain = Plain { pool, agent: agent.to_owned() };
    let router = Router::new().route("/tasks", post(make)).route("/tasks/{id}", get(task)).with_state(plain);
    axum::serve(listener, router).await.unwrap();
}

/// A check, the relationships and the row: what a create comes to that hopes for the best.
async fn make(State(plain): State<Plain>) -> Result<Json<Value>, StatusCode> {
    let (id, tracker) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    let unwell = |_| StatusCode::BAD_GATEWAY;
    let allowed: i64 = sqlx::query_scalar(CHECK).bind(&plain.agent).fetch_one(&plain.pool).await.map_err(unwell)?;
    if allowed == 0 {
        return Err(StatusCode::NOT_FOUND);
    }
    sqlx::query(RELATE).bind(&plain.agent).bind(&id).execute(&plain.pool).await.map_err(unwell)?;
    let insert = sqlx::query(INSERT).bind(&plain.agent).bind(&id).bind(&tracker);
    insert.fetch_one(&plain.pool).await.map_err(unwell)?;
    Ok(Json(json!({ "data": { "createTask": { "id": id } } })))
}

async fn task(State(plain): State<Plain>, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    let row =
        sqlx::query(SELECT).bind(vec![id]).fetch_optional(&plain.pool).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Json(render(&row.ok_or(StatusCode::NOT_FOUND)?)))
}

fn render(row: &PgRow) -> Value {
    let text = |column: &str| row.get::<Option<String>, _>(column);
    let time = |column: &str| row.get::<Option<DateTime<Utc>>, _>(column).map(|time| time.to_rfc3339());
    json!({
        "id": text("id"),
        "name": text("name"),
        "status": text("status"),
        "statusReason": text("status_reason"),
        "createdAt": time("created_at"),
        "updatedAt": time("updated_at"),
        "cleanedAt": time("cleaned_at"),
        "params": row.get::<Option<Value>, _>("params"),
        "taskMetadata": row.get::<Option<Value>, _>("task_metadata"),
    })
}
