//! The fields of a task, and what the tasks of one list find out together.

use super::{Role, TaskAccess, TaskStatus};
use crate::{
    Failure,
    graphql::{
        access::{Reach, looked_ahead},
        agent::AgentNode,
        checkpoint::{self, Behind, ByTask, CheckpointNode, checkpoint_order},
        page::{Page, cost},
        plain::Plain,
        shared::{Once, PerArguments},
        stored::Stored,
        tracker::TrackerNode,
    },
};
use async_graphql::{Context, ID, Object, ScalarType as _, Value, resolver_utils::enum_value};
use authz::{
    Action, ActionSet, Allows, Holder, Id, Kind, Permit,
    action::{Marker, Read, Share, Update},
};
use chrono::{DateTime, Utc};
use std::{collections::HashMap, sync::Arc};
use tasks::Task;
use trackers::Tracker;

/// The tasks of one list. Whatever one of them needs is found for all.
pub struct Tasks {
    /// What may be done to them.
    pub reach: Reach<authz::Task>,
    rows: Once<Vec<Option<Task>>>,
    trackers: Once<Vec<Vec<Arc<Tracker>>>>,
    holders: Once<HashMap<usize, Vec<Holder>>>,
    agents: PerArguments<ActionSet, Arc<Vec<Vec<AgentNode>>>>,
    found: PerArguments<(String, Option<String>), Arc<ByTask>>,
    listed: PerArguments<(Option<String>, u32, Behind), Arc<ByTask>>,
}

impl Tasks {
    /// Tasks whose rows are at hand, in the order of `reach`.
    pub fn known(reach: Reach<authz::Task>, rows: Vec<Task>) -> Arc<Self> {
        Self::new(reach, Once::known(rows.into_iter().map(Some).collect()))
    }

    /// Tasks whose rows are fetched when a field first needs one.
    pub fn later(reach: Reach<authz::Task>) -> Arc<Self> {
        Self::new(reach, Once::later())
    }

    fn new(reach: Reach<authz::Task>, rows: Once<Vec<Option<Task>>>) -> Arc<Self> {
        let (agents, found, listed) = (PerArguments::new(), PerArguments::new(), PerArguments::new());
        Arc::new(Self { reach, rows, trackers: Once::later(), holders: Once::later(), agents, found, listed })
    }

    /// One thing for each task, from things that know their task.
    fn spread<T>(&self, things: impl IntoIterator<Item = (tasks::TaskId, T)>) -> Vec<Vec<T>> {
        let mut spread: Vec<Vec<T>> = (0..self.reach.len()).map(|_| Vec::new()).collect();
        let places: HashMap<_, _> = (0..self.reach.len()).filter_map(|at| Some((self.reach.id(at)?, at))).collect();
        for (task, thing) in things {
            if let Some(of_task) = places.get(&task).and_then(|at| spread.get_mut(*at)) {
                of_task.push(thing);
            }
        }
        spread
    }

    async fn fetch(&self) -> Result<Vec<Option<Task>>, Failure> {
        let permits = self.reach.permits::<Read>().await?;
        let permits: Vec<_> = permits.iter().map(|(_, permit)| permit).collect();
        let rows = self.reach.session().app.stores.tasks.get(&permits).await?;
        Ok(self
            .spread(rows.into_iter().map(|row| (row.id.clone(), row)))
            .into_iter()
            .map(|mut row| row.pop())
            .collect())
    }

    async fn fetch_trackers(&self) -> Result<Vec<Vec<Arc<Tracker>>>, Failure> {
        let permits = self.reach.permits::<Read>().await?;
        let permits: Vec<_> = permits.iter().map(|(_, permit)| permit).collect();
        let rows = self.reach.session().app.stores.trackers.of_tasks(&permits).await?;
        Ok(self.spread(rows.into_iter().map(|row| (row.task_id.clone(), Arc::new(row)))))
    }

    async fn fetch_agents(&self, asked: ActionSet) -> Result<Arc<Vec<Vec<AgentNode>>>, Failure> {
        let permits = self.reach.permits::<Read>().await?;
        let permits: Vec<_> = permits.iter().map(|(_, permit)| permit).collect();
        let session = self.reach.session();
        let working = session.app.stores.agents.of_tasks(&permits).await?;
        let agents = AgentNode::readable(session, working.iter().map(|(_, agent)| agent.clone()), asked).await?;
        let nodes = working.into_iter().filter_map(|(task, agent)| Some((task, agents.get(&agent)?.clone())));
        Ok(Arc::new(self.spread(nodes)))
    }

