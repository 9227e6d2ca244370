//! Whether the process lives, and whether it can do its work. Open to anybody, and says nothing of
//! what went wrong: that is in the log.

use crate::{cache, engine::Standing, storage::Health};
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use http::StatusCode;
use serde_json::{Value, json};

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
    let (rows, engines) = tokio::join!(health.answers(), health.engine.standings());
    let decisions = engines.first().is_some_and(|engine| engine.answers == Some(true));
    // Another engine that does not answer is missed at every gateway alike. One that this gateway does not have
    // may be known to others: they can answer whom this one cannot.
    let lost = engines.iter().any(|engine| engine.answers_callers && engine.answers.is_none());
    let answers = rows && decisions && !lost;
    let (status, word) =
        if answers { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    let check = |kind, answers| json!({ "kind": kind, "status": if answers { "ok" } else { "unavailable" } });
    let (store, engine) = (check(health.kind, rows), check(health.engine.kind, decisions));
    let engines: Vec<_> = engines.iter().map(standing).collect();
    let events = json!({ "kind": "in process (one node only)", "status": "ok" });
    let cache = cache::health(&health.engine.caches);
    let checks = json!({ "store": store, "engine": engine, "engines": engines, "cache": cache, "events": events });
    (status, Json(json!({ "status": word, "checks": checks }))).into_response()
}

/// How an engine in use stands: what it is used for, and whether it answers.
fn standing(engine: &Standing) -> Value {
    let status = match engine.answers {
        Some(true) => "ok",
        Some(false) => "unavailable",
        None => "not configured",
    };
    let role = if engine.answers_callers { "answers" } else { "shadow" };
    json!({ "name": engine.name.as_str(), "role": role, "status": status })
}
