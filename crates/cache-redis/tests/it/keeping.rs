//! What one node keeps, and what it asks the engine.

use crate::common::{Counted, READ, reads, settings, somebody, task, viewer};
use async_trait::async_trait;
use authz::{
    Action, ActionSet, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Extent, Holder, Kind,
    Lookup, Principal, Registration, Relation, Relationship, ResourceRef,
};
use authz_graph::MemoryGraph;
use cache_redis::{DecisionCache, Settings};
use conformance::fresh;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

fn node() -> (DecisionCache, Counted) {
    let engine = Counted::new(MemoryGraph::new());
    (DecisionCache::in_process(Arc::new(engine.clone()), &settings()), engine)
}

#[tokio::test]
async fn what_is_known_to_be_allowed_is_not_asked_again() {
    let (cache, engine) = node();
    let (who, task) = (somebody(), task());
    cache.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&cache, &who, &task).await);
    assert_eq!(engine.calls(), 1);
    for _ in 0..10 {
        assert!(reads(&cache, &who, &task).await);
    }
    assert_eq!(engine.calls(), 1);
}

#[tokio::test]
async fn denials_are_asked_again() {
    let (cache, engine) = node();
    let (who, task) = (somebody(), task());
    for calls in 1..4 {
        assert!(!reads(&cache, &who, &task).await);
        assert_eq!(engine.calls(), calls);
    }
    // Written by somebody else, whom nobody listens to.
    engine.engine.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&cache, &who, &task).await);
}

#[tokio::test]
async fn only_what_is_not_known_is_asked_and_answers_stay_in_order() {
    let (cache, engine) = node();
    let (who, known, other) = (somebody(), task(), task());
    cache.grant(&viewer(&known, &who)).await.unwrap();
    assert!(reads(&cache, &who, &known).await);
    let check = |resource: &ResourceRef, actions: ActionSet| Check { resource: resource.clone(), actions };
    let checks = [
        check(&other, Action::Read.into()),
        check(&known, Action::Read | Action::Update),
        check(&known, Action::Read.into()),
    ];
    let decisions = cache.check(&who, &checks, READ).await.unwrap();
    let allowed: Vec<_> = decisions.iter().map(|decision| decision.allowed).collect();
    assert_eq!(allowed, [ActionSet::empty(), Action::Read.into(), Action::Read.into()]);
    let asked = [check(&other, Action::Read.into()), check(&known, Action::Update.into())];
    assert_eq!(engine.last().0, asked);
}

#[tokio::test]
async fn whatever_changes_something_is_asked_of_the_engine() {
    let (cache, engine) = node();
    let (who, task) = (somebody(), task());
    cache.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&cache, &who, &task).await);
    let check = [Check { resource: task, actions: Action::Read.into() }];
    for _ in 0..2 {
        let before = engine.calls();
        assert_eq!(cache.check(&who, &check, &Consistency::FullyConsistent).await.unwrap().len(), 1);
        cache.lookup(&who, Kind::Task, Action::Read, Some(10), &Consistency::FullyConsistent).await.unwrap();
        assert_eq!(engine.calls(), before + 2);
        assert_eq!(engine.last().1, Consistency::FullyConsistent);
    }
}

fn as_fresh_as(token: &str) -> Consistency {
    Consistency::AtLeastAsFresh(ConsistencyToken::new(token))
}

/// Of two tokens nobody knows which is the later, so what was answered to one is no answer to another, nor to none.
#[tokio::test]
async fn what_is_asked_as_fresh_as_a_token_is_kept_for_that_token() {
    let engine = Counted::new(Named(MemoryGraph::new()));
    let cache = DecisionCache::in_process(Arc::new(engine.clone()), &Settings { window: Duration::ZERO, ..settings() });
    let (who, task) = (somebody(), task());
    cache.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&cache, &who, &task).await);
    let check = [Check { resource: task.clone(), actions: Action::Read.into() }];
    for (token, calls) in [("a", 2), ("a", 2), ("b", 4), ("a", 4), ("b", 4)] {
        let fresh = as_fresh_as(token);
        assert_eq!(cache.check(&who, &check, &fresh).await.unwrap()[0].allowed, ActionSet::only(Action::Read));
        cache.lookup(&who, Kind::Task, Action::Read, Some(10), &fresh).await.unwrap();
        assert_eq!(engine.calls(), 1 + calls, "{token}");
    }
    cache.revoke(&viewer(&task, &who)).await.unwrap();
    for token in ["a", "b"] {
        assert!(cache.check(&who, &check, &as_fresh_as(token)).await.unwrap()[0].allowed.is_empty());
    }
}

