//! Agents.

mod mutation;

pub use mutation::AgentMutation;

use super::{
    access::{Reach, Session, looked_ahead},
    api_key::{self, ApiKeyNode, ByAgent},
    input::{Key, one_of, typed},
    page::{Ask, OrderBy, Page, SortField, cost},
    shared::PerArguments,
    stored::Stored,
};
use crate::Failure;
use agents::{Agent, AgentId};
use async_graphql::{Context, Enum, ID, Object};
use authz::{
    Action, ActionSet, After, Allows, Id, Kind, Permit, Target,
    action::{Marker, Read, Update},
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Whether an agent can be worked with.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "agents::Status")]
pub enum AgentStatus {
    /// It can.
    Ready,
    /// It broke.
    Failed,
    /// Nobody has heard of it lately.
    Unknown,
    /// It is gone. Never shown.
    Deleted,
    /// It answers, badly.
    Unhealthy,
    /// It was built and not yet deployed.
    BuildOnly,
}

/// How an agent is spoken to.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "agents::AcpType")]
pub enum AcpType {
    /// It answers at once.
    Sync,
    /// It reads events in its own time.
    Async,
    /// The old word for `ASYNC`.
    Agentic,
}

/// What an agent is fed with.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "agents::InputType")]
pub enum AgentInputType {
    /// Text.
    Text,
    /// JSON.
    Json,
}

/// The agents of one list, in the order of `reach`. Those that may not be read have no row.
pub struct Agents {
    reach: Reach<authz::Agent>,
    rows: Vec<Option<Agent>>,
    keys: PerArguments<(u32, Option<After>, ActionSet), Arc<ByAgent>>,
}

impl Agents {
    fn known(reach: Reach<authz::Agent>, rows: Vec<Option<Agent>>) -> Arc<Self> {
        Arc::new(Self { reach, rows, keys: PerArguments::new() })
    }
}

/// One agent of a list.
#[derive(Clone)]
pub struct AgentNode {
    all: Arc<Agents>,
    at: usize,
}

impl AgentNode {
    fn alone(reach: Reach<authz::Agent>, row: Agent) -> Self {
        Self { all: Agents::known(reach, vec![Some(row)]), at: 0 }
    }

    /// Those of these agents that the caller may read, by id. One engine call and one store call.
    pub async fn readable(
        session: &Arc<Session>,
        ids: impl Iterator<Item = AgentId>,
        asked: ActionSet,
    ) -> Result<HashMap<AgentId, Self>, Failure> {
        let ids: BTreeSet<_> = ids.collect();
        let nodes = Self::of(Reach::of(session, ids.iter().cloned(), asked)).await?;
        Ok(ids.into_iter().zip(nodes).filter_map(|(id, node)| Some((id, node?))).collect())
    }

    /// Those of these agents that the caller may read, in order. At most one store call.
    pub async fn of(reach: Reach<authz::Agent>) -> Result<Vec<Option<Self>>, Failure> {
        let permits = reach.permits::<Read>().await?;
        let permits: Vec<_> = permits.iter().map(|(_, permit)| permit).collect();
        let found =
            if permits.is_empty() { Vec::new() } else { reach.session().app.stores.agents.get(&permits).await? };
        let mut found: HashMap<_, _> = found.into_iter().map(|row| (row.id.clone(), row)).collect();
        let rows: Vec<_> = (0..reach.len()).map(|at| found.remove(reach.id(at)?)).collect();
        let shown: Vec<_> = rows.iter().map(Option::is_some).collect();
        let all = Agents::known(reach, rows);
        let node = |(at, shown): (usize, bool)| shown.then(|| Self { all: Arc::clone(&all), at });
        Ok(shown.into_iter().enumerate().map(node).collect())
    }

    /// Its row, for whoever holds a permit to it.
    fn row<A: Marker>(&self, permit: &Permit<authz::Agent, A>) -> Result<&Agent, Failure>
    where
        authz::Agent: Allows<A>,
    {
        Ok(self.all.rows.get(self.at).and_then(Option::as_ref).ok_or_else(|| permit.hidden())?)
    }

    /// Its row, for the fields that all who may read it are shown.
    async fn read(&self) -> Result<&Agent, Failure> {
        self.row::<Read>(&self.all.reach.permit(self.at).await?)
    }
}

/// A program that works on tasks.
#[Object(name = "Agent")]
impl AgentNode {
    /// Its id.
    pub async fn id(&self) -> ID {
        ID(self.all.reach.id(self.at).map_or("", Id::as_str).to_owned())
    }

    /// Its name, unique within its tenant.
    async fn name(&self) -> Result<Option<&str>, Failure> {
        Ok(Some(&self.read().await?.name))
    }

    /// What it is for.
    async fn description(&self) -> Result<Option<&str>, Failure> {
        Ok(Some(&self.read().await?.description))
    }

    /// Whether it can be worked with.
    async fn status(&self) -> Result<Option<AgentStatus>, Failure> {
        Ok(Some(self.read().await?.status.into()))
    }

    /// How it is spoken to.
    async fn acp_type(&self) -> Result<Option<AcpType>, Failure> {
        Ok(Some(self.read().await?.acp_type.into()))
    }

    /// Why it is in this status.
    async fn status_reason(&self) -> Result<Option<&str>, Failure> {
        Ok(self.read().await?.status_reason.as_deref())
    }

