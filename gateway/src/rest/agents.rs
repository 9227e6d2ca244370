//! Agents.

use super::{
    query::{Paging, Words},
    request::Key,
    wire::{DeleteResponse, Refused, Timestamp},
};
use crate::{App, Caller, Failure, lifecycle};
use agents::{Order, Query};
use authz::{
    Action, Gate, Permit, Refusal, Target,
    action::{Delete, Read},
};
use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use tasks::TaskId;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get_by_id, delete_by_id))
        .routes(routes!(get_by_name, delete_by_name))
}

/// An agent.
#[derive(Clone, Serialize, ToSchema)]
pub struct Agent {
    id: String,
    name: String,
    description: String,
    status: &'static str,
    status_reason: Option<String>,
    acp_type: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
    registration_metadata: Option<Value>,
    registered_at: Option<Timestamp>,
    #[serde(rename = "agent_input_type")]
    input_type: Option<&'static str>,
    production_deployment_id: Option<String>,
}

impl From<agents::Agent> for Agent {
    fn from(agent: agents::Agent) -> Self {
        Self {
            id: agent.id.as_str().to_owned(),
            name: agent.name,
            description: agent.description,
            status: agent.status.as_str(),
            status_reason: agent.status_reason,
            acp_type: agent.acp_type.as_str(),
            created_at: Timestamp(agent.created_at),
            updated_at: Timestamp(agent.updated_at),
            registration_metadata: agent.registration_metadata,
            registered_at: agent.registered_at.map(Timestamp),
            input_type: agent.input_type.map(agents::InputType::as_str),
            production_deployment_id: agent.production_deployment_id,
        }
    }
}

/// An agent by its id
#[utoipa::path(get, path = "/agents/{agent_id}", tag = "agents", params(("agent_id" = String, Path)),
    responses((status = 200, description = "The agent", body = Agent), Refused))]
async fn get_by_id(State(app): State<App>, Caller(gate): Caller, Key(id): Key) -> Result<Json<Agent>, Failure> {
    show(&app, &gate, &Target::typed(&id)).await
}

/// An agent of the caller's tenant by its name
#[utoipa::path(get, path = "/agents/name/{agent_name}", tag = "agents", params(("agent_name" = String, Path)),
    responses((status = 200, description = "The agent", body = Agent), Refused))]
async fn get_by_name(State(app): State<App>, Caller(gate): Caller, Key(name): Key) -> Result<Json<Agent>, Failure> {
    let target = named(&app, &gate, &name).await?;
    show(&app, &gate, &target).await
}

/// The agent of the caller's tenant that has this name, if there is one.
pub async fn named(app: &App, gate: &Gate, name: &str) -> Result<Target<authz::Agent>, Failure> {
    Ok(Target::named(name, app.stores.agents.id_by_name(gate.tenant(), name).await?))
}

async fn show(app: &App, gate: &Gate, target: &Target<authz::Agent>) -> Result<Json<Agent>, Failure> {
    let permit = gate.permit(target).await?;
    let agent = app.stores.agents.get(&[&permit]).await?.pop().ok_or_else(|| permit.hidden())?;
    Ok(Json(agent.into()))
}

/// Delete an agent and its API keys; its tasks stay
#[utoipa::path(delete, path = "/agents/{agent_id}", tag = "agents", params(("agent_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = DeleteResponse), Refused))]
async fn delete_by_id(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(id): Key,
) -> Result<Json<DeleteResponse>, Failure> {
    delete(&app, &gate, &Target::typed(&id)).await
}

/// Delete an agent of the caller's tenant and its API keys; its tasks stay
#[utoipa::path(delete, path = "/agents/name/{agent_name}", tag = "agents", params(("agent_name" = String, Path)),
    responses((status = 200, description = "It is gone", body = DeleteResponse), Refused))]
async fn delete_by_name(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(name): Key,
) -> Result<Json<DeleteResponse>, Failure> {
    let target = named(&app, &gate, &name).await?;
    delete(&app, &gate, &target).await
}

async fn delete(app: &App, gate: &Gate, target: &Target<authz::Agent>) -> Result<Json<DeleteResponse>, Failure> {
    let permit = gate.permit::<_, Delete>(target).await?;
    let agent = lifecycle::delete_agent(app, gate, permit).await?;
    // As agentex says it: by what was typed.
    let message = format!("Agent '{}' deleted successfully", target.requested().text);
    Ok(Json(DeleteResponse { id: agent.id.as_str().to_owned(), message }))
}

const ORDERS: &[(&str, Order)] =
    &[("updated_at", Order::UpdatedAt), ("created_at", Order::CreatedAt), ("name", Order::Name), ("id", Order::Id)];

/// The agents the caller may see
#[utoipa::path(get, path = "/agents", tag = "agents",
    params(
        Paging,
        ("task_id" = Option<String>, Query, description = "Only those that work on this task. A task the caller may not see has none."),
        ("order_by" = Option<String>, Query, description = "`updated_at` (default), `created_at`, `name` or `id`")
    ),
    responses((status = 200, description = "A page of agents", body = Vec<Agent>), Refused))]
async fn list(State(app): State<App>, Caller(gate): Caller, words: Words) -> Result<Json<Vec<Agent>>, Failure> {
    let order = words.choice("order_by", ORDERS)?.unwrap_or_default();
    let window = words.window(1)?;
    let task = match words.word("task_id")? {
        None => None,
        // Who works on a task is the task's to tell.
        Some(typed) => match gate.permit::<authz::Task, Read>(&Target::typed(typed)).await {
            Ok(permit) => Some(permit.id().clone()),
            Err(Refusal::Denied(_)) => return Ok(Json(Vec::new())),
            Err(unavailable) => return Err(unavailable.into()),
        },
    };
    let page = app.stores.agents.page(&gate.scope().await?, &Query { task, order, window }).await?;
    Ok(Json(page.rows.into_iter().map(Agent::from).collect()))
}

/// The agents that work on each permitted task, as far as the caller may see them.
pub async fn of_tasks(
    app: &App,
    gate: &Gate,
    tasks: &[&Permit<authz::Task, Read>],
) -> Result<HashMap<TaskId, Vec<Agent>>, Failure> {
    let mut edges = app.stores.agents.of_tasks(tasks).await?;
    edges.sort();
    let mut ids: Vec<_> = edges.iter().map(|(_, agent)| agent.clone()).collect();
    ids.sort();
    ids.dedup();
    let targets: Vec<_> = ids.into_iter().map(Target::known).collect();
    let grants = gate.grants(&targets, Action::Read.into()).await?;
    let permits: Vec<_> = grants.iter().filter_map(|grants| grants.permit().ok()).collect();
    let found = app.stores.agents.get(&permits.iter().collect::<Vec<_>>()).await?;
    let found: HashMap<_, _> = found.into_iter().map(|agent| (agent.id.clone(), Agent::from(agent))).collect();
    let mut by_task: HashMap<_, Vec<_>> = HashMap::new();
    for (task, agent) in edges {
        by_task.entry(task).or_default().extend(found.get(&agent).cloned());
    }
    Ok(by_task)
}