    async fn fetch_holders(&self) -> Result<HashMap<usize, Vec<Holder>>, Failure> {
        let (places, permits): (Vec<_>, Vec<_>) = self.reach.permits::<Share>().await?.into_iter().unzip();
        let permits: Vec<_> = permits.iter().collect();
        let holders = self.reach.session().holders(&permits).await?;
        Ok(places.into_iter().zip(holders).collect())
    }
}

/// One task of a list.
#[derive(Clone)]
pub struct TaskNode {
    /// The list.
    pub all: Arc<Tasks>,
    /// Its place in the list.
    pub at: usize,
}

impl TaskNode {
    /// The only task of its list.
    pub const fn alone(all: Arc<Tasks>) -> Self {
        Self { all, at: 0 }
    }

    /// The permit to do `A` to it.
    pub async fn permit<A: Marker>(&self) -> Result<Permit<authz::Task, A>, Failure>
    where
        authz::Task: Allows<A>,
    {
        self.all.reach.permit(self.at).await
    }

    /// Its row, for whoever holds a permit to it.
    async fn permitted<A: Marker>(&self, permit: &Permit<authz::Task, A>) -> Result<&Task, Failure>
    where
        authz::Task: Allows<A>,
    {
        let rows = self.all.rows.get(|| self.all.fetch()).await?;
        Ok(rows.get(self.at).and_then(Option::as_ref).ok_or_else(|| permit.hidden())?)
    }

    /// Its row, for the fields that all who may read it are shown.
    async fn read(&self) -> Result<&Task, Failure> {
        self.permitted::<Read>(&self.permit().await?).await
    }

    /// Whether it is there, for the viewer.
    pub async fn exists(&self) -> Result<(), Failure> {
        self.read().await.map(drop)
    }

    /// The checkpoint with this id, or the latest.
    pub async fn checkpoint(&self, namespace: String, id: Option<String>) -> Result<Option<CheckpointNode>, Failure> {
        let _: Permit<_, Read> = self.permit().await?;
        let find = || checkpoint::find(&self.all.reach, &namespace, id.as_deref());
        let found = self.all.found.get((namespace.clone(), id.clone()), find).await?;
        Ok(found.first(self))
    }
}

/// A unit of work, and all that hangs on it.
#[Object(name = "Task")]
impl TaskNode {
    /// Its id, which is also the thread id of its checkpoints.
    pub async fn id(&self) -> ID {
        ID(self.all.reach.id(self.at).map_or("", Id::as_str).to_owned())
    }

    /// Its name, unique within its tenant.
    async fn name(&self) -> Result<Option<&str>, Failure> {
        Ok(self.read().await?.name.as_deref())
    }

    /// Where it stands.
    async fn status(&self) -> Result<Option<TaskStatus>, Failure> {
        Ok(self.read().await?.status.map(Into::into))
    }

    /// Why it stands there.
    async fn status_reason(&self) -> Result<Option<&str>, Failure> {
        Ok(self.read().await?.status_reason.as_deref())
    }

