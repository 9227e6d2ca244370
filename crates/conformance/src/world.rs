//! What the cases of the store suites stand on: an engine, the stores, and people with roles.

use crate::extents::Answering;
use agents::{AcpType, AgentId, AgentStore, NewAgent};
use api_keys::{ApiKey, ApiKeyStore, KeyType, NewApiKey, Sealer, Secret};
use authz::{
    Agent, Allows, Authorizer, DenialPolicy, Extent, Gate, Id, Lookup, Permit, Principal, Registered, Registration,
    Relation, Relationship, ResourceRef, Role, Scope, Target, Task, Tenant,
    action::{Create, Delete, Marker, Read, Share},
};
use checkpoints::CheckpointStore;
use chrono::{TimeDelta, Utc};
use conversations::{Event, EventStore, MessageStore, NewEvent, StateStore};
use dual_write::{CreateError, DualWrite, Intent, Ledger, SwitchStore};
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tasks::{NewTask, TaskId, TaskStore};
use trackers::TrackerStore;
use uuid::Uuid;

/// Everything a store suite needs. An adapter makes one for each case.
pub struct World {
    /// The engine that permits come from.
    pub engine: Arc<dyn Authorizer>,
    /// What makes and ends things in the engine and in the stores.
    pub dual_write: Arc<DualWrite>,
    /// Where agents are kept.
    pub agents: Arc<dyn AgentStore>,
    /// Where API keys are kept.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// Where tasks are kept.
    pub tasks: Arc<dyn TaskStore>,
    /// Where trackers are kept.
    pub trackers: Arc<dyn TrackerStore>,
    /// Where checkpoints are kept.
    pub checkpoints: Arc<dyn CheckpointStore>,
    /// Where events are kept.
    pub events: Arc<dyn EventStore>,
    /// Where messages are kept.
    pub messages: Arc<dyn MessageStore>,
    /// Where states are kept.
    pub states: Arc<dyn StateStore>,
    /// Where dual writes are switched.
    pub switches: Arc<dyn SwitchStore>,
    /// Removes an event and nothing else, as retention does. No port offers that.
    pub forget_event: ForgetEvent,
}

/// Removes the event with this id.
pub type ForgetEvent = Box<dyn Fn(String) -> BoxFuture<'static, ()> + Send + Sync>;

/// Text that nobody has used before. Later ones sort behind earlier ones.
#[must_use]
pub fn fresh(what: &str) -> String {
    format!("{what}-{}", Uuid::now_v7())
}

/// The permit to do `A` to a resource, which the caller must have.
pub async fn may<R: Allows<A>, A: Marker>(gate: &Gate, id: &Id<R>) -> Permit<R, A> {
    let refused = |refusal| panic!("{} on {id} by {}: {refusal}", A::ACTION, gate.principal());
    gate.permit(&Target::known(id.clone())).await.unwrap_or_else(refused)
}

impl World {
    /// A world whose stores are all one thing.
    pub fn new<S>(engine: Arc<dyn Authorizer>, store: Arc<S>, forget_event: ForgetEvent) -> Self
    where
        S: AgentStore
            + ApiKeyStore
            + TaskStore
            + TrackerStore
            + CheckpointStore
            + EventStore
            + MessageStore
            + StateStore
            + Ledger
            + SwitchStore
            + 'static,
    {
        Self {
            dual_write: Arc::new(DualWrite::new(Arc::clone(&engine), Arc::clone(&store) as _)),
            engine,
            agents: Arc::clone(&store) as _,
            api_keys: Arc::clone(&store) as _,
            tasks: Arc::clone(&store) as _,
            trackers: Arc::clone(&store) as _,
            checkpoints: Arc::clone(&store) as _,
            events: Arc::clone(&store) as _,
            messages: Arc::clone(&store) as _,
            states: Arc::clone(&store) as _,
            switches: store,
            forget_event,
        }
    }

    /// The gate for `principal`, working in `tenant`.
    #[must_use]
    pub fn gate(&self, principal: &Principal, tenant: &Id<Tenant>) -> Gate {
        Gate::new(principal.clone(), tenant.clone(), Arc::clone(&self.engine), DenialPolicy::Hide)
    }

