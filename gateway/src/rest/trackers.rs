//! Trackers. Each is reached through its task, and a refusal speaks of the tracker that was typed.

use super::{
    query::{Paging, Words},
    request::{Document, Key, parent},
    wire::{Refused, Timestamp},
};
use crate::{App, Caller, Failure};
use authz::action::Execute;
use axum::{Json, extract::State};
use serde::{Deserialize, Deserializer, Serialize};
use trackers::{Change, Commit, Order, Query};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, commit))
}

/// How far an agent has read a task's events.
#[derive(Serialize, ToSchema)]
struct AgentTaskTracker {
    id: String,
    agent_id: String,
    task_id: String,
    status: Option<String>,
    status_reason: Option<String>,
    last_processed_event_id: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<trackers::Tracker> for AgentTaskTracker {
    fn from(tracker: trackers::Tracker) -> Self {
        Self {
            id: tracker.id,
            agent_id: tracker.agent_id.as_str().to_owned(),
            task_id: tracker.task_id.as_str().to_owned(),
            status: tracker.status,
            status_reason: tracker.status_reason,
            last_processed_event_id: tracker.last_processed_event_id,
            created_at: Timestamp(tracker.created_at),
            updated_at: Timestamp(tracker.updated_at),
        }
    }
}

/// A tracker by its id
#[utoipa::path(get, path = "/tracker/{tracker_id}", tag = "tracker", params(("tracker_id" = String, Path)),
    responses((status = 200, description = "The tracker", body = AgentTaskTracker), Refused))]
async fn get(State(app): State<App>, Caller(gate): Caller, Key(id): Key) -> Result<Json<AgentTaskTracker>, Failure> {
    let located = app.stores.trackers.locate(&id).await?;
    let permit = gate.permit(&parent(&id, located.as_ref())).await?;
    let tracker = located.and_then(|tracker| tracker.into_inner(&permit)).ok_or_else(|| permit.hidden())?;
    Ok(Json(tracker.into()))
}

/// What an agent commits. A field that is absent stays as it is; a text that is null is emptied. The
/// cursor never moves backwards, so a cursor that is null stays as it is, too.
#[derive(Deserialize, ToSchema)]
struct UpdateTrackerRequest {
    last_processed_event_id: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    status: Sent,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    status_reason: Sent,
}

/// A change as a body says it: only a field that is there is looked at, and null empties.
#[derive(Default)]
struct Sent(Change);

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(Self(text.map_or(Change::Clear, Change::Set)))
    }
}

/// Commit how far an agent has read
#[utoipa::path(put, path = "/tracker/{tracker_id}", tag = "tracker", params(("tracker_id" = String, Path)),
    request_body = UpdateTrackerRequest,
    responses((status = 200, description = "The tracker as it now is", body = AgentTaskTracker), Refused))]
async fn commit(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(id): Key,
    body: Document,
) -> Result<Json<AgentTaskTracker>, Failure> {
    let located = app.stores.trackers.locate(&id).await?;
    let permit = gate.permit::<_, Execute>(&parent(&id, located.as_ref())).await?;
    let body: UpdateTrackerRequest = body.read()?;
    let commit = Commit {
        last_processed_event_id: body.last_processed_event_id,
        status: body.status.0,
        status_reason: body.status_reason.0,
    };
    let tracker = app.stores.trackers.commit(&permit, &id, commit).await?.ok_or_else(|| permit.hidden())?;
    Ok(Json(tracker.into()))
}

const ORDERS: &[(&str, Order)] =
    &[("updated_at", Order::UpdatedAt), ("created_at", Order::CreatedAt), ("id", Order::Id)];

/// The trackers of the tasks the caller may see
#[utoipa::path(get, path = "/tracker", tag = "tracker",
    params(
        Paging,
        ("task_id" = Option<String>, Query, description = "Only those of this task. A task the caller may not see has none."),
        ("agent_id" = Option<String>, Query, description = "Only those of this agent"),
        ("order_by" = Option<String>, Query, description = "`updated_at` (default), `created_at` or `id`")
    ),
    responses((status = 200, description = "A page of trackers", body = Vec<AgentTaskTracker>), Refused))]
async fn list(
    State(app): State<App>,
    Caller(gate): Caller,
    words: Words,
) -> Result<Json<Vec<AgentTaskTracker>>, Failure> {
    let query = Query {
        task: words.id("task_id")?,
        agent: words.id("agent_id")?,
        order: words.choice("order_by", ORDERS)?.unwrap_or_default(),
        window: words.window(1)?,
    };
    let page = app.stores.trackers.page(&gate.scope().await?, &query).await?;
    Ok(Json(page.rows.into_iter().map(AgentTaskTracker::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn t4_absent_null_and_a_text_are_told_apart() {
        let sent = |body| serde_json::from_value::<UpdateTrackerRequest>(body).map(|body| body.status.0).ok();
        assert_eq!(sent(json!({})), Some(Change::Keep));
        assert_eq!(sent(json!({"status": null})), Some(Change::Clear));
        assert_eq!(sent(json!({"status": ""})), Some(Change::Set(String::new())));
        assert_eq!(sent(json!({"status": 7})), None);
    }
}
