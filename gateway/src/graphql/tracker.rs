//! Trackers. They have no permission of their own: each field needs what it needs on the task.

use super::{
    access::{Reach, Session},
    page::{OrderBy, Page, SortField, cost},
    task::{TaskNode, Tasks},
};
use crate::Failure;
use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object};
use authz::{
    By, Guarded, Id, Permit, Target,
    action::{Execute, Read},
};
use chrono::{DateTime, Utc};
use std::{collections::HashMap, sync::Arc};
use trackers::{Change, Commit, Tracker};

/// A tracker, and the task it is of.
#[derive(Clone)]
pub struct TrackerNode {
    /// The row.
    pub tracker: Arc<Tracker>,
    /// Its task, in a list with the tasks of the trackers beside it.
    pub task: TaskNode,
}

impl TrackerNode {
    /// A tracker that was found, for whoever may read its task.
    pub async fn opened(found: &Guarded<Tracker, authz::Task, Read>, task: TaskNode) -> Result<Self, Failure> {
        let permit: Permit<_, Read> = task.permit().await?;
        let tracker = found.open(&permit).ok_or_else(|| permit.hidden())?.clone();
        Ok(Self { tracker: Arc::new(tracker), task })
    }

    /// Its row, for whoever may read its task.
    async fn read(&self) -> Result<&Tracker, Failure> {
        let _: Permit<_, Read> = self.task.permit().await?;
        Ok(&self.tracker)
    }
}

/// How far an agent has read a task's events.
#[Object(name = "Tracker")]
impl TrackerNode {
    /// Its id.
    pub async fn id(&self) -> ID {
        ID(self.tracker.id.clone())
    }

    /// Whose reading it tracks.
    async fn agent_id(&self) -> Result<Option<ID>, Failure> {
        Ok(Some(ID(self.read().await?.agent_id.as_str().to_owned())))
    }

    /// Of which task's events.
    async fn task_id(&self) -> Result<Option<ID>, Failure> {
        Ok(Some(ID(self.read().await?.task_id.as_str().to_owned())))
    }

    /// The task.
    async fn task(&self) -> Result<Option<&TaskNode>, Failure> {
        self.read().await?;
        Ok(Some(&self.task))
    }

    /// Free text of the agent's.
    async fn status(&self) -> Result<Option<&str>, Failure> {
        Ok(self.read().await?.status.as_deref())
    }

    /// Free text of the agent's.
    async fn status_reason(&self) -> Result<Option<&str>, Failure> {
        Ok(self.read().await?.status_reason.as_deref())
    }

    /// The last event the agent is done with.
    async fn last_processed_event_id(&self) -> Result<Option<ID>, Failure> {
        Ok(self.read().await?.last_processed_event_id.clone().map(ID))
    }

    /// When it was made.
    async fn created_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(Some(self.read().await?.created_at))
    }

    /// When it last changed.
    async fn updated_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(Some(self.read().await?.updated_at))
    }
}

/// What a list of trackers is sorted by.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[graphql(remote = "trackers::Order")]
pub enum TrackerOrderField {
    /// When it last changed.
    #[default]
    UpdatedAt,
    /// When it was made.
    CreatedAt,
    /// Its id.
    Id,
}

impl SortField for TrackerOrderField {
    fn is_time(self) -> bool {
        matches!(self, Self::UpdatedAt | Self::CreatedAt)
    }
}

/// A tracker somebody asks for, and the task to ask the gate about.
async fn locate(
    session: &Session,
    id: &ID,
) -> Result<(Option<Guarded<Tracker, authz::Task, Read>>, Target<authz::Task>), Failure> {
    let found = session.app.stores.trackers.locate(id).await?;
    let target = Target::found(By::Id, id, found.as_ref().map(|tracker| tracker.owner().clone()));
    Ok((found, target))
}

fn alone(reach: Reach<authz::Task>, tracker: Tracker) -> TrackerNode {
    TrackerNode { tracker: Arc::new(tracker), task: TaskNode::alone(Tasks::later(reach)) }
}