    /// When it was made.
    async fn created_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(self.read().await?.created_at)
    }

    /// When it last changed.
    async fn updated_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(self.read().await?.updated_at)
    }

    /// When retention removed its conversation.
    async fn cleaned_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(self.read().await?.cleaned_at)
    }

    /// What the agent was asked to work with.
    async fn params(&self) -> Result<Option<Stored<'_>>, Failure> {
        Ok(Stored::present(self.read().await?.params.as_ref()))
    }

    /// What clients keep with it.
    async fn task_metadata(&self) -> Result<Option<Stored<'_>>, Failure> {
        Ok(Stored::present(self.read().await?.metadata.as_ref()))
    }

    /// The agents that work on it, of those the viewer may read.
    async fn agents(&self, ctx: &Context<'_>) -> Result<Option<Vec<AgentNode>>, Failure> {
        let _: Permit<_, Read> = self.permit().await?;
        let asked = looked_ahead::<AgentNode>(ctx, Kind::Agent) | Action::Read;
        let agents = self.all.agents.get(asked, || self.all.fetch_agents(asked)).await?;
        Ok(agents.get(self.at).cloned())
    }

    /// How far each of its agents has read its events.
    async fn trackers(&self) -> Result<Option<Vec<TrackerNode>>, Failure> {
        let _: Permit<_, Read> = self.permit().await?;
        let trackers = self.all.trackers.get(|| self.all.fetch_trackers()).await?;
        let node = |tracker: &Arc<Tracker>| TrackerNode { tracker: Arc::clone(tracker), task: self.clone() };
        Ok(trackers.get(self.at).map(|trackers| trackers.iter().map(node).collect()))
    }

    /// Its checkpoints, latest first.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn checkpoints(
        &self,
        #[graphql(desc = "At most this many, from 1 to 100.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those of this namespace; the root is the empty text.")] namespace: Option<String>,
    ) -> Result<Option<Page<CheckpointNode>>, Failure> {
        let _: Permit<_, Read> = self.permit().await?;
        let (ask, behind) = checkpoint_order(first, after.as_deref())?;
        let key = (namespace.clone(), ask.limit(), behind.clone());
        let query = checkpoints::Query { namespace, after: behind, limit: ask.limit() + 1, ..Default::default() };
        let listed = self.all.listed.get(key, || checkpoint::list(&self.all.reach, &query)).await?;
        Ok(Some(listed.page(self, &ask)))
    }

    /// Its latest checkpoint in a namespace; none has no error.
    async fn latest_checkpoint(
        &self,
        #[graphql(desc = "The namespace; the root is the empty text.", default)] namespace: String,
    ) -> Result<Option<CheckpointNode>, Failure> {
        self.checkpoint(namespace, None).await
    }

    /// What the viewer may do to it.
    async fn viewer_can(&self) -> Result<Option<TaskPermissions>, Failure> {
        let _: Permit<_, Read> = self.permit().await?;
        Ok(Some(TaskPermissions(self.all.reach.allowed(self.at).await?)))
    }

    /// Who made it, as `user:ID` or `service_account:ID`.
    async fn creator(&self) -> Result<Option<String>, Failure> {
        let permit = self.permit::<Update>().await?;
        let creator = self.permitted(&permit).await?.creator.open(&permit);
        Ok(creator.and_then(Option::as_ref).map(ToString::to_string))
    }

    /// Who has a role on it.
    async fn access(&self) -> Result<Option<Vec<TaskAccess>>, Failure> {
        let _: Permit<_, Share> = self.permit().await?;
        let holders = self.all.holders.get(|| self.all.fetch_holders()).await?;
        let shown =
            |holder: &Holder| TaskAccess { principal: holder.principal.to_string(), role: Role::from(holder.role) };
        Ok(holders.get(&self.at).map(|holders| holders.iter().map(shown).collect()))
    }
}

impl Plain for TaskNode {
    type Row = Task;

    async fn row(&self) -> Result<&Task, Failure> {
        self.read().await
    }

    fn told(&self, row: &Task, field: &str) -> Option<Value> {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let time = |time: &Option<DateTime<Utc>>| time.as_ref().map(DateTime::to_value);
        let value = match field {
            "id" => Some(Value::String(row.id.as_str().to_owned())),
            "name" => text(&row.name),
            "status" => row.status.map(|status| enum_value(TaskStatus::from(status))),
            "statusReason" => text(&row.status_reason),
            "createdAt" => time(&row.created_at),
            "updatedAt" => time(&row.updated_at),
            "cleanedAt" => time(&row.cleaned_at),
            "params" => Stored::present(row.params.as_ref()).map(|stored| stored.written()).transpose().ok()?,
            "taskMetadata" => Stored::present(row.metadata.as_ref()).map(|stored| stored.written()).transpose().ok()?,
            _ => return None,
        };
        Some(value.unwrap_or_default())
    }
}

/// The answers to `viewerCan`.
pub struct TaskPermissions(ActionSet);

/// What the viewer may do to a task.
#[Object]
impl TaskPermissions {
    /// See it, and everything it owns.
    async fn read(&self) -> bool {
        self.0.contains(Action::Read)
    }

    /// Change it, and add to what it owns.
    async fn update(&self) -> bool {
        self.0.contains(Action::Update)
    }

    /// Commit tracker cursors.
    async fn execute(&self) -> bool {
        self.0.contains(Action::Execute)
    }

    /// End it on the owner's word.
    async fn cancel(&self) -> bool {
        self.0.contains(Action::Cancel)
    }

    /// Remove it and everything it owns.
    async fn delete(&self) -> bool {
        self.0.contains(Action::Delete)
    }

    /// Let others see or edit it, and see who may.
    async fn share(&self) -> bool {
        self.0.contains(Action::Share)
    }
}
