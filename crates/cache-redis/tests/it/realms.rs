//! An engine that judges by more than the principal: sessions do not borrow each other's rights.

use crate::common::{Counted, READ, held, reads, redis, settings, shared, somebody, task, until, viewer};
use async_trait::async_trait;
use authz::{
    Action, ActionSet, Authorizer, Behalf, Bound, Check, Claims, Consistency, ConsistencyToken, Decision, EVERY,
    EngineError, Extent, Holder, Id, Kind, Lookup, Principal, Registration, Relationship, ResourceRef,
};
use authz_graph::MemoryGraph;
use cache_redis::DecisionCache;
use proptest::prelude::*;
use std::{collections::BTreeSet, sync::Arc};

/// The graph, for whoever is bound to the account `acme` and was said to be trusted; to anybody else it says no. It
/// names what it finds.
#[derive(Clone)]
struct Judging {
    graph: MemoryGraph,
    asked: Counted,
    trusts: bool,
}

impl Judging {
    fn new() -> Self {
        let graph = MemoryGraph::new();
        Self { asked: Counted::new(graph.clone()), graph, trusts: false }
    }
}

fn behalf(tenant: &str, who: &Principal, json: &str) -> Behalf {
    Behalf { tenant: Id::new(tenant), claims: Some(Claims::new(who.clone(), json)) }
}

const TRUSTED: &str = r#"{"trusted": true}"#;

#[async_trait]
impl Authorizer for Judging {
    async fn check(
        &self,
        who: &Principal,
        checks: &[Check],
        fresh: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        let decisions = self.asked.check(who, checks, fresh).await?;
        let judged = decisions.into_iter().zip(checks).map(|(decision, check)| {
            let every = *check.resource.id == *EVERY;
            let allowed = if every { check.actions } else { decision.allowed };
            Decision { allowed: if self.trusts { allowed } else { ActionSet::empty() } }
        });
        Ok(judged.collect())
    }

    async fn lookup(
        &self,
        who: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        fresh: &Consistency,
    ) -> Result<Lookup, EngineError> {
        match self.asked.lookup(who, kind, action, most, fresh).await? {
            _ if !self.trusts => Ok(Lookup::nothing()),
            Lookup::Within(Extent::Where(may)) => {
                let known = authz::RegistrationScan::page(&self.graph, kind, None, u32::MAX).await?;
                Ok(Lookup::ids(known.into_iter().map(|known| known.id).filter(|id| may(id)).collect()))
            }
            found @ (Lookup::Within(_) | Lookup::Among(_) | Lookup::TooMany) => Ok(found),
        }
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
        self.graph.revoke(relationships).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.graph.holders(resources).await
    }

    fn on_behalf(&self, behalf: &Behalf) -> Option<Bound> {
        let said = behalf.claims.as_ref().is_some_and(|claims| {
            let everybody = ["ada", "bob"].map(Principal::user);
            everybody.iter().any(|who| claims.of(who).is_some_and(|json| json == TRUSTED))
        });
        let trusts = said && behalf.tenant.as_str() == "acme";
        Some(Bound { engine: Arc::new(Self { trusts, ..self.clone() }), asks_to_create: true })
    }
}

fn bound(engine: &dyn Authorizer, behalf: &Behalf) -> Arc<dyn Authorizer> {
    let Bound { engine, asks_to_create } = engine.on_behalf(behalf).unwrap();
    assert!(asks_to_create, "what the engine asks for is passed on");
    engine
}

fn ada() -> Principal {
    Principal::user("ada")
}