    /// When it was made.
    async fn created_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(Some(self.read().await?.created_at))
    }

    /// When it last changed.
    async fn updated_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(Some(self.read().await?.updated_at))
    }

    /// What it said of itself when it registered.
    async fn registration_metadata(&self) -> Result<Option<Stored<'_>>, Failure> {
        Ok(Stored::present(self.read().await?.registration_metadata.as_ref()))
    }

    /// When it registered.
    async fn registered_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(self.read().await?.registered_at)
    }

    /// What it is fed with.
    async fn input_type(&self) -> Result<Option<AgentInputType>, Failure> {
        Ok(self.read().await?.input_type.map(Into::into))
    }

    /// The deployment that serves it.
    async fn production_deployment_id(&self) -> Result<Option<ID>, Failure> {
        Ok(self.read().await?.production_deployment_id.clone().map(ID))
    }

    /// Where it listens.
    async fn acp_url(&self) -> Result<Option<&str>, Failure> {
        let permit: Permit<_, Update> = self.all.reach.permit(self.at).await?;
        Ok(self.row(&permit)?.acp_url.open(&permit).and_then(Option::as_deref))
    }

    /// Its API keys, oldest first.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many, from 1 to 100.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
    ) -> Result<Option<Page<ApiKeyNode>>, Failure> {
        let _: Permit<_, Update> = self.all.reach.permit(self.at).await?;
        let ask = Ask::new("apiKeys".to_owned(), first, after.as_deref())?;
        let asked = looked_ahead::<Page<ApiKeyNode>>(ctx, Kind::ApiKey);
        let key = (ask.limit(), ask.after().cloned(), asked);
        let listed = self.all.keys.get(key, || api_key::of_agents(&self.all.reach, &ask, asked)).await?;
        Ok(Some(listed.page(self.at, &ask)))
    }

    /// What the viewer may do to it.
    async fn viewer_can(&self) -> Result<Option<AgentPermissions>, Failure> {
        self.read().await?;
        Ok(Some(AgentPermissions(self.all.reach.allowed(self.at).await?)))
    }
}

/// The answers to `viewerCan`.
pub struct AgentPermissions(ActionSet);

/// What the viewer may do to an agent.
#[Object]
impl AgentPermissions {
    /// See it.
    async fn read(&self) -> bool {
        self.0.contains(Action::Read)
    }

    /// Change it.
    async fn update(&self) -> bool {
        self.0.contains(Action::Update)
    }

    /// Run it, which is what creating a task on it needs.
    async fn execute(&self) -> bool {
        self.0.contains(Action::Execute)
    }

    /// Make API keys for it.
    async fn create(&self) -> bool {
        self.0.contains(Action::Create)
    }

    /// Remove it.
    async fn delete(&self) -> bool {
        self.0.contains(Action::Delete)
    }

    /// Let others see or edit it.
    async fn share(&self) -> bool {
        self.0.contains(Action::Share)
    }
}

/// What a list of agents is sorted by.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[graphql(remote = "agents::Order")]
pub enum AgentOrderField {
    /// When it last changed.
    UpdatedAt,
    /// When it was made.
    #[default]
    CreatedAt,
    /// Its name.
    Name,
    /// Its id.
    Id,
}

impl SortField for AgentOrderField {
    fn is_time(self) -> bool {
        matches!(self, Self::UpdatedAt | Self::CreatedAt)
    }
}

/// Reading agents.
#[derive(Default)]
pub struct AgentQuery;

#[Object]
impl AgentQuery {
    /// An agent, by its id or by its name within the viewer's tenant: exactly one of the two.
    async fn agent(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        name: Option<String>,
    ) -> Result<Option<AgentNode>, Failure> {
        let session = Session::of(ctx);
        let target = match one_of(id, name)? {
            Key::Id(id) => typed(&id),
            Key::Name(name) => {
                Target::named(&name, session.app.stores.agents.id_by_name(session.tenant(), &name).await?)
            }
        };
        let (reach, permit) = Reach::permitted::<AgentNode, Read>(ctx, target).await?;
        let row = session.app.stores.agents.get(&[&permit]).await?.pop().ok_or_else(|| permit.hidden())?;
        Ok(Some(AgentNode::alone(reach, row)))
    }

    /// The agents the viewer may read.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many, from 1 to 100.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Newest first, unless said otherwise.")] order_by: Option<OrderBy<AgentOrderField>>,
    ) -> Result<Option<Page<AgentNode>>, Failure> {
        let session = Session::of(ctx);
        let by = order_by.unwrap_or_default();
        let ask = by.ask("agents", first, after.as_deref())?;
        let order = agents::Order::from(by.field);
        let query = agents::Query { task: None, order, window: ask.window(by.direction) };
        let found = session.app.stores.agents.page(&session.readable().await?, &query).await?;
        let places: Vec<_> = found.rows.iter().map(|row| order.after(row)).collect();
        let reach = Reach::later::<Page<AgentNode>>(ctx, found.rows.iter().map(|row| row.id.clone()));
        let all = Agents::known(reach, found.rows.into_iter().map(Some).collect());
        let nodes = places.into_iter().enumerate().map(|(at, place)| (place, AgentNode { all: Arc::clone(&all), at }));
        Ok(Some(ask.page(nodes, found.more)))
    }
}