    /// The scope that `gate` has when the engine answers `extent`.
    pub(crate) async fn scope_of<R: Allows<Read>>(&self, gate: &Gate, extent: Extent) -> Scope<R, Read> {
        self.scope_by(gate, Lookup::Within(extent)).await
    }

    /// The scope that `gate` has when the engine answers `lookup`.
    pub(crate) async fn scope_by<R: Allows<Read>>(&self, gate: &Gate, lookup: Lookup) -> Scope<R, Read> {
        let engine = Arc::new(Answering { engine: Arc::clone(&self.engine), lookup });
        let gate = Gate::new(gate.principal().clone(), gate.tenant().clone(), engine, DenialPolicy::Hide);
        gate.scope().await.unwrap()
    }

    /// Somebody new, who belongs to `tenant`.
    pub async fn member(&self, who: &str, tenant: &Id<Tenant>) -> Gate {
        let principal = Principal::user(fresh(who));
        let edge = Relationship::held(ResourceRef::of(tenant), Relation::Member, &principal);
        self.engine.grant(&[edge]).await.unwrap();
        self.gate(&principal, tenant)
    }

    /// A new tenant with an agent in it, and people.
    pub async fn cast(&self) -> Cast<'_> {
        let (tenant, elsewhere) = (Id::new(fresh("tenant")), Id::new(fresh("tenant")));
        let owner = self.member("owner", &tenant).await;
        let agent = self.agent(&owner).await;
        Cast {
            world: self,
            editor: self.member("editor", &tenant).await,
            viewer: self.member("viewer", &tenant).await,
            stranger: self.member("stranger", &elsewhere).await,
            runtime: self.gate(&Principal::agent(&agent), &tenant),
            agent,
            owner,
            tenant,
        }
    }

    /// A new agent in the gate's tenant, owned by its principal.
    pub async fn agent(&self, gate: &Gate) -> AgentId {
        let new = new_agent();
        let id = new.id.clone();
        self.create_agent(gate, new).await.unwrap();
        id
    }

    /// Makes an agent the way the gateway does: registered, then persisted.
    pub async fn create_agent(&self, gate: &Gate, new: NewAgent) -> Result<agents::Agent, agents::StoreError> {
        let tenant = may::<Tenant, Create>(gate, gate.tenant()).await;
        let registration = gate.registration_of_agent(&tenant, &new.id);
        let persist = |registered| self.agents.create(&tenant, new, registered);
        self.dual_write.create(&registration, None, persist).await.map_err(of_the_store)
    }

    /// Makes a task the way the gateway does: registered, then persisted.
    pub async fn create_task(
        &self,
        gate: &Gate,
        agent: &AgentId,
        new: NewTask,
    ) -> Result<tasks::Task, tasks::StoreError> {
        let agent = may::<Agent, _>(gate, agent).await;
        let registration = gate.registration_of_task(&agent, &new.id);
        let persist = |registered| self.tasks.create(&agent, new, registered);
        self.dual_write.create(&registration, None, persist).await.map_err(of_the_store)
    }

    /// Makes an API key the way the gateway does: registered, then persisted.
    pub async fn create_api_key(
        &self,
        gate: &Gate,
        agent: &AgentId,
        new: NewApiKey,
    ) -> Result<ApiKey, api_keys::StoreError> {
        let agent = may::<Agent, Create>(gate, agent).await;
        let registration = gate.registration_of_api_key(&agent, &new.id);
        let persist = |registered| self.api_keys.create(&agent, new, registered);
        self.dual_write.create(&registration, None, persist).await.map_err(of_the_store)
    }

    /// The first half of making something: its intent is open, and the engine knows of it.
    pub async fn registered(&self, registration: &Registration) -> Registered {
        let now = Utc::now();
        let intent = Intent::register(registration, now, now + TimeDelta::hours(1));
        self.dual_write.ledger.open(&intent).await.unwrap();
        self.engine.register(registration).await.unwrap();
        Registered::by(intent.id)
    }

    /// The first half of ending a task: its row is gone, and the engine still knows of it.
    pub async fn remove_task(&self, permit: &Permit<Task, Delete>) -> Result<Option<tasks::Task>, tasks::StoreError> {
        self.tasks.delete(permit, &self.dual_write.ending()).await
    }
}

