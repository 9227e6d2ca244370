//! Whether the process lives, and whether it can do its work. Open to anybody, and says nothing of
//! what went wrong: that is in the log.

use crate::storage::Health;
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use http::StatusCode;
use serde_json::json;

/// The routes, with the paths that agentex has and the shorter ones.
pub fn router(health: Health) -> Router {
    let live = || only_get(get(async || Json(json!({ "status": "ok", "checks": {} }))));
    let ready = || only_get(get(ready));
    Router::new()
        .route("/health", live())
        .route("/healthz", live())
        .route("/healthcheck", live())
        .route("/ready", ready())
        .route("/readyz", ready())
        .with_state(health)
}

/// Other methods are answered with 405 and an empty body, as agentex does.
fn only_get(route: MethodRouter<Health>) -> MethodRouter<Health> {
    route.fallback(async || StatusCode::METHOD_NOT_ALLOWED)
}

async fn ready(State(health): State<Health>) -> Response {
    let answers = health.answers().await;
    let (status, word) =
        if answers { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    let store = json!({ "kind": health.kind, "status": if answers { "ok" } else { "unavailable" } });
    let events = json!({ "kind": "in process (one node only)", "status": "ok" });
    (status, Json(json!({ "status": word, "checks": { "store": store, "events": events } }))).into_response()
}
