//! Engines that can be made to misbehave, routers between them, and an observer that can be asked.

use async_trait::async_trait;
use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Id, Kind, Lookup,
    Principal, Registration, Relation, Relationship, ResourceRef,
};
use authz_graph::MemoryGraph;
use authz_router::{Destination, EngineName, Observer, Outcome, Route, Router, Settings, Skipped, Written};
use chrono::Utc;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub const READ: &Consistency = &Consistency::MinimizeLatency;
pub const KINDS: [Kind; 4] = [Kind::Tenant, Kind::Agent, Kind::Task, Kind::ApiKey];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    #[default]
    None,
    Hangs,
    Fails,
    /// Fails at everything but forgetting what is gone.
    OnlyForgets,
    /// Answers too few decisions.
    IsShort,
    /// Allows nothing.
    Denies,
}

/// A graph in memory, unless it is in trouble. Names what it lists.
#[derive(Default)]
pub struct Engine {
    pub graph: MemoryGraph,
    pub trouble: Mutex<Trouble>,
    pub asked: AtomicU64,
    /// How the last question was asked.
    pub consistency: Mutex<Option<Consistency>>,
}

impl Engine {
    pub fn is(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
    }

    async fn stumble(&self) -> Result<Trouble, EngineError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let trouble = *self.trouble.lock().unwrap();
        match trouble {
            Trouble::Hangs => futures::future::pending().await,
            Trouble::Fails | Trouble::OnlyForgets => Err(EngineError::Unavailable("on fire".into())),
            Trouble::None | Trouble::IsShort | Trouble::Denies => Ok(trouble),
        }
    }
}

#[async_trait]
impl Authorizer for Engine {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        let trouble = self.stumble().await?;
        *self.consistency.lock().unwrap() = Some(consistency.clone());
        let mut decisions = self.graph.check(principal, checks, consistency).await?;
        match trouble {
            Trouble::IsShort => decisions.truncate(checks.len() - 1),
            Trouble::Denies => decisions = vec![Decision::default(); checks.len()],
            Trouble::None | Trouble::Hangs | Trouble::Fails | Trouble::OnlyForgets => {}
        }
        Ok(decisions)
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        if self.stumble().await? == Trouble::Denies {
            return Ok(Lookup::nothing());
        }
        let mut found = BTreeSet::new();
        for id in all(&self.graph, kind).await {
            let check = Check { resource: ResourceRef { kind, id: id.clone() }, actions: action.into() };
            if self.graph.check(principal, &[check], consistency).await?[0].allowed.contains(action) {
                found.insert(id);
            }
        }
        Ok(if most.is_some_and(|most| found.len() > most) { Lookup::TooMany } else { Lookup::ids(found) })
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.stumble().await?;
        self.graph.register(registration).await?;
        Ok(Some(ConsistencyToken::new("written")))
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        if *self.trouble.lock().unwrap() != Trouble::OnlyForgets {
            self.stumble().await?;
        }
        self.graph.deregister(resource).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.stumble().await?;
        self.graph.grant(relationships).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.stumble().await?;
        self.graph.revoke(relationships).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.stumble().await?;
        self.graph.holders(resources).await
    }
}

/// The ids of all resources of a kind that a graph has heard of.
pub async fn all(graph: &MemoryGraph, kind: Kind) -> Vec<Arc<str>> {
    let known = authz::RegistrationScan::page(graph, kind, None, u32::MAX).await.unwrap();
    known.into_iter().map(|known| known.id).collect()
}

/// Counts what it hears.
#[derive(Default)]
pub struct Counts {
    compared: Mutex<HashMap<(Kind, Action, &'static str), u64>>,
    other: Mutex<HashMap<String, u64>>,
}

impl Counts {
    pub fn compared(&self, kind: Kind, action: Action, outcome: Outcome) -> u64 {
        self.compared.lock().unwrap().get(&(kind, action, outcome.as_str())).copied().unwrap_or_default()
    }

    /// How often two engines came to this, whatever was asked.
    pub fn all(&self, outcome: Outcome) -> u64 {
        let compared = self.compared.lock().unwrap();
        compared.iter().filter(|((.., came), _)| *came == outcome.as_str()).map(|(_, count)| count).sum()
    }

