//! The writes that make or end something: a row here, its relationships there.
//!
//! Each is a dual write (see [`dual_write`]): whatever fails or is cut off on the way, the two sides
//! agree in the end. Making registers first, so that no row is ever visible without its
//! relationships, and the caller hears the first error. Ending removes the row first, so that nothing
//! is visible that is half gone, and has happened once the row is gone.
//!
//! Both run to their end once begun: a caller who hangs up does not leave work to the reconciler.

use crate::{App, Failure};
use agents::{Agent, NewAgent};
use api_keys::{ApiKey, ApiKeyId, KeyType, NewApiKey, Secret};
use authz::{
    Gate, Gone, Permit, Registered, ResourceRef, Target,
    action::{Create, Delete},
};
use dual_write::{CreateError, Intent};
use futures::{StreamExt as _, stream};
use serde_json::{Map, Value};
use std::sync::Arc;
use tasks::{NewTask, Task, TaskId};
use tokio::time::Instant;
use tracing::Instrument as _;
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
    let deadline = Instant::now() + app.request_timeout;
    let permit = gate.permit_to_create_tasks(agent).await?;
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
    let registration = gate.registration_of_task(&permit, &new.id);
    let (app, receipt) = (app.clone(), gate.receipt().clone());
    to_the_end(async move {
        let persist = |registered: Registered| {
            receipt.note(registered.token());
            app.stores.tasks.create(&permit, new, registered)
        };
        let made = app.dual_write.create(&registration, Some(deadline), persist).await;
        made.map_err(|error| {
            // The agent was there a moment ago and is gone, or is not of the caller's tenant.
            let no_agent = matches!(error, CreateError::Persist(tasks::StoreError::NoSuchAgent));
            if no_agent { permit.hidden().into() } else { error.into() }
        })
    })
    .await
}

/// Makes an agent in the caller's tenant. The caller owns it.
pub async fn create_agent(app: &App, gate: &Gate, new: NewAgent) -> Result<Agent, Failure> {
    let deadline = Instant::now() + app.request_timeout;
    let permit = gate.permit::<_, Create>(&Target::known(gate.tenant().clone())).await?;
    let registration = gate.registration_of_agent(&permit, &new.id);
    let (app, receipt) = (app.clone(), gate.receipt().clone());
    to_the_end(async move {
        let persist = |registered: Registered| {
            receipt.note(registered.token());
            app.stores.agents.create(&permit, new, registered)
        };
        Ok(app.dual_write.create(&registration, Some(deadline), persist).await?)
    })
    .await
}

/// What a caller says of an API key to be made.
pub struct ApiKeyDraft {
    /// Its name.
    pub name: String,
    /// Who it is made for.
    pub key_type: KeyType,
    /// The key itself, when the caller brings one.
    pub secret: Option<Secret>,
}

/// Makes an API key of the permitted agent. The caller owns it. Answers the key itself, too, which nobody is
/// ever told again.
pub async fn create_api_key(
    app: &App,
    gate: &Gate,
    agent: Permit<authz::Agent, Create>,
    draft: ApiKeyDraft,
) -> Result<(ApiKey, Secret), Failure> {
    let deadline = Instant::now() + app.request_timeout;
    if !api_keys::valid_name(&draft.name) {
        let most = api_keys::NAME_CHARS;
        return Err(Failure::invalid(format!("name: must be 1 to {most} characters without control characters")));
    }
    let secret = draft.secret.unwrap_or_else(Secret::fresh);
    let new = NewApiKey {
        id: ApiKeyId::new(new_id()),
        tenant: gate.tenant().clone(),
        name: draft.name,
        key_type: draft.key_type,
        prefix: secret.prefix(),
        digest: app.sealer.digest(&secret),
        creator: Some(gate.principal().clone()),
    };
    let registration = gate.registration_of_api_key(&agent, &new.id);
    let (app, receipt) = (app.clone(), gate.receipt().clone());
    to_the_end(async move {
        let persist = |registered: Registered| {
            receipt.note(registered.token());
            app.stores.api_keys.create(&agent, new, registered)
        };
        let made = app.dual_write.create(&registration, Some(deadline), persist).await;
        let key = made.map_err(|error| {
            let no_agent = matches!(error, CreateError::Persist(api_keys::StoreError::NoSuchAgent));
            if no_agent { agent.hidden().into() } else { Failure::from(error) }
        })?;
        Ok((key, secret))
    })
    .await
}

/// Removes the permitted task and all it owns, for the account of the gate's caller. Answers the task as it last was.
pub async fn delete_task(app: &App, gate: &Gate, permit: Permit<authz::Task, Delete>) -> Result<Task, Failure> {
    let (app, account) = (app.clone(), gate.tenant().to_text());
    to_the_end(async move {
        let ending = app.dual_write.ending().of(account);
        let task = app.stores.tasks.delete(&permit, &ending).await?.ok_or_else(|| permit.hidden())?;
        let ended = Intent::deregister(ResourceRef::of(permit.id()), &ending, task.created_at);
        app.dual_write.finish(&ended).await;
        Ok(task)
    })
    .await
}

/// Ends the permitted API key: from here on it lets nobody in. Answers the key as it last was.
pub async fn delete_api_key(app: &App, gate: &Gate, permit: Permit<authz::ApiKey, Delete>) -> Result<ApiKey, Failure> {
    let (app, account) = (app.clone(), gate.tenant().to_text());
    to_the_end(async move {
        let ending = app.dual_write.ending().of(account);
        let key = app.stores.api_keys.delete(&permit, &ending).await?.ok_or_else(|| permit.hidden())?;
        let ended = Intent::deregister(ResourceRef::of(permit.id()), &ending, Some(key.created_at));
        app.dual_write.finish(&ended).await;
        Ok(key)
    })
    .await
}

/// How many keys of a deleted agent are deregistered at once.
const AT_ONCE: usize = 4;

/// Ends the permitted agent and its API keys. Its tasks stay with those whose they are. Answers the agent as it
/// last was.
pub async fn delete_agent(app: &App, gate: &Gate, permit: Permit<authz::Agent, Delete>) -> Result<Agent, Failure> {
    let (app, account) = (app.clone(), gate.tenant().to_text());
    to_the_end(async move {
        let ending = app.dual_write.ending().of(account);
        let deleted = app.stores.agents.delete(&permit, &ending).await?.ok_or_else(|| permit.hidden())?;
        let of_agent = (ResourceRef::of(permit.id()), ending.clone(), deleted.agent.created_at);
        let of_keys = deleted.keys.into_iter().map(|Gone { resource, made_at }| {
            let ending = ending.of_part(&resource);
            (resource, ending, made_at)
        });
        let finish = stream::iter([of_agent].into_iter().chain(of_keys)).for_each_concurrent(
            AT_ONCE,
            async |(resource, ending, made_at)| {
                app.dual_write.finish(&Intent::deregister(resource, &ending, Some(made_at))).await;
            },
        );
        // There may be many keys, and the caller is waiting: the reconciler does what is left.
        let in_time = tokio::time::timeout(app.dual_write.retry.attempt_timeout, finish).await;
        if in_time.is_err() {
            tracing::warn!(agent = %permit.id(), "the relationships of an agent and its keys go late");
        }
        Ok(deleted.agent)
    })
    .await
}

/// A new row id: UUIDv7, so that ids made together lie together in an index.
#[must_use]
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// Runs `work` to its end, whether or not the caller waits for it.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| Err(Failure::Internal(Arc::new(error))))
}
