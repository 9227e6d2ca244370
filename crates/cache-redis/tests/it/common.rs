//! What the tests of the cache share.

use async_trait::async_trait;
use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Kind, Lookup, Principal,
    Registration, Relation, Relationship, ResourceRef,
};
use cache_redis::{DecisionCache, Redis, Settings};
use conformance::fresh;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// How reads ask.
pub const READ: &Consistency = &Consistency::MinimizeLatency;
/// The lease of tests: short, so that waiting one out is no long wait.
pub const LEASE: Duration = Duration::from_secs(1);

pub fn settings() -> Settings {
    Settings {
        engine: "graph".into(),
        staleness: Duration::from_mins(1),
        entries: 10_000,
        window: Duration::from_secs(30),
    }
}

/// A deployment of its own on the tests' Redis.
pub fn redis() -> Redis {
    let url = std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names no Redis: run these tests with `tests/run`");
    redis_at(&url)
}

pub fn redis_at(url: &str) -> Redis {
    Redis {
        urls: vec![url.to_owned().into()],
        cluster: false,
        prefix: fresh("test"),
        lease: LEASE,
        deadline: Duration::from_millis(500),
    }
}

/// A node that shares its decisions.
pub fn shared(engine: Arc<dyn Authorizer>, redis: &Redis) -> DecisionCache {
    DecisionCache::shared(engine, &settings(), redis).expect("these settings can be meant")
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not come to be");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a node has its lease.
pub async fn held(cache: &DecisionCache) {
    until("a lease", async || cache.answers()).await;
}

pub fn task() -> ResourceRef {
    ResourceRef { kind: Kind::Task, id: fresh("task").into() }
}

pub fn somebody() -> Principal {
    Principal::user(fresh("user"))
}

pub fn viewer(task: &ResourceRef, who: &Principal) -> [Relationship; 1] {
    [Relationship::held(task.clone(), Relation::Viewer, who)]
}

/// Whether somebody may read a task.
pub async fn reads(engine: &dyn Authorizer, who: &Principal, task: &ResourceRef) -> bool {
    let check = [Check { resource: task.clone(), actions: Action::Read.into() }];
    let decisions = engine.check(who, &check, READ).await.expect("the engine answers");
    decisions.first().expect("one check has one answer").allowed.contains(Action::Read)
}

/// What an engine was asked, and how fresh.
pub type Question = (Vec<Check>, Consistency);

/// An engine that counts and remembers what it is asked.
#[derive(Clone)]
pub struct Counted {
    pub engine: Arc<dyn Authorizer>,
    pub asked: Arc<AtomicUsize>,
    pub questions: Arc<Mutex<Vec<Question>>>,
    /// What writes answer.
    pub token: Option<ConsistencyToken>,
}

impl Counted {
    pub fn new(engine: impl Authorizer + 'static) -> Self {
        Self { engine: Arc::new(engine), asked: Arc::default(), questions: Arc::default(), token: None }
    }

    /// How often it was asked.
    pub fn calls(&self) -> usize {
        self.asked.load(SeqCst)
    }

    /// What it was asked last.
    pub fn last(&self) -> Question {
        self.questions.lock().expect("nobody panicked").last().expect("it was asked").clone()
    }
}

#[async_trait]
impl Authorizer for Counted {
    async fn check(
        &self,
        who: &Principal,
        checks: &[Check],
        fresh: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.asked.fetch_add(1, SeqCst);
        self.questions.lock().expect("nobody panicked").push((checks.to_vec(), fresh.clone()));
        self.engine.check(who, checks, fresh).await
    }

    async fn lookup(
        &self,
        who: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        fresh: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.asked.fetch_add(1, SeqCst);
        self.questions.lock().expect("nobody panicked").push((Vec::new(), fresh.clone()));
        self.engine.lookup(who, kind, action, most, fresh).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.engine.register(registration).await.map(|_| self.token.clone())
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.engine.deregister(resource).await.map(|_| self.token.clone())
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.engine.grant(relationships).await.map(|_| self.token.clone())
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.engine.revoke(relationships).await.map(|_| self.token.clone())
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.engine.holders(resources).await
    }
}

/// Two nodes of one deployment as one engine: it writes at one and reads at the other.
pub struct Apart {
    pub writes: Arc<dyn Authorizer>,
    pub reads: Arc<dyn Authorizer>,
}

impl Apart {
    /// Two nodes with their leases.
    pub async fn new(writes: DecisionCache, reads: DecisionCache) -> Self {
        held(&writes).await;
        held(&reads).await;
        Self { writes: Arc::new(writes), reads: Arc::new(reads) }
    }
}

#[async_trait]
impl Authorizer for Apart {
    async fn check(
        &self,
        who: &Principal,
        checks: &[Check],
        fresh: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.reads.check(who, checks, fresh).await
    }

    async fn lookup(
        &self,
        who: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        fresh: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.reads.lookup(who, kind, action, most, fresh).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.writes.register(registration).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.writes.deregister(resource).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.writes.grant(relationships).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.writes.revoke(relationships).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.reads.holders(resources).await
    }
}