/// What the store said. Engines of suites do not fail.
fn of_the_store<E: std::fmt::Debug>(error: CreateError<E>) -> E {
    let CreateError::Persist(error) = error else { panic!("{error:?}") };
    error
}

/// The fields of a JSON object.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("{value} is no object") };
    fields
}

/// An agent to be made, with nothing out of the ordinary.
pub(crate) fn new_agent() -> NewAgent {
    NewAgent {
        id: Id::new(fresh("agent")),
        name: fresh("a"),
        description: "An agent of the suite.".into(),
        acp_type: AcpType::Async,
        acp_url: Some("http://127.0.0.1:9".into()),
        registration_metadata: None,
        input_type: None,
        creator: None,
    }
}

/// An API key to be made in `tenant`, with nothing out of the ordinary.
pub(crate) fn new_api_key(tenant: &Id<Tenant>) -> NewApiKey {
    let secret = Secret::fresh();
    NewApiKey {
        id: Id::new(fresh("key")),
        tenant: tenant.clone(),
        name: fresh("name"),
        key_type: KeyType::External,
        prefix: secret.prefix(),
        digest: Sealer::new(b"suite").digest(&secret),
        creator: None,
    }
}

/// A task to be made in `tenant`, with nothing out of the ordinary.
pub(crate) fn new_task(tenant: &Id<Tenant>) -> NewTask {
    NewTask {
        id: Id::new(fresh("task")),
        tracker_id: fresh("tracker"),
        tenant: tenant.clone(),
        name: None,
        params: None,
        metadata: None,
        creator: None,
    }
}

/// The gates of people around one agent of one tenant. What they may do to a task is decided by
/// [`Cast::task`], which gives each the role of their name.
pub struct Cast<'w> {
    /// Where they live.
    pub world: &'w World,
    /// The tenant of all but the stranger.
    pub tenant: Id<Tenant>,
    /// An agent of the tenant, owned by the owner.
    pub agent: AgentId,
    /// Owns the tasks.
    pub owner: Gate,
    /// Edits them.
    pub editor: Gate,
    /// Sees them.
    pub viewer: Gate,
    /// Is of another tenant, and sees nothing.
    pub stranger: Gate,
    /// The agent on its own credential.
    pub runtime: Gate,
}

impl Cast<'_> {
    /// A task to be made in this tenant.
    #[must_use]
    pub fn new_task(&self) -> NewTask {
        new_task(&self.tenant)
    }

    /// A new API key of the agent, made by the owner.
    pub async fn api_key(&self) -> ApiKey {
        self.world.create_api_key(&self.owner, &self.agent, new_api_key(&self.tenant)).await.unwrap()
    }

    /// A new task of the owner's, which the editor may edit and the viewer may see.
    pub async fn task(&self) -> TaskId {
        self.task_from(self.new_task()).await.id
    }

    /// The same, made of `new`.
    pub async fn task_from(&self, new: NewTask) -> tasks::Task {
        let task = self.world.create_task(&self.owner, &self.agent, new).await.unwrap();
        let share = may::<Task, Share>(&self.owner, &task.id).await;
        self.owner.share(&share, Role::Editor, self.editor.principal()).await.unwrap();
        self.owner.share(&share, Role::Viewer, self.viewer.principal()).await.unwrap();
        task
    }

    /// The task as it is now, if it is.
    pub async fn read(&self, task: &TaskId) -> Option<tasks::Task> {
        let permit = may::<Task, Read>(&self.owner, task).await;
        self.world.tasks.get(&[&permit]).await.unwrap().pop()
    }

    /// A new event of the task for the cast's agent.
    pub async fn event(&self, task: &TaskId) -> Event {
        let new = NewEvent { id: fresh("event"), agent: self.agent.clone(), content: Some(json!({"type": "text"})) };
        self.world.events.append(&may(&self.editor, task).await, new).await.unwrap()
    }
}
