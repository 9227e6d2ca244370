//! What the gateway is measured against: axum, sqlx, and the one SELECT, with nothing in between.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use serde_json::{Value, json};
use sqlx::{
    PgPool, Row as _,
    postgres::{PgPoolOptions, PgRow},
    types::chrono::{DateTime, Utc},
};

/// The columns and the condition of the gateway's own SELECT.
const SELECT: &str = "SELECT id, name, status::text AS status, status_reason, created_at, updated_at, cleaned_at,
    params, task_metadata, creator_user_id, creator_service_account_id
    FROM tasks WHERE id = ANY($1) AND status IS DISTINCT FROM 'DELETED'";

/// Serves `GET /tasks/{id}` from the database at `url`, and says where on standard output.
pub async fn serve(url: &str) {
    let pool = PgPoolOptions::new().max_connections(16).test_before_acquire(false).connect(url).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/tasks/{id}", get(task)).with_state(pool);
    axum::serve(listener, router).await.unwrap();
}

async fn task(State(pool): State<PgPool>, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    let row = sqlx::query(SELECT).bind(vec![id]).fetch_optional(&pool).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
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
