//! Tasks: by id, by name, in lists, and along their status machine.

use super::{
    agents,
    query::{Paging, Words},
    request::{Document, Key},
    wire::{DeleteResponse, Refused, Timestamp},
};
use crate::{App, Caller, Failure, lifecycle};
use authz::{
    Action, Allows, Gate, Permit, Target,
    action::{Delete, Marker, Read, Update},
};
use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use tasks::{Order, Patch, Query, Status, TaskId, Transition};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get_by_id, update_by_id, delete_by_id))
        .routes(routes!(get_by_name, update_by_name, delete_by_name))
        .routes(routes!(complete))
        .routes(routes!(fail))
        .routes(routes!(terminate))
        .routes(routes!(timeout))
        .routes(routes!(interrupt))
        .routes(routes!(cancel))
}

/// A task.
#[derive(Serialize, ToSchema)]
struct Task {
    #[serde(flatten)]
    head: Head,
    params: Option<Value>,
}

/// A task, and those who work on it where they were asked for.
#[derive(Serialize, ToSchema)]
struct TaskResponse {
    #[serde(flatten)]
    task: Task,
    agents: Option<Vec<agents::Agent>>,
}

/// A task in a list: without its params.
#[derive(Serialize, ToSchema)]
struct TaskSummary {
    #[serde(flatten)]
    head: Head,
    agents: Option<Vec<agents::Agent>>,
}

/// What every view of a task shows.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskHead)]
struct Head {
    id: String,
    name: Option<String>,
    status: Option<&'static str>,
    status_reason: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    cleaned_at: Option<Timestamp>,
    task_metadata: Option<Value>,
}

impl From<tasks::Task> for Task {
    fn from(task: tasks::Task) -> Self {
        let head = Head {
            id: task.id.as_str().to_owned(),
            name: task.name,
            status: task.status.map(Status::as_str),
            status_reason: task.status_reason,
            created_at: task.created_at.map(Timestamp),
            updated_at: task.updated_at.map(Timestamp),
            cleaned_at: task.cleaned_at.map(Timestamp),
            task_metadata: task.metadata,
        };
        Self { head, params: task.params }
    }
}

/// The task of the caller's tenant that has this name, if there is one.
async fn named(app: &App, gate: &Gate, name: &str) -> Result<Target<authz::Task>, Failure> {
    Ok(Target::named(name, app.stores.tasks.id_by_name(gate.tenant(), name).await?))
}

/// A task by its id
#[utoipa::path(get, path = "/tasks/{task_id}", tag = "tasks",
    params(("task_id" = String, Path), ("relationships" = Option<Vec<String>>, Query, description = "`agents`")),
    responses((status = 200, description = "The task", body = TaskResponse), Refused))]
async fn get_by_id(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(id): Key,
    words: Words,
) -> Result<Json<TaskResponse>, Failure> {
    show(&app, &gate, &Target::typed(&id), &words).await
}

/// A task of the caller's tenant by its name
#[utoipa::path(get, path = "/tasks/name/{task_name}", tag = "tasks",
    params(("task_name" = String, Path), ("relationships" = Option<Vec<String>>, Query, description = "`agents`")),
    responses((status = 200, description = "The task", body = TaskResponse), Refused))]
async fn get_by_name(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(name): Key,
    words: Words,
) -> Result<Json<TaskResponse>, Failure> {
    let target = named(&app, &gate, &name).await?;
    show(&app, &gate, &target, &words).await
}

async fn show(
    app: &App,
    gate: &Gate,
    target: &Target<authz::Task>,
    words: &Words,
) -> Result<Json<TaskResponse>, Failure> {
    let permit = gate.permit(target).await?;
    let with_agents = wants_agents(words)?;
    let task = app.stores.tasks.get(&[&permit]).await?.pop().ok_or_else(|| permit.hidden())?;
    let agents = if with_agents {
        Some(agents::of_tasks(app, gate, &[&permit]).await?.remove(permit.id()).unwrap_or_default())
    } else {
        None
    };
    Ok(Json(TaskResponse { task: task.into(), agents }))
}

/// Whether `relationships` asks for the agents: said once or more, each with commas or without.
fn wants_agents(words: &Words) -> Result<bool, Failure> {
    let mut wanted = false;
    for word in words.all("relationships").flat_map(|list| list.split(',')) {
        match word.trim() {
            "agents" => wanted = true,
            _ => return Err(Failure::invalid("relationships: must be `agents`")),
        }
    }
    Ok(wanted)
}

/// What to change. What is absent or null stays as it is.
#[derive(Deserialize, ToSchema)]
struct UpdateTaskRequest {
    /// Replaces the metadata.
    task_metadata: Option<Map<String, Value>>,
    /// Keys to set in the params, at the top level.
    merge_params: Option<Map<String, Value>>,
}

/// Change a task's params or metadata
#[utoipa::path(put, path = "/tasks/{task_id}", tag = "tasks", params(("task_id" = String, Path)),
    request_body = UpdateTaskRequest,
    responses((status = 200, description = "The task as it now is", body = Task), Refused))]
