//! Events. They have no permission of their own: each field needs what it needs on the task.

use super::{
    access::{Reach, Session},
    input::typed,
    stored::Stored,
};
use crate::{Failure, lifecycle::new_id};
use async_graphql::{Context, ID, InputObject, Json, Object};
use authz::{
    Agent, By, Id, Permit, Target,
    action::{Read, Update},
};
use chrono::{DateTime, Utc};
use conversations::{Event, NewEvent};
use serde_json::Value;

/// An event, and what may be done to its task.
pub struct EventNode {
    event: Event,
    task: Reach<authz::Task>,
}

impl EventNode {
    /// Its row, for whoever may read its task.
    async fn read(&self) -> Result<&Event, Failure> {
        let _: Permit<_, Read> = self.task.permit(0).await?;
        Ok(&self.event)
    }
}

/// What an asynchronous agent reads. It never changes.
#[Object(name = "Event")]
impl EventNode {
    /// Its id.
    async fn id(&self) -> ID {
        ID(self.event.id.clone())
    }

    /// Its place among all events of the deployment: a whole number in decimal digits. It is text,
    /// since it may be larger than JavaScript counts.
    async fn sequence_id(&self) -> Result<Option<String>, Failure> {
        Ok(Some(self.read().await?.sequence_id.to_string()))
    }

    /// The task it is about.
    async fn task_id(&self) -> Result<Option<ID>, Failure> {
        Ok(Some(ID(self.read().await?.task_id.as_str().to_owned())))
    }

    /// The agent it is for.
    async fn agent_id(&self) -> Result<Option<ID>, Failure> {
        Ok(Some(ID(self.read().await?.agent_id.as_str().to_owned())))
    }

    /// What it says.
    async fn content(&self) -> Result<Option<Stored<'_>>, Failure> {
        Ok(self.read().await?.content.as_ref().map(Stored))
    }

    /// When it was appended.
    async fn created_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(Some(self.read().await?.created_at))
    }
}

/// Reading events.
#[derive(Default)]
pub struct EventQuery;

#[Object]
impl EventQuery {
    /// An event, by its id. The agent it is for must be the viewer's to read, too.
    async fn event(&self, ctx: &Context<'_>, id: ID) -> Result<Option<EventNode>, Failure> {
        let found = Session::of(ctx).app.stores.events.locate(&id).await?;
        let target = Target::found(By::Id, &id, found.as_ref().map(|event| event.owner().clone()));
        let (task, permit) = Reach::permitted::<EventNode, Read>(ctx, target).await?;
        let event = found.and_then(|event| event.into_inner(&permit)).ok_or_else(|| permit.hidden())?;
        let agent = Target::<Agent>::found(By::Id, &id, Some(event.agent_id.clone()));
        let _: Permit<_, Read> = task.session().permit(&agent).await?;
        Ok(Some(EventNode { event, task }))
    }
}

/// An event to be appended.
#[derive(InputObject)]
pub struct AppendEventInput {
    /// The task it is about.
    task_id: ID,
    /// The agent it is for, which must work on the task.
    agent_id: ID,
    /// What it says.
    content: Option<Json<Value>>,
}

/// Appending events.
#[derive(Default)]
pub struct EventMutation;

#[Object]
impl EventMutation {
    /// Appends an event to a task.
    async fn append_event(&self, ctx: &Context<'_>, input: AppendEventInput) -> Result<Option<EventNode>, Failure> {
        let (task, permit) = Reach::permitted::<EventNode, Update>(ctx, typed(&input.task_id)).await?;
        let content = input.content.map(|content| content.0);
        let new = NewEvent { id: new_id(), agent: Id::new(input.agent_id.0), content };
        let event = task.session().app.stores.events.append(&permit, new).await?;
        Ok(Some(EventNode { event, task }))
    }
}
