//! Whether the process lives, and whether it can do its work. Open to anybody, and says nothing of
//! what went wrong: that is in the log.

use crate::{cache, storage::Health};
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
    let (rows, decisions) = tokio::join!(health.answers(), health.engine.answers());
    let answers = rows && decisions;
    let (status, word) =
        if answers { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    let check = |kind, answers| json!({ "kind": kind, "status": if answers { "ok" } else { "unavailable" } });
    let (store, engine) = (check(health.kind, rows), check(health.engine.kind, decisions));
    let events = json!({ "kind": "in process (one node only)", "status": "ok" });
    let cache = cache::health(health.engine.cache.as_deref());
    let checks = json!({ "store": store, "engine": engine, "cache": cache, "events": events });
    (status, Json(json!({ "status": word, "checks": checks }))).into_response()
}