/// Whoever brings a token is not told of an older moment than whoever brings none.
#[tokio::test]
async fn a_token_does_not_make_a_question_less_fresh() {
    let mut engine = Counted::new(MemoryGraph::new());
    engine.token = Some(ConsistencyToken::new("written"));
    let (who, task) = (somebody(), task());
    let check = [Check { resource: task.clone(), actions: Action::Read.into() }];
    let node = |window| DecisionCache::in_process(Arc::new(engine.clone()), &Settings { window, ..settings() });
    let started = node(Duration::from_secs(30));
    let _ = started.check(&who, &check, &as_fresh_as("a")).await.unwrap();
    assert_eq!(engine.last().1, Consistency::FullyConsistent, "it does not know what was written before");
    let window = Duration::from_millis(200);
    let cache = node(window);
    tokio::time::sleep(window).await;
    let _ = cache.check(&who, &check, &as_fresh_as("a")).await.unwrap();
    assert_eq!(engine.last().1, as_fresh_as("a"));
    cache.revoke(&viewer(&task, &who)).await.unwrap();
    let _ = cache.check(&who, &check, &as_fresh_as("written")).await.unwrap();
    assert_eq!(engine.last().1, as_fresh_as("written"));
    let _ = cache.check(&who, &check, &as_fresh_as("a")).await.unwrap();
    assert_eq!(engine.last().1, Consistency::FullyConsistent, "nobody knows which is the later");
}

/// A change at the parent would have to let go of them, and nobody knows of whom it is the parent.
#[tokio::test]
async fn what_is_inherited_is_always_asked_and_of_this_moment() {
    let (cache, engine) = node();
    let (owner, tenant) = (somebody(), fresh("tenant"));
    let key = ResourceRef { kind: Kind::ApiKey, id: fresh("key").into() };
    let agent = ResourceRef { kind: Kind::Agent, id: fresh("agent").into() };
    let registration =
        Registration { resource: key.clone(), owner: owner.clone(), tenant: tenant.into(), parent: Some(agent) };
    cache.register(&registration).await.unwrap();
    for calls in 1..4 {
        assert!(reads(&cache, &owner, &key).await);
        assert_eq!((engine.calls(), engine.last().1), (calls, Consistency::FullyConsistent));
    }
}

#[tokio::test]
async fn short_lists_are_kept_until_something_in_them_changes() {
    // The graph in memory does not name ids: this one does.
    let engine = Counted::new(Named(MemoryGraph::new()));
    let cache = DecisionCache::in_process(Arc::new(engine.clone()), &settings());
    let (who, task) = (somebody(), task());
    cache.grant(&viewer(&task, &who)).await.unwrap();
    let list = async |most| cache.lookup(&who, Kind::Task, Action::Read, most, READ).await.unwrap();
    let named = |lookup: &Lookup| matches!(lookup, Lookup::Within(Extent::Ids(ids)) if ids.contains(&task.id));
    for _ in 0..3 {
        assert!(named(&list(Some(10)).await));
    }
    assert_eq!(engine.calls(), 1);
    assert!(named(&list(None).await) && named(&list(None).await));
    assert_eq!(engine.calls(), 3, "a list without a bound is not kept");
    cache.deregister(&task).await.unwrap();
    assert!(!named(&list(Some(10)).await));
}

/// The graph in memory, which names what is found.
struct Named(MemoryGraph);

#[async_trait]
impl Authorizer for Named {
    async fn check(
        &self,
        who: &Principal,
        checks: &[Check],
        fresh: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.0.check(who, checks, fresh).await
    }