async fn update_by_id(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(id): Key,
    body: Document,
) -> Result<Json<Task>, Failure> {
    update(&app, &gate, &Target::typed(&id), body).await
}

/// Change the params or metadata of a task of the caller's tenant
#[utoipa::path(put, path = "/tasks/name/{task_name}", tag = "tasks", params(("task_name" = String, Path)),
    request_body = UpdateTaskRequest,
    responses((status = 200, description = "The task as it now is", body = Task), Refused))]
async fn update_by_name(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(name): Key,
    body: Document,
) -> Result<Json<Task>, Failure> {
    let target = named(&app, &gate, &name).await?;
    update(&app, &gate, &target, body).await
}

async fn update(app: &App, gate: &Gate, target: &Target<authz::Task>, body: Document) -> Result<Json<Task>, Failure> {
    let permit = gate.permit::<_, Update>(target).await?;
    let body: UpdateTaskRequest = body.read()?;
    let patch = Patch { merge_params: body.merge_params, metadata: body.task_metadata };
    let task = app.stores.tasks.update(&permit, patch).await?.ok_or_else(|| permit.hidden())?;
    Ok(Json(task.into()))
}

/// Delete a task and all it owns
#[utoipa::path(delete, path = "/tasks/{task_id}", tag = "tasks", params(("task_id" = String, Path)),
    responses((status = 200, description = "It is gone", body = DeleteResponse), Refused))]
async fn delete_by_id(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(id): Key,
) -> Result<Json<DeleteResponse>, Failure> {
    delete(&app, &gate, &Target::typed(&id)).await
}

/// Delete a task of the caller's tenant and all it owns
#[utoipa::path(delete, path = "/tasks/name/{task_name}", tag = "tasks", params(("task_name" = String, Path)),
    responses((status = 200, description = "It is gone", body = DeleteResponse), Refused))]
async fn delete_by_name(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(name): Key,
) -> Result<Json<DeleteResponse>, Failure> {
    let target = named(&app, &gate, &name).await?;
    delete(&app, &gate, &target).await
}

async fn delete(app: &App, gate: &Gate, target: &Target<authz::Task>) -> Result<Json<DeleteResponse>, Failure> {
    let permit = gate.permit::<_, Delete>(target).await?;
    let task = lifecycle::delete_task(app, gate, permit).await?;
    let id = task.id.as_str().to_owned();
    Ok(Json(DeleteResponse { message: format!("Task {id} deleted successfully"), id }))
}

const ORDERS: &[(&str, Order)] = &[
    ("updated_at", Order::UpdatedAt),
    ("created_at", Order::CreatedAt),
    ("name", Order::Name),
    ("status", Order::Status),
    ("id", Order::Id),
];

/// The tasks the caller may see
#[utoipa::path(get, path = "/tasks", tag = "tasks",
    params(
        Paging,
        ("agent_id" = Option<String>, Query, description = "Only those this agent works on"),
        ("agent_name" = Option<String>, Query, description = "Only those an agent of this name works on"),
        ("status" = Option<String>, Query, description = "Only those that stand here"),
        ("task_metadata" = Option<String>, Query, description = "Only those whose metadata contains this JSON object"),
        ("relationships" = Option<Vec<String>>, Query, description = "`agents`"),
        ("order_by" = Option<String>, Query, description = "`updated_at` (default), `created_at`, `name`, `status` or `id`")
    ),
    responses((status = 200, description = "A page of tasks", body = Vec<TaskSummary>), Refused))]
async fn list(State(app): State<App>, Caller(gate): Caller, words: Words) -> Result<Json<Vec<TaskSummary>>, Failure> {
    let with_agents = wants_agents(&words)?;
    let query = Query {
        agent: words.id("agent_id")?,
        agent_name: words.word("agent_name")?.map(str::to_owned),
        status: status(&words)?,
        metadata: metadata(&words)?,
        order: words.choice("order_by", ORDERS)?.unwrap_or_default(),
        window: words.window(0)?,
    };
    let page = app.stores.tasks.page(&gate.scope().await?, &query).await?;
    let mut agents = if with_agents { Some(agents_of(&app, &gate, &page.rows).await?) } else { None };
    let summary = |task: tasks::Task| {
        let agents = agents.as_mut().map(|by_task| by_task.remove(&task.id).unwrap_or_default());
        TaskSummary { head: Task::from(task).head, agents }
    };
    Ok(Json(page.rows.into_iter().map(summary).collect()))
}

async fn agents_of(
    app: &App,
    gate: &Gate,
    rows: &[tasks::Task],
) -> Result<HashMap<TaskId, Vec<agents::Agent>>, Failure> {
    let targets: Vec<_> = rows.iter().map(|task| Target::known(task.id.clone())).collect();
    let grants = gate.grants(&targets, Action::Read.into()).await?;
    let permits: Vec<Permit<_, Read>> = grants.iter().filter_map(|grants| grants.permit().ok()).collect();
    agents::of_tasks(app, gate, &permits.iter().collect::<Vec<_>>()).await
}

