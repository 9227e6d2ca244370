//! Callers cannot tell an engine with an index from one without, but for where lists are found.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Extent, Holder, Kind, Lookup,
    Principal, Registration, Relation, Relationship, ResourceRef,
};
use authz_graph::MemoryGraph;
use authz_index::{Indexed, Standing, TakenOut};
use std::{
    future::{Ready, ready},
    sync::Arc,
};

/// An engine whose index is kept, and complete.
fn indexed() -> (Arc<MemoryGraph>, Arc<MemoryGraph>, Arc<Standing>, Arc<dyn Authorizer>) {
    indexed_of(TakenOut::ByFollowing)
}

fn indexed_of(taken_out: TakenOut) -> (Arc<MemoryGraph>, Arc<MemoryGraph>, Arc<Standing>, Arc<dyn Authorizer>) {
    let (engine, index, standing) =
        (Arc::<MemoryGraph>::default(), Arc::<MemoryGraph>::default(), Arc::<Standing>::default());
    standing.is(true, true);
    let whole = Arc::new(Indexed::new(engine.clone(), index.clone(), standing.clone(), taken_out));
    (engine, index, standing, whole)
}

fn engine() -> Ready<Arc<dyn Authorizer>> {
    ready(indexed().3)
}

conformance::authorizer!(engine);
conformance::corpus!(engine);

fn task(id: &str) -> ResourceRef {
    ResourceRef { kind: Kind::Task, id: id.into() }
}

fn registration(id: &str, owner: &Principal) -> Registration {
    Registration { resource: task(id), owner: owner.clone(), tenant: "acme".into(), parent: None }
}

/// What an engine says of where somebody's tasks are.
async fn found(engine: &dyn Authorizer, who: &Principal, most: Option<usize>, asked: &Consistency) -> &'static str {
    match engine.lookup(who, Kind::Task, Action::Read, most, asked).await.unwrap() {
        Lookup::Among(Extent::Where(_)) => "in the index",
        Lookup::Within(_) => "by the engine",
        Lookup::Among(_) | Lookup::TooMany => "elsewhere",
    }
}

#[tokio::test]
async fn lists_are_found_in_it_unless_somebody_wants_more_than_it_knows() {
    let (_, _, standing, whole) = indexed();
    let alice = Principal::user("alice");
    whole.register(&registration("t", &alice)).await.unwrap();
    let quick = Consistency::MinimizeLatency;
    assert_eq!(found(&*whole, &alice, Some(10), &quick).await, "in the index");
    assert_eq!(found(&*whole, &alice, None, &quick).await, "by the engine", "all are to be named");
    let fresh = Consistency::AtLeastAsFresh(ConsistencyToken::new("then"));
    for asked in [Consistency::FullyConsistent, fresh] {
        assert_eq!(found(&*whole, &alice, Some(10), &asked).await, "by the engine", "{asked:?}");
    }
    standing.is(true, false);
    assert_eq!(found(&*whole, &alice, Some(10), &quick).await, "by the engine", "it is not complete");
}

/// Whether somebody's task may be in a list that is found in the index.
async fn is_among(whole: &dyn Authorizer, who: &Principal, id: &str) -> bool {
    let asked = Consistency::MinimizeLatency;
    let found = whole.lookup(who, Kind::Task, Action::Read, Some(10), &asked).await.unwrap();
    if let Lookup::Among(Extent::Where(holds)) = found { Some(holds(id)) } else { None }.unwrap()
}

#[tokio::test]
async fn it_holds_what_the_engine_holds_and_lets_go_of_what_is_gone() {
    let (_, index, standing, whole) = indexed();
    let (alice, bob) = (Principal::user("alice"), Principal::user("bob"));
    whole.register(&registration("t", &alice)).await.unwrap();
    let tenant = ResourceRef { kind: Kind::Tenant, id: "acme".into() };
    let member = [Relationship::held(tenant, Relation::Member, &bob)];
    let viewer = [Relationship::held(task("t"), Relation::Viewer, &bob)];
    whole.grant(&member).await.unwrap();
    whole.grant(&viewer).await.unwrap();
    assert!(is_among(&*whole, &alice, "t").await && is_among(&*whole, &bob, "t").await);
    // Taken away, it may be in the index still: the check of each row says that it is not to be seen.
    whole.revoke(&viewer).await.unwrap();
    assert!(is_among(&*whole, &bob, "t").await);
    index.revoke(&viewer).await.unwrap();
    assert!(!is_among(&*whole, &bob, "t").await, "whoever follows the engine has taken it out");
    whole.deregister(&task("t")).await.unwrap();
    assert!(!is_among(&*whole, &alice, "t").await);
    // What is not kept is not written.
    standing.is(false, false);
    whole.register(&registration("u", &alice)).await.unwrap();
    standing.is(true, true);
    assert!(!is_among(&*whole, &alice, "u").await);
}

/// While it is told of something, an index of it is begun.
struct Meanwhile(MemoryGraph, Arc<Standing>);

#[async_trait]
impl Authorizer for Meanwhile {
    async fn check(
        &self,
        who: &Principal,
        checks: &[Check],
        asked: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.0.check(who, checks, asked).await
    }

    async fn lookup(
        &self,
        who: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        asked: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.0.lookup(who, kind, action, most, asked).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.1.is(true, true);
        self.0.register(registration).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.0.deregister(resource).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.1.is(true, true);
        self.0.grant(relationships).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.0.revoke(relationships).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.0.holders(resources).await
    }
}

#[tokio::test]
async fn one_that_is_begun_while_the_engine_is_told_holds_what_it_is_told() {
    let (index, standing) = (Arc::<MemoryGraph>::default(), Arc::<Standing>::default());
    let engine = Arc::new(Meanwhile(MemoryGraph::default(), Arc::clone(&standing)));
    let whole = Indexed::new(engine, index, Arc::clone(&standing), TakenOut::ByRevoking);
    let (alice, bob) = (Principal::user("alice"), Principal::user("bob"));
    whole.register(&registration("t", &alice)).await.unwrap();
    assert!(is_among(&whole, &alice, "t").await);
    standing.is(false, false);
    whole.grant(&[Relationship::held(task("t"), Relation::Viewer, &bob)]).await.unwrap();
    assert!(is_among(&whole, &bob, "t").await);
}

#[tokio::test]
async fn of_an_engine_that_tells_nobody_whoever_revokes_takes_it_out() {
    let (_, _, standing, whole) = indexed_of(TakenOut::ByRevoking);
    let (alice, bob) = (Principal::user("alice"), Principal::user("bob"));
    whole.register(&registration("t", &alice)).await.unwrap();
    let tenant = ResourceRef { kind: Kind::Tenant, id: "acme".into() };
    whole.grant(&[Relationship::held(tenant, Relation::Member, &bob)]).await.unwrap();
    let viewer = [Relationship::held(task("t"), Relation::Viewer, &bob)];
    whole.grant(&viewer).await.unwrap();
    assert!(is_among(&*whole, &bob, "t").await);
    whole.revoke(&viewer).await.unwrap();
    assert!(!is_among(&*whole, &bob, "t").await);
    // What is not kept is not written.
    whole.grant(&viewer).await.unwrap();
    standing.is(false, false);
    whole.revoke(&viewer).await.unwrap();
    standing.is(true, true);
    assert!(is_among(&*whole, &bob, "t").await);
}