    async fn lookup(
        &self,
        who: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        fresh: &Consistency,
    ) -> Result<Lookup, EngineError> {
        let found = self.0.lookup(who, kind, action, most, fresh).await?;
        let Lookup::Within(Extent::Where(is_in)) = found else { return Ok(found) };
        let known = authz::RegistrationScan::page(&self.0, kind, None, 1_000).await?;
        Ok(Lookup::ids(known.into_iter().map(|known| known.id).filter(|id| is_in(id)).collect()))
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.0.register(registration).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.0.deregister(resource).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.0.grant(relationships).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.0.revoke(relationships).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.0.holders(resources).await
    }
}

/// An engine whose answers to checks wait, once they are known, until they are let go; and whose writes say that
/// they did not apply in time, though they did.
pub struct Held {
    pub graph: MemoryGraph,
    /// One permit for each answer that is on its way.
    pub known: Semaphore,
    pub let_go: Semaphore,
    pub writes_time_out: bool,
}

impl Held {
    pub fn new(graph: MemoryGraph) -> Self {
        Self { graph, known: Semaphore::new(0), let_go: Semaphore::new(0), writes_time_out: false }
    }
}

#[async_trait]
impl Authorizer for Held {
    async fn check(
        &self,
        who: &Principal,
        checks: &[Check],
        fresh: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        let decisions = self.graph.check(who, checks, fresh).await;
        self.known.add_permits(1);
        self.let_go.acquire().await.unwrap().forget();
        decisions
    }

    async fn lookup(
        &self,
        who: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        fresh: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.graph.lookup(who, kind, action, most, fresh).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.register(registration).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.deregister(resource).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.grant(relationships).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        let revoked = self.graph.revoke(relationships).await;
        if self.writes_time_out { Err(EngineError::TimedOut) } else { revoked }
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.graph.holders(resources).await
    }
}

#[tokio::test]
async fn an_answer_that_is_on_its_way_during_an_eviction_is_not_kept() {
    let engine = Arc::new(Held::new(MemoryGraph::new()));
    let cache = Arc::new(DecisionCache::in_process(engine.clone(), &settings()));
    let (who, task) = (somebody(), task());
    cache.grant(&viewer(&task, &who)).await.unwrap();
    let asked = {
        let (cache, who, task) = (Arc::clone(&cache), who.clone(), task.clone());
        tokio::spawn(async move { reads(&*cache, &who, &task).await })
    };
    engine.known.acquire().await.unwrap().forget();
    cache.revoke(&viewer(&task, &who)).await.unwrap();
    engine.let_go.add_permits(2);
    assert!(asked.await.unwrap(), "it was asked before");
    assert!(!reads(&*cache, &who, &task).await);
}

#[tokio::test]
async fn a_write_that_timed_out_evicts_all_the_same() {
    let mut engine = Held::new(MemoryGraph::new());
    engine.writes_time_out = true;
    engine.let_go.add_permits(10);
    let cache = DecisionCache::in_process(Arc::new(engine), &settings());
    let (who, task) = (somebody(), task());
    cache.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&cache, &who, &task).await);
    assert!(matches!(cache.revoke(&viewer(&task, &who)).await, Err(EngineError::TimedOut)));
    assert!(!reads(&cache, &who, &task).await);
}

#[tokio::test]
async fn what_somebody_else_changed_is_let_go_of_when_it_is_told() {
    let (cache, engine) = node();
    let (who, task) = (somebody(), task());
    let tenant = ResourceRef { kind: Kind::Tenant, id: fresh("tenant").into() };
    let member = Relationship::held(tenant, Relation::Member, &who);
    engine.engine.grant(&viewer(&task, &who)).await.unwrap();
    for changed in [viewer(&task, &who).to_vec(), vec![member]] {
        assert!(reads(&cache, &who, &task).await && reads(&cache, &who, &task).await);
        let before = engine.calls();
        cache.forget(&changed, ConsistencyToken::new("then")).await;
        assert!(reads(&cache, &who, &task).await);
        assert_eq!(engine.calls(), before + 1);
    }
    let before = engine.calls();
    cache.forget_everything().await;
    assert!(reads(&cache, &who, &task).await);
    assert_eq!(engine.calls(), before + 1);
}