/// The sessions of one person: who is trusted, who is not, who works in another account, and nobody in particular.
fn sessions(cache: &DecisionCache) -> [(Arc<dyn Authorizer>, bool); 4] {
    let of = |behalf: &Behalf| bound(cache, behalf);
    [
        (of(&behalf("acme", &ada(), TRUSTED)), true),
        (of(&behalf("acme", &ada(), r#"{"trusted": false}"#)), false),
        (of(&behalf("other", &ada(), TRUSTED)), false),
        (of(&Behalf { tenant: Id::new("acme"), claims: None }), false),
    ]
}

async fn lists(engine: &dyn Authorizer, who: &Principal, task: &ResourceRef) -> bool {
    let found = engine.lookup(who, Kind::Task, Action::Read, Some(10), READ).await.unwrap();
    matches!(found, Lookup::Within(Extent::Ids(ids)) if ids.contains(&task.id))
}

/// In any order, and twice: what one has learnt does not help the other.
async fn are_apart(cache: &DecisionCache) {
    let task = task();
    let sessions = sessions(cache);
    sessions[0].0.grant(&viewer(&task, &ada())).await.unwrap();
    for round in 0..3 {
        for (session, may) in sessions.iter().chain(sessions.iter().rev()) {
            assert_eq!(reads(&**session, &ada(), &task).await, *may, "round {round}");
        }
        assert!(!reads(cache, &ada(), &task).await, "who asks on nobody's behalf borrows nothing either");
    }
}

#[tokio::test]
async fn sessions_of_one_person_do_not_borrow_each_other_s_rights_in_process() {
    let engine = Judging::new();
    let cache = DecisionCache::in_process(Arc::new(engine.clone()), &settings());
    are_apart(&cache).await;
    let (who, task) = (ada(), task());
    let [(trusted, _), others @ ..] = sessions(&cache);
    trusted.grant(&viewer(&task, &who)).await.unwrap();
    assert!(lists(&*trusted, &who, &task).await);
    let before = engine.asked.calls();
    assert!(lists(&*trusted, &who, &task).await);
    assert_eq!(engine.asked.calls(), before, "it is kept");
    for (other, _) in others {
        assert!(!lists(&*other, &who, &task).await);
    }
    // The same session of a later request: bound anew, it finds what was kept.
    let again = bound(&cache, &behalf("acme", &who, TRUSTED));
    assert!(reads(&*again, &who, &task).await);
    let before = engine.asked.calls();
    let again = bound(&cache, &behalf("acme", &who, TRUSTED));
    assert!(reads(&*again, &who, &task).await && lists(&*again, &who, &task).await);
    assert_eq!(engine.asked.calls(), before);
}

/// Two nodes, each with an engine of its own count.
async fn two() -> [(DecisionCache, Judging); 2] {
    let (engine, redis) = (Judging::new(), redis());
    let node = || {
        let engine = Judging { asked: Counted::new(engine.graph.clone()), ..engine.clone() };
        (shared(Arc::new(engine.clone()), &redis), engine)
    };
    let nodes = [node(), node()];
    for (cache, _) in &nodes {
        held(cache).await;
    }
    nodes
}

#[tokio::test]
async fn nor_by_way_of_redis() {
    let [(one, _), (other, not_asked)] = two().await;
    are_apart(&one).await;
    let who = ada();
    // The same session at another node finds it there; no other does.
    until("a shared decision", async || {
        let task = task();
        let [(here, _), ..] = sessions(&one);
        here.grant(&viewer(&task, &who)).await.unwrap();
        assert!(reads(&*here, &who, &task).await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        for (there, may) in sessions(&other).iter().skip(1) {
            assert_eq!(reads(&**there, &who, &task).await, *may);
        }
        let before = not_asked.asked.calls();
        let [(there, _), ..] = sessions(&other);
        assert!(reads(&*there, &who, &task).await);
        not_asked.asked.calls() == before
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_away_in_one_realm_is_gone_in_all() {
    let [(one, _), (other, _)] = two().await;
    let who = ada();
    let more = |cache: &DecisionCache| {
        // Claims that differ are realms that differ; this engine trusts whoever is said to be trusted.
        let session = |who: &Principal| bound(cache, &behalf("acme", who, TRUSTED));
        [session(&ada()), session(&Principal::user("bob"))]
    };
    for round in 0..20 {
        let task = task();
        one.grant(&viewer(&task, &who)).await.unwrap();
        let all: Vec<_> = more(&one).into_iter().chain(more(&other)).collect();
        for session in all.iter().chain(&all) {
            assert!(reads(&**session, &who, &task).await && lists(&**session, &who, &task).await);
        }
        let [(by, _), ..] = sessions(if round % 2 == 0 { &one } else { &other });
        by.revoke(&viewer(&task, &who)).await.unwrap();
        for session in all.iter().chain(&all) {
            assert!(!reads(&**session, &who, &task).await && !lists(&**session, &who, &task).await);
        }
    }
}

/// No write names it, so nothing would let go of it.
#[tokio::test]
async fn whether_anything_may_be_made_is_asked_each_time_and_of_this_moment() {
    let engine = Judging::new();
    let cache = DecisionCache::in_process(Arc::new(engine.clone()), &settings());
    let [(trusted, _), ..] = sessions(&cache);
    let check =
        [Check { resource: ResourceRef { kind: Kind::Task, id: EVERY.into() }, actions: Action::Create.into() }];
    for calls in 1..4 {
        let decisions = trusted.check(&ada(), &check, READ).await.unwrap();
        assert!(decisions[0].allowed.contains(Action::Create));
        assert_eq!((engine.asked.calls(), engine.asked.last().1), (calls, Consistency::FullyConsistent));
    }
}

#[tokio::test]
async fn an_engine_that_judges_by_the_principal_alone_is_not_bound() {
    let cache = DecisionCache::in_process(Arc::new(MemoryGraph::new()), &settings());
    assert!(cache.on_behalf(&behalf("acme", &somebody(), TRUSTED)).is_none());
    assert!(!format!("{cache:?}").contains("trusted"));
}

/// What is done in one session.
#[derive(Clone, Debug)]
enum Step {
    Read(usize, usize, usize),
    List(usize, usize),
    Give(usize, usize, usize),
    Take(usize, usize, usize),
    End(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (session, who, what) = (0..5_usize, 0..2_usize, 0..3_usize);
    prop_oneof![
        6 => (session.clone(), who.clone(), what.clone()).prop_map(|(s, w, t)| Step::Read(s, w, t)),
        2 => (session.clone(), who.clone()).prop_map(|(s, w)| Step::List(s, w)),
        2 => (session.clone(), who.clone(), what.clone()).prop_map(|(s, w, t)| Step::Give(s, w, t)),
        2 => (session.clone(), who, what.clone()).prop_map(|(s, w, t)| Step::Take(s, w, t)),
        1 => (session, what).prop_map(|(s, t)| Step::End(s, t)),
    ]
}

async fn list(engine: &dyn Authorizer, who: &Principal) -> BTreeSet<Arc<str>> {
    match engine.lookup(who, Kind::Task, Action::Read, Some(10), READ).await.unwrap() {
        Lookup::Within(Extent::Ids(ids)) => (*ids).clone(),
        Lookup::Within(_) | Lookup::Among(_) | Lookup::TooMany => panic!("it names what it finds"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever is done in whichever session: each is answered what the engine would answer it.
    #[test]
    fn a_session_is_answered_as_the_engine_would(steps in prop::collection::vec(step(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let engine = Judging::new();
            let cache = DecisionCache::in_process(Arc::new(engine.clone()), &settings());
            let people = ["ada", "bob"].map(Principal::user);
            let tasks = [(); 3].map(|()| task());
            let behalves = [
                behalf("acme", &people[0], TRUSTED),
                behalf("acme", &people[1], TRUSTED),
                behalf("acme", &people[0], "{}"),
                behalf("other", &people[0], TRUSTED),
                Behalf { tenant: Id::new("acme"), claims: None },
            ];
            for step in steps {
                match step {
                    Step::Read(session, who, task) => {
                        let (kept, asked) = (bound(&cache, &behalves[session]), bound(&engine, &behalves[session]));
                        let (who, task) = (&people[who], &tasks[task]);
                        assert_eq!(reads(&*kept, who, task).await, reads(&*asked, who, task).await);
                    }
                    Step::List(session, who) => {
                        let (kept, asked) = (bound(&cache, &behalves[session]), bound(&engine, &behalves[session]));
                        assert_eq!(list(&*kept, &people[who]).await, list(&*asked, &people[who]).await);
                    }
                    Step::Give(session, who, task) => {
                        let edge = viewer(&tasks[task], &people[who]);
                        bound(&cache, &behalves[session]).grant(&edge).await.unwrap();
                    }
                    Step::Take(session, who, task) => {
                        let edge = viewer(&tasks[task], &people[who]);
                        bound(&cache, &behalves[session]).revoke(&edge).await.unwrap();
                    }
                    Step::End(session, task) => {
                        bound(&cache, &behalves[session]).deregister(&tasks[task]).await.unwrap();
                    }
                }
            }
        });
    }
}