/// The status to filter by. Deleted tasks are not there to be listed.
fn status(words: &Words) -> Result<Option<Status>, Failure> {
    if words.word("status")? == Some("DELETED") {
        return Err(Failure::Precondition("status: deleted tasks cannot be listed".to_owned()));
    }
    words.choice("status", &Status::ALL.map(|status| (status.as_str(), status)))
}

/// The metadata to filter by. Agentex answers 400 here where it answers 422 elsewhere.
fn metadata(words: &Words) -> Result<Option<Map<String, Value>>, Failure> {
    let Some(text) = words.word("task_metadata")? else { return Ok(None) };
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) if !fields.is_empty() => Ok(Some(fields)),
        Ok(_) | Err(_) => {
            Err(Failure::Precondition("task_metadata: must be a JSON object that is not empty".to_owned()))
        }
    }
}

/// Why a task moves on.
#[derive(Default, Deserialize, ToSchema)]
struct ReasonRequest {
    reason: Option<String>,
}

/// A request to move a task along its status machine.
struct Step {
    app: App,
    gate: Gate,
    id: String,
    body: Option<Document>,
}

impl FromRequest<App> for Step {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let Caller(gate) = Caller::from_request_parts(&mut parts, app).await?;
        let Key(id) = Key::from_request_parts(&mut parts, app).await?;
        let body = <Option<Document>>::from_request(Request::from_parts(parts, body), app).await?;
        Ok(Self { app: app.clone(), gate, id, body })
    }
}

impl Step {
    /// Takes the step, for whoever gets the permit that it needs.
    async fn take<A: Marker>(
        self,
        transition: for<'a> fn(&'a Permit<authz::Task, A>, Option<String>) -> Transition<'a>,
    ) -> Result<Json<Task>, Failure>
    where
        authz::Task: Allows<A>,
    {
        let permit = self.gate.permit(&Target::typed(&self.id)).await?;
        let ReasonRequest { reason } = self.body.map(Document::read).transpose()?.unwrap_or_default();
        let moved = self.app.stores.tasks.transition(&transition(&permit, reason)).await?;
        Ok(Json(moved.ok_or_else(|| permit.hidden())?.into()))
    }
}

/// The work is done
#[utoipa::path(post, path = "/tasks/{task_id}/complete", tag = "tasks", params(("task_id" = String, Path)),
    request_body = Option<ReasonRequest>,
    responses((status = 200, description = "The task as it now is", body = Task), Refused))]
async fn complete(step: Step) -> Result<Json<Task>, Failure> {
    step.take(|permit, reason| Transition::complete(permit, reason)).await
}

/// The work broke
#[utoipa::path(post, path = "/tasks/{task_id}/fail", tag = "tasks", params(("task_id" = String, Path)),
    request_body = Option<ReasonRequest>,
    responses((status = 200, description = "The task as it now is", body = Task), Refused))]
async fn fail(step: Step) -> Result<Json<Task>, Failure> {
    step.take(|permit, reason| Transition::fail(permit, reason)).await
}

/// The work was ended
#[utoipa::path(post, path = "/tasks/{task_id}/terminate", tag = "tasks", params(("task_id" = String, Path)),
    request_body = Option<ReasonRequest>,
    responses((status = 200, description = "The task as it now is", body = Task), Refused))]
async fn terminate(step: Step) -> Result<Json<Task>, Failure> {
    step.take(|permit, reason| Transition::terminate(permit, reason)).await
}

/// The work ran out of time
#[utoipa::path(post, path = "/tasks/{task_id}/timeout", tag = "tasks", params(("task_id" = String, Path)),
    request_body = Option<ReasonRequest>,
    responses((status = 200, description = "The task as it now is", body = Task), Refused))]
async fn timeout(step: Step) -> Result<Json<Task>, Failure> {
    step.take(|permit, reason| Transition::time_out(permit, reason)).await
}

/// The work stops for now
#[utoipa::path(post, path = "/tasks/{task_id}/interrupt", tag = "tasks", params(("task_id" = String, Path)),
    request_body = Option<ReasonRequest>,
    responses((status = 200, description = "The task as it now is", body = Task), Refused))]
async fn interrupt(step: Step) -> Result<Json<Task>, Failure> {
    step.take(|permit, reason| Transition::interrupt(permit, reason)).await
}

/// The owner ends the work
#[utoipa::path(post, path = "/tasks/{task_id}/cancel", tag = "tasks", params(("task_id" = String, Path)),
    request_body = Option<ReasonRequest>,
    responses((status = 200, description = "The task as it now is", body = Task), Refused))]
async fn cancel(step: Step) -> Result<Json<Task>, Failure> {
    step.take(|permit, reason| Transition::cancel(permit, reason)).await
}