/// Reading trackers.
#[derive(Default)]
pub struct TrackerQuery;

#[Object]
impl TrackerQuery {
    /// A tracker, by its id.
    async fn tracker(&self, ctx: &Context<'_>, id: ID) -> Result<Option<TrackerNode>, Failure> {
        let (found, target) = locate(Session::of(ctx), &id).await?;
        let (reach, permit) = Reach::permitted::<TrackerNode, Read>(ctx, target).await?;
        let tracker = found.and_then(|tracker| tracker.into_inner(&permit)).ok_or_else(|| permit.hidden())?;
        Ok(Some(alone(reach, tracker)))
    }

    /// The trackers of the tasks that the viewer may read. A task that may not be read has none.
    #[graphql(complexity = "cost(first, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn trackers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many, from 1 to 100.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those of this task.")] task_id: Option<ID>,
        #[graphql(desc = "Only those of this agent.")] agent_id: Option<ID>,
        #[graphql(desc = "Latest change first, unless said otherwise.")] order_by: Option<OrderBy<TrackerOrderField>>,
    ) -> Result<Option<Page<TrackerNode>>, Failure> {
        let session = Session::of(ctx);
        let by = order_by.unwrap_or_default();
        let ask = by.ask("trackers", first, after.as_deref())?;
        let order = trackers::Order::from(by.field);
        let query = trackers::Query {
            task: task_id.map(|id| Id::new(id.0)),
            agent: agent_id.map(|id| Id::new(id.0)),
            order,
            window: ask.window(by.direction),
        };
        let found = session.app.stores.trackers.page(&session.readable().await?, &query).await?;
        let (mut ids, mut places) = (Vec::new(), HashMap::new());
        for tracker in &found.rows {
            places.entry(tracker.task_id.clone()).or_insert_with(|| {
                ids.push(tracker.task_id.clone());
                ids.len() - 1
            });
        }
        let all = Tasks::later(Reach::later::<Page<TrackerNode>>(ctx, ids));
        let nodes = found.rows.into_iter().filter_map(|tracker| {
            let task = TaskNode { all: Arc::clone(&all), at: *places.get(&tracker.task_id)? };
            Some((order.after(&tracker), TrackerNode { tracker: Arc::new(tracker), task }))
        });
        Ok(Some(ask.page(nodes, found.more)))
    }
}

/// What an agent commits. What is not given stays as it is; a text that is null is emptied.
#[derive(InputObject)]
pub struct UpdateTrackerInput {
    /// The event it is now done with: one of the tracker's task and agent, not before the one it
    /// stands on. It cannot be null, since a cursor never moves backwards.
    last_processed_event_id: MaybeUndefined<String>,
    /// Its status.
    status: MaybeUndefined<String>,
    /// Why.
    status_reason: MaybeUndefined<String>,
}

fn change(text: MaybeUndefined<String>) -> Change {
    match text {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Clear,
        MaybeUndefined::Value(text) => Change::Set(text),
    }
}

/// Committing trackers.
#[derive(Default)]
pub struct TrackerMutation;

#[Object]
impl TrackerMutation {
    /// Commits how far an agent has read.
    async fn update_tracker(
        &self,
        ctx: &Context<'_>,
        id: ID,
        input: UpdateTrackerInput,
    ) -> Result<Option<TrackerNode>, Failure> {
        let last_processed_event_id = match input.last_processed_event_id {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => {
                return Err(Failure::invalid("`lastProcessedEventId` cannot be null: a cursor never moves backwards"));
            }
            MaybeUndefined::Value(id) => Some(id),
        };
        let commit = Commit {
            last_processed_event_id,
            status: change(input.status),
            status_reason: change(input.status_reason),
        };
        let session = Session::of(ctx);
        let (_, target) = locate(session, &id).await?;
        let (reach, permit) = Reach::permitted::<TrackerNode, Execute>(ctx, target).await?;
        let tracker = session.app.stores.trackers.commit(&permit, &id, commit).await?;
        Ok(Some(alone(reach, tracker.ok_or_else(|| permit.hidden())?)))
    }
}
