//! The REST edge: the routes of agentex, as its SDKs speak them.
//!
//! One file per noun. A handler reads who is calling, then what is asked for, then asks the gate, and
//! understands the rest of the request only for those who may. [`router`] and [`openapi`] are two views
//! of one registration, so there is no route without its document.

mod agents;
mod api_keys;
mod checkpoints;
mod contents;
mod events;
mod messages;
mod query;
mod request;
mod states;
mod tasks;
mod trackers;
mod wire;

use crate::App;
use axum::{
    Json, Router,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{StatusCode, Uri};
use serde_json::json;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement,
    security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

/// The routes, and `GET /openapi.json`, which tells of them.
pub fn router(app: App) -> Router {
    let (routes, document) = routes().split_for_parts();
    routes
        .route("/openapi.json", get(async move || Json(document)))
        .fallback(unrouted)
        .method_not_allowed_fallback(async || detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
        .with_state(app)
}

/// The document of the routes.
#[must_use]
pub fn openapi() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(head())
        .merge(tasks::routes())
        .merge(trackers::routes())
        .merge(checkpoints::routes())
        .merge(agents::routes())
        .merge(api_keys::routes())
        .merge(events::routes())
        .merge(messages::routes())
        .merge(states::routes())
}

fn head() -> OpenApi {
    let info = InfoBuilder::new().title("Taskgate").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Tasks, trackers and checkpoints, each for those who may. Where the answer to a write has a header \
             `taskgate-consistency`, a read that brings it knows of that write.",
    ));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(wire::problems())
        .security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key"))))
        .security_scheme("agent_api_key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-agent-api-key"))));
    let either = ["bearer", "api_key", "agent_api_key"].map(|scheme| SecurityRequirement::new(scheme, [""; 0]));
    OpenApiBuilder::new().info(info.build()).components(Some(components.build())).security(Some(either)).build()
}

/// A path that is nothing's. One that is only a slash too long is led to where it meant to go.
pub(crate) async fn unrouted(uri: Uri) -> Response {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    // A path that starts with two slashes, or with a backslash, would lead to another host.
    let ours = trimmed.as_bytes().get(1).is_some_and(u8::is_ascii_alphanumeric);
    if trimmed.len() == path.len() || !ours {
        return detail(StatusCode::NOT_FOUND, "Not Found");
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::temporary(&format!("{trimmed}{query}")).into_response()
}

fn detail(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({ "detail": detail }))).into_response()
}
