//! States. Each is reached through its task, and a refusal speaks of the state that was typed.

use super::{
    query::{Paging, Words},
    request::{Document, Key, parent},
    wire::{OnTask, Refused, Timestamp},
};
use crate::{App, Caller, Failure, lifecycle::new_id};
use authz::{
    Direction, Id, Scope, Target,
    action::{Delete, Update},
};
use axum::{Json, extract::State};
use conversations::{NewState, StateOrder, StateQuery};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, replace, delete))
}

/// What an agent keeps about a task.
#[derive(Serialize, ToSchema)]
#[schema(as = State)]
struct StateResponse {
    id: String,
    task_id: String,
    agent_id: String,
    state: Map<String, Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<conversations::State> for StateResponse {
    fn from(state: conversations::State) -> Self {
        Self {
            id: state.id,
            task_id: state.task_id.as_str().to_owned(),
            agent_id: state.agent_id.as_str().to_owned(),
            state: state.state,
            created_at: Timestamp(state.created_at),
            updated_at: Timestamp(state.updated_at),
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct CreateStateRequest {
    /// The agent that keeps it, which must work on the task.
    agent_id: String,
    state: Map<String, Value>,
}

/// Make the state of an agent on a task
#[utoipa::path(post, path = "/states", tag = "states", request_body = OnTask<CreateStateRequest>,
    responses((status = 200, description = "The state", body = StateResponse), Refused))]
async fn create(State(app): State<App>, Caller(gate): Caller, body: Document) -> Result<Json<StateResponse>, Failure> {
    let permit = gate.permit::<_, Update>(&Target::typed(body.id("task_id")?)).await?;
    let body: CreateStateRequest = body.read()?;
    let new = NewState { id: new_id(), agent: Id::new(body.agent_id), state: body.state };
    Ok(Json(app.stores.states.create(&permit, new).await?.into()))
}

/// A state by its id
#[utoipa::path(get, path = "/states/{state_id}", tag = "states", params(("state_id" = String, Path)),
    responses((status = 200, description = "The state", body = StateResponse), Refused))]
async fn get(State(app): State<App>, Caller(gate): Caller, Key(id): Key) -> Result<Json<StateResponse>, Failure> {
    let located = app.stores.states.locate(&id).await?;
    let permit = gate.permit(&parent(&id, located.as_ref())).await?;
    let state = located.and_then(|state| state.into_inner(&permit)).ok_or_else(|| permit.hidden())?;
    Ok(Json(state.into()))
}

#[derive(Deserialize, ToSchema)]
struct UpdateStateRequest {
    state: Map<String, Value>,
}

/// Replace what is kept in a state
#[utoipa::path(put, path = "/states/{state_id}", tag = "states", params(("state_id" = String, Path)),
    request_body = UpdateStateRequest,
    responses((status = 200, description = "The state as it now is", body = StateResponse), Refused))]
async fn replace(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(id): Key,
    body: Document,
) -> Result<Json<StateResponse>, Failure> {
    let located = app.stores.states.locate(&id).await?;
    let permit = gate.permit::<_, Update>(&parent(&id, located.as_ref())).await?;
    let body: UpdateStateRequest = body.read()?;
    let state = app.stores.states.replace(&permit, &id, body.state).await?.ok_or_else(|| permit.hidden())?;
    Ok(Json(state.into()))
}

/// Delete a state
#[utoipa::path(delete, path = "/states/{state_id}", tag = "states", params(("state_id" = String, Path)),
    responses((status = 200, description = "The state as it last was", body = StateResponse), Refused))]
async fn delete(State(app): State<App>, Caller(gate): Caller, Key(id): Key) -> Result<Json<StateResponse>, Failure> {
    let located = app.stores.states.locate(&id).await?;
    let permit = gate.permit::<_, Delete>(&parent(&id, located.as_ref())).await?;
    let state = app.stores.states.delete(&permit, &id).await?.ok_or_else(|| permit.hidden())?;
    Ok(Json(state.into()))
}

const ORDERS: &[(&str, StateOrder)] =
    &[("id", StateOrder::Id), ("created_at", StateOrder::CreatedAt), ("updated_at", StateOrder::UpdatedAt)];

/// The states of a task, or of all the tasks the caller may see
#[utoipa::path(get, path = "/states", tag = "states",
    params(
        Paging,
        ("task_id" = Option<String>, Query, description = "Only those on this task, which the caller must be able to see"),
        ("agent_id" = Option<String>, Query, description = "Only those of this agent"),
        ("order_by" = Option<String>, Query, description = "`id` (ascending, default), `created_at` or `updated_at`")
    ),
    responses((status = 200, description = "A page of states", body = Vec<StateResponse>), Refused))]
async fn list(State(app): State<App>, Caller(gate): Caller, words: Words) -> Result<Json<Vec<StateResponse>>, Failure> {
    let scope = match words.word("task_id")? {
        Some(task) => Scope::of(&[&gate.permit(&Target::typed(task)).await?]),
        None => gate.scope().await?,
    };
    let order = words.choice("order_by", ORDERS)?;
    let mut window = words.window(1)?;
    if order.is_none() && words.word("order_direction")?.is_none() {
        window.direction = Direction::Ascending;
    }
    let agent = words.id("agent_id")?;
    let query = StateQuery { task: None, agent, order: order.unwrap_or_default(), window };
    let page = app.stores.states.page(&scope, &query).await?;
    Ok(Json(page.rows.into_iter().map(StateResponse::from).collect()))
}
