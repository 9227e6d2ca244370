//! An application whose engine does what it is told, good or bad.

use agents::{AcpType, NewAgent};
use api_keys::Sealer;
use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, DenialPolicy, EngineError, Explainer, Gate,
    Holder, Id, Kind, Lookup, Principal, Registration, Relation, Relationship, ResourceRef, Target, Task, Tenant,
};
use authz_graph::MemoryGraph;
use authz_router::Router;
use chrono::TimeDelta;
use dual_write::{Circuit, DualWrite, Inspector, Reconciler, RetryPolicy, Swept};
use gateway::{
    App, Failure, Introspection, Limits, Parts, Stores,
    engine::Explainers,
    lifecycle::{self, TaskDraft, new_id},
};
use identity::{AuthContext, Operated, TokenTable};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use store_memory::MemoryStore;

/// Later than any write that was given up still applies.
const LONG_AFTER: Duration = Duration::from_secs(1);
/// How long one write to the engine may take.
pub const ATTEMPT: Duration = Duration::from_millis(400);
/// How many failures in a row open the circuit, and for how long.
pub const PATIENCE_WITH_THE_ENGINE: u32 = 3;
pub const COOLDOWN: Duration = Duration::from_secs(1);

/// What a write to the engine comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It applies, and the answer says so.
    None,
    /// It does not apply.
    Fails,
    /// It applies, and the answer is lost.
    AppliesAndFails,
    /// It does not apply, and there is no answer.
    Hangs,
    /// It applies long after it was given up, and there is no answer.
    AppliesLate,
    /// It applies, and the answer comes just before it would be given up.
    AppliesSlowly,
}

/// The engine in memory, in trouble.
pub struct Troubled {
    graph: Arc<MemoryGraph>,
    /// What is registered.
    known: Arc<Mutex<BTreeSet<ResourceRef>>>,
    register: Mutex<Trouble>,
    deregister: Mutex<Trouble>,
    /// How long a write takes to apply, and again to be answered, in milliseconds.
    pub step: AtomicU64,
    /// How many writes were asked for.
    pub writes: AtomicUsize,
}

impl Troubled {
    /// What registrations come to from now on.
    pub fn on_register(&self, trouble: Trouble) {
        *self.register.lock().unwrap() = trouble;
    }

    /// What deregistrations come to from now on.
    pub fn on_deregister(&self, trouble: Trouble) {
        *self.deregister.lock().unwrap() = trouble;
    }

    async fn write(
        &self,
        trouble: Trouble,
        apply: impl Future<Output = Result<(), EngineError>> + Send + 'static,
    ) -> Result<(), EngineError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let step = Duration::from_millis(self.step.load(Ordering::Relaxed));
        tokio::time::sleep(step).await;
        match trouble {
            Trouble::None => apply.await?,
            Trouble::Fails => return Err(EngineError::Unavailable("refused".into())),
            Trouble::AppliesAndFails => {
                apply.await?;
                return Err(EngineError::TimedOut);
            }
            Trouble::Hangs => std::future::pending::<()>().await,
            Trouble::AppliesLate => {
                tokio::spawn(async {
                    tokio::time::sleep(LONG_AFTER / 2).await;
                    apply.await
                });
                std::future::pending::<()>().await;
            }
            Trouble::AppliesSlowly => {
                tokio::time::sleep(ATTEMPT / 2).await;
                apply.await?;
            }
        }
        tokio::time::sleep(step).await;
        Ok(())
    }
}

#[async_trait::async_trait]
impl Authorizer for Troubled {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.graph.check(principal, checks, consistency).await
    }
    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.graph.lookup(principal, kind, action, most, consistency).await
    }
    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        let (graph, known, registration) = (self.graph.clone(), self.known.clone(), registration.clone());
        let trouble = *self.register.lock().unwrap();
        let apply = async move {
            known.lock().unwrap().insert(registration.resource.clone());
            graph.register(&registration).await.map(drop)
        };
        self.write(trouble, apply).await.map(|()| None)
    }
    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        let (graph, known, resource) = (self.graph.clone(), self.known.clone(), resource.clone());
        let trouble = *self.deregister.lock().unwrap();
        let apply = async move {
            known.lock().unwrap().remove(&resource);
            graph.deregister(&resource).await.map(drop)
        };
        self.write(trouble, apply).await.map(|()| None)
    }
    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.grant(relationships).await
    }
    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.revoke(relationships).await
    }
    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.graph.holders(resources).await
    }
}

/// An application with an agent in it, and its owner.
pub struct World {
    pub engine: Arc<Troubled>,
    pub app: App,
    pub gate: Gate,
    pub agent: Id<authz::Agent>,
    names: Mutex<BTreeSet<String>>,
}

impl World {
    /// With so little patience that what is begun is overdue by the time [`World::reconcile`] comes.
    pub async fn new() -> Self {
        Self::with_patience(LONG_AFTER).await
    }