    pub fn other(&self, what: &str) -> u64 {
        self.other.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    fn add(&self, what: String) {
        *self.other.lock().unwrap().entry(what).or_default() += 1;
    }
}

impl Observer for Counts {
    fn compared(&self, kind: Kind, action: Action, outcome: Outcome, questions: u64) {
        *self.compared.lock().unwrap().entry((kind, action, outcome.as_str())).or_default() += questions;
    }

    fn skipped(&self, why: Skipped) {
        self.add(why.as_str().to_owned());
    }

    fn told(&self, what: Written, took: bool) {
        self.add(format!("{} {}", what.as_str(), if took { "took" } else { "missed" }));
    }

    fn unroutable(&self) {
        self.add("unroutable".to_owned());
    }
}

/// Three engines, `a` the default, and a router between them.
pub struct Stage {
    pub a: Arc<Engine>,
    pub b: Arc<Engine>,
    pub c: Arc<Engine>,
    pub router: Router,
    pub counts: Arc<Counts>,
}

pub fn name(text: &str) -> EngineName {
    EngineName::parse(text).unwrap()
}

/// A route in words: `task`, or `task of acme`, and where it leads: `b`, or `a/b` for `b` in the shadow of `a`.
fn route(from: &str, to: &str) -> Vec<Route> {
    let (kind, account) = from.split_once(" of ").map_or((from, None), |(kind, account)| (kind, Some(account)));
    let (engine, shadow) = to.split_once('/').map_or((to, None), |(engine, shadow)| (engine, Some(shadow)));
    let to = Destination { engine: name(engine), shadow: shadow.map(name) };
    let kinds = KINDS.into_iter().filter(|known| kind == "all" || known.as_str() == kind);
    let route = |kind| Route {
        kind,
        account: account.map(Into::into),
        to: to.clone(),
        at: Utc::now(),
        by: String::new(),
        reason: String::new(),
    };
    kinds.map(route).collect()
}

impl Stage {
    pub fn new(routes: &[(&str, &str)]) -> Self {
        Self::with(routes, Settings { timeout: Duration::from_millis(200), abreast: 64 })
    }

    pub fn with(routes: &[(&str, &str)], settings: Settings) -> Self {
        let [a, b, c] = [(); 3].map(|()| Arc::<Engine>::default());
        let engine = |engine: &Arc<Engine>| Arc::clone(engine) as Arc<dyn Authorizer>;
        let engines = BTreeMap::from([(name("a"), engine(&a)), (name("b"), engine(&b)), (name("c"), engine(&c))]);
        let counts = Arc::<Counts>::default();
        let observer = Arc::clone(&counts) as _;
        let stage = Self { a, b, c, router: Router::new(name("a"), engines, settings, observer), counts };
        stage.route(routes);
        stage
    }

    pub fn route(&self, routes: &[(&str, &str)]) {
        self.router.replace(routes.iter().flat_map(|(from, to)| route(from, to)).collect());
    }

    /// The engines as callers of an account see them.
    pub fn of(&self, account: &str) -> Arc<dyn Authorizer> {
        self.router.of(&Id::new(account))
    }
}

pub fn task(id: &str) -> ResourceRef {
    ResourceRef { kind: Kind::Task, id: id.into() }
}

pub fn viewer(resource: &ResourceRef, who: &str) -> Relationship {
    Relationship::held(resource.clone(), Relation::Viewer, &Principal::user(who))
}

/// A task of an account, whose agent and owner are of that account.
pub fn registration(account: &str, id: &str) -> Registration {
    let agent = ResourceRef { kind: Kind::Agent, id: format!("agent-of-{account}").into() };
    Registration { resource: task(id), owner: Principal::user("owner"), tenant: account.into(), parent: Some(agent) }
}

/// Whether `who` may read a task.
pub async fn reads(engine: &dyn Authorizer, who: &str, id: &str) -> Result<bool, EngineError> {
    let check = [Check { resource: task(id), actions: Action::Read.into() }];
    let decisions = engine.check(&Principal::user(who), &check, READ).await?;
    Ok(decisions[0].allowed.contains(Action::Read))
}

/// Waits until what goes on beside the answers has come this far.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what} never comes true");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
