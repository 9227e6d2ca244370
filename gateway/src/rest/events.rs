//! Events. Each belongs to a task and is for an agent, and whoever reads it may read both.

use super::{
    query::{LARGEST_PAGE, Words},
    request::{Key, parent},
    wire::{Refused, Timestamp},
};
use crate::{App, Caller, Failure};
use authz::{Agent, By, Target, action::Read};
use axum::{Json, extract::State};
use conversations::EventQuery;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get)).routes(routes!(list))
}

/// An event.
#[derive(Serialize, ToSchema)]
struct Event {
    id: String,
    sequence_id: i64,
    task_id: String,
    agent_id: String,
    content: Option<Value>,
    created_at: Timestamp,
}

impl From<conversations::Event> for Event {
    fn from(event: conversations::Event) -> Self {
        Self {
            id: event.id,
            sequence_id: event.sequence_id,
            task_id: event.task_id.as_str().to_owned(),
            agent_id: event.agent_id.as_str().to_owned(),
            content: event.content,
            created_at: Timestamp(event.created_at),
        }
    }
}

/// An event by its id
#[utoipa::path(get, path = "/events/{event_id}", tag = "events", params(("event_id" = String, Path)),
    responses((status = 200, description = "The event", body = Event), Refused))]
async fn get(State(app): State<App>, Caller(gate): Caller, Key(id): Key) -> Result<Json<Event>, Failure> {
    let located = app.stores.events.locate(&id).await?;
    let task = gate.permit(&parent(&id, located.as_ref())).await;
    let event = task.as_ref().ok().zip(located).and_then(|(permit, event)| event.into_inner(permit));
    // Asked about whatever came before, so that absent costs what foreign costs.
    let agent = Target::<Agent>::found(By::Id, &id, event.as_ref().map(|event| event.agent_id.clone()));
    let agent = gate.permit::<_, Read>(&agent).await;
    let (task, agent) = (task?, agent?);
    let event = event.filter(|event| event.agent_id == *agent.id()).ok_or_else(|| task.hidden())?;
    Ok(Json(event.into()))
}

/// The events of a task for an agent, oldest first
#[utoipa::path(get, path = "/events", tag = "events",
    params(
        ("task_id" = String, Query, description = "The task they are about"),
        ("agent_id" = String, Query, description = "The agent they are for"),
        ("last_processed_event_id" = Option<String>, Query, description = "Only those strictly behind this event"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "At most this many; all without it")
    ),
    responses((status = 200, description = "The events", body = Vec<Event>), Refused))]
async fn list(State(app): State<App>, Caller(gate): Caller, words: Words) -> Result<Json<Vec<Event>>, Failure> {
    let (task, agent) = (words.required("task_id")?, words.required("agent_id")?);
    let task = gate.permit(&Target::typed(task)).await?;
    let agent = gate.permit(&Target::typed(agent)).await?;
    let after = words.word("last_processed_event_id")?.map(str::to_owned);
    let query = EventQuery { after, limit: words.number("limit", 1..=LARGEST_PAGE)? };
    let Some(events) = app.stores.events.page(&task, &agent, &query).await? else {
        let id = query.after.unwrap_or_default();
        return Err(Failure::Precondition(format!("Event with ID {id} not found")));
    };
    Ok(Json(events.into_iter().map(Event::from).collect()))
}