    pub async fn with_patience(patience: Duration) -> Self {
        let engine = Arc::new(Troubled {
            graph: Arc::default(),
            known: Arc::default(),
            register: Mutex::new(Trouble::None),
            deregister: Mutex::new(Trouble::None),
            step: AtomicU64::default(),
            writes: AtomicUsize::default(),
        });
        let store = Arc::new(MemoryStore::new());
        let dual_write = Arc::new(DualWrite {
            patience: TimeDelta::from_std(patience).unwrap(),
            retry: RetryPolicy { cap: Duration::from_millis(150), attempt_timeout: ATTEMPT, ..RetryPolicy::default() },
            circuit: Circuit::new(PATIENCE_WITH_THE_ENGINE, COOLDOWN),
            ..DualWrite::new(engine.clone(), store.clone())
        });
        let app = App::new(Parts {
            engine: Router::alone(engine.clone()),
            inspector: Operated::new(Arc::new(Inspector::new(dual_write.clone(), store.clone(), engine.graph.clone()))),
            explainers: Operated::new(Explainers::alone(Explainer { engine: engine.clone(), reader: None })),
            dual_write,
            switches: Operated::new(store.clone()),
            routes: Operated::new(store.clone()),
            resolver: Arc::new(TokenTable::default()),
            stores: Stores {
                agents: store.clone(),
                api_keys: store.clone(),
                tasks: store.clone(),
                trackers: store.clone(),
                checkpoints: store.clone(),
                events: store.clone(),
                messages: store.clone(),
                states: store,
            },
            sealer: Sealer::new(b""),
            denials: DenialPolicy::Hide,
            limits: Limits::default(),
            request_timeout: Duration::from_secs(30),
            introspection: Introspection::Nobody,
        });
        let (owner, tenant) = (Principal::user("owner"), Id::<Tenant>::new("home"));
        let member = Relationship::held(ResourceRef::of(&tenant), Relation::Member, &owner);
        engine.grant(&[member]).await.unwrap();
        let gate = app.gate(&AuthContext::new(owner, tenant));
        let agent = NewAgent {
            id: Id::new(new_id()),
            name: "scribe".to_owned(),
            description: String::new(),
            acp_type: AcpType::Async,
            acp_url: None,
            registration_metadata: None,
            input_type: None,
            creator: None,
        };
        let agent = lifecycle::create_agent(&app, &gate, agent).await.unwrap().id;
        Self { engine, app, gate, agent, names: Mutex::default() }
    }

    /// Makes a task of this name.
    pub async fn create(&self, name: &str) -> Result<tasks::Task, Failure> {
        self.names.lock().unwrap().insert(name.to_owned());
        let draft = TaskDraft { name: Some(name.to_owned()), ..TaskDraft::default() };
        lifecycle::create_task(&self.app, &self.gate, &Target::known(self.agent.clone()), draft).await
    }

    pub async fn delete(&self, task: &Id<Task>) -> Result<tasks::Task, Failure> {
        let permit = self.gate.permit(&Target::known(task.clone())).await?;
        lifecycle::delete_task(&self.app, &self.gate, permit).await
    }

    /// The ids of the tasks that have a row.
    pub async fn rows(&self) -> Vec<Arc<str>> {
        let names = self.names.lock().unwrap().clone();
        let mut rows = Vec::new();
        for name in names {
            let row = self.app.stores.tasks.id_by_name(self.gate.tenant(), &name).await.unwrap();
            rows.extend(row.map(|row| row.id.to_text()));
        }
        rows.sort();
        rows
    }

    /// The ids of the tasks that are registered.
    pub fn registered(&self) -> Vec<Arc<str>> {
        self.known(Kind::Task)
    }

    /// The ids of the things of a kind that are registered.
    pub fn known(&self, kind: Kind) -> Vec<Arc<str>> {
        let known = self.engine.known.lock().unwrap();
        known.iter().filter(|resource| resource.kind == kind).map(|resource| resource.id.clone()).collect()
    }

    /// Each row is registered, and nothing else is.
    pub async fn agree(&self) {
        assert_eq!(self.rows().await, self.registered());
    }

    pub async fn sweep(&self) -> Swept {
        let (dual_write, lease) = (self.app.dual_write.clone(), TimeDelta::zero());
        Reconciler { dual_write, grace: TimeDelta::zero(), lease, batch: 10 }.sweep().await.unwrap()
    }

    pub async fn backlog(&self) -> u64 {
        self.app.dual_write.ledger.backlog().await.unwrap().pending
    }

    /// Sweeps, long after, until nothing is left to do.
    pub async fn reconcile(&self) {
        tokio::time::sleep(LONG_AFTER).await;
        for _ in 0..100 {
            if self.backlog().await == 0 {
                return;
            }
            self.sweep().await;
            // What goes on after its caller has hung up may have been put off a little later than that.
            tokio::time::sleep(LONG_AFTER / 50).await;
        }
        panic!("{} intents are never settled", self.backlog().await);
    }
}
