//! The two writes that make or end something: a row here, its relationships there.
//!
//! Making registers first, so that no row is ever visible without its relationships; a row that then
//! cannot be persisted is unregistered again, and the caller hears the first error. Ending removes
//! the row first, so that nothing is visible that is half gone; relationships that cannot be removed
//! afterwards lead to no row, and the caller's delete has happened all the same.
//!
//! Both run to their end once begun: a caller who hangs up does not leave half of them.

use crate::{App, Failure};
use agents::{Agent, NewAgent};
use authz::{
    Gate, Permit, Refusal, Registered, Target,
    action::{Create, Delete, Execute},
};
use serde_json::{Map, Value};
use std::sync::Arc;
use tasks::{NewTask, Task, TaskId};
use uuid::Uuid;

/// What a caller says of a task to be made.
#[derive(Clone, Debug, Default)]
pub struct TaskDraft {
    /// Its name.
    pub name: Option<String>,
    /// What the agent is asked to work with.
    pub params: Option<Map<String, Value>>,
    /// What the client keeps with it.
    pub metadata: Option<Map<String, Value>>,
}

/// Makes a task on an agent the caller may execute. The caller owns it.
pub async fn create_task(
    app: &App,
    gate: &Gate,
    agent: &Target<authz::Agent>,
    draft: TaskDraft,
) -> Result<Task, Failure> {
    let permit = gate.permit::<_, Execute>(agent).await?;
    if draft.name.as_ref().is_some_and(|name| name.len() > tasks::NAME_BYTES) {
        return Err(Failure::invalid(format!("name: must be at most {} bytes", tasks::NAME_BYTES)));
    }
    let new = NewTask {
        id: TaskId::new(new_id()),
        tracker_id: new_id(),
        tenant: gate.tenant().clone(),
        name: draft.name,
        params: draft.params,
        metadata: draft.metadata,
        creator: Some(gate.principal().clone()),
    };
    let (app, gate) = (app.clone(), gate.clone());
    to_the_end(async move {
        let registered = gate.register_task(&permit, &new.id).await?;
        match app.stores.tasks.create(&permit, new).await {
            Ok(task) => Ok(task),
            Err(error) => {
                undo(&gate, registered).await;
                // The agent was there a moment ago and is gone, or is not of the caller's tenant.
                Err(if matches!(error, tasks::StoreError::NoSuchAgent) { permit.hidden().into() } else { error.into() })
            }
        }
    })
    .await
}

/// Makes an agent in the caller's tenant. The caller owns it.
pub async fn create_agent(app: &App, gate: &Gate, new: NewAgent) -> Result<Agent, Failure> {
    let permit = gate.permit::<_, Create>(&Target::known(gate.tenant().clone())).await?;
    let (app, gate) = (app.clone(), gate.clone());
    to_the_end(async move {
        let registered = gate.register_agent(&permit, &new.id).await?;
        match app.stores.agents.create(&permit, new).await {
            Ok(agent) => Ok(agent),
            Err(error) => {
                undo(&gate, registered).await;
                Err(error.into())
            }
        }
    })
    .await
}

/// Removes the permitted task and all it owns. Answers the task as it last was.
pub async fn delete_task(app: &App, gate: &Gate, permit: Permit<authz::Task, Delete>) -> Result<Task, Failure> {
    let (app, gate) = (app.clone(), gate.clone());
    to_the_end(async move {
        let task = app.stores.tasks.delete(&permit).await?.ok_or_else(|| permit.hidden())?;
        if let Err(error) = gate.deregister(&permit).await {
            log_leftover(&error, "a deleted task is still registered", permit.id().as_str());
        }
        Ok(task)
    })
    .await
}

/// A new row id: UUIDv7, so that ids made together lie together in an index.
#[must_use]
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

async fn undo(gate: &Gate, registered: Registered) {
    let resource = registered.resource().to_string();
    if let Err(error) = gate.undo(registered).await {
        log_leftover(&error, "a resource without a row is still registered", &resource);
    }
}

fn log_leftover(error: &Refusal, message: &str, resource: &str) {
    tracing::error!(%error, resource, "{message}");
}

/// Runs `work` to its end, whether or not the caller waits for it.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(Failure::Internal(Arc::new(error))))
}
