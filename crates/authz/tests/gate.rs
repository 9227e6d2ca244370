//! The gate's truth table: what the engine answers × whether the target has an id × the policy.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by stopping")]

use authz::{
    Action, ActionSet, Agent, Authorizer, Behalf, Bound, By, Check, Claims, Consistency, ConsistencyToken, Decision,
    Denial, DenialPolicy, EngineError, Gate, Guarded, Holder, Id, Kind, Lookup, Named, Permit, Principal, Refusal,
    Registration, Relation, Relationship, ResourceRef, Role, Target, Task, Tenant,
    action::{Create, Execute, Read, Share, Update},
};
use futures::executor::block_on;
use std::sync::{Arc, Mutex};

/// An engine that answers what it is told to, and remembers what it was asked.
#[derive(Clone, Default)]
struct Scripted {
    /// What every check allows; `None` is an engine that does not answer.
    allows: Option<ActionSet>,
    /// How many decisions are missing.
    missing: usize,
    /// Of what kind nothing is allowed.
    refused: Option<Kind>,
    /// Whether it is to be asked about making tasks, and wants to know on whose behalf.
    asks_to_create: bool,
    asked: Arc<Mutex<Vec<Vec<Check>>>>,
    freshness: Arc<Mutex<Vec<Consistency>>>,
    written: Arc<Mutex<Vec<Relationship>>>,
    behalves: Arc<Mutex<Vec<Behalf>>>,
}

#[async_trait::async_trait]
impl Authorizer for Scripted {
    async fn check(
        &self,
        _: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.asked.lock().unwrap().push(checks.to_vec());
        self.freshness.lock().unwrap().push(consistency.clone());
        let allowed = self.allows.ok_or_else(|| EngineError::Unavailable("down".into()))?;
        let decide = |check: &Check| {
            let refused = self.refused == Some(check.resource.kind);
            Decision { allowed: if refused { ActionSet::empty() } else { allowed } }
        };
        Ok(checks.iter().skip(self.missing).map(decide).collect())
    }
    async fn lookup(
        &self,
        _: &Principal,
        _: Kind,
        _: Action,
        _: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        Err(EngineError::Unavailable("down".into()))
    }
    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.written.lock().unwrap().extend(registration.relationships());
        Ok(None)
    }
    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.written.lock().unwrap().retain(|relationship| relationship.resource != *resource);
        Ok(None)
    }
    async fn grant(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(Some(ConsistencyToken::new("granted")))
    }
    async fn revoke(&self, edges: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(edges.iter().all(|edge| edge.relation == Relation::Editor).then(|| ConsistencyToken::new("revoked")))
    }
    async fn holders(&self, _: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        Ok(Vec::new())
    }
    fn on_behalf(&self, behalf: &Behalf) -> Option<Bound> {
        self.behalves.lock().unwrap().push(behalf.clone());
        self.asks_to_create.then(|| Bound { engine: Arc::new(self.clone()), asks_to_create: true })
    }
}

fn gate(engine: &Arc<Scripted>, policy: DenialPolicy) -> Gate {
    Gate::new(Principal::user("alice"), Id::new("acme"), engine.clone(), policy)
}

fn allowing(allows: impl Into<ActionSet>) -> Arc<Scripted> {
    Arc::new(Scripted { allows: Some(allows.into()), ..Scripted::default() })
}

fn outcome(engine: &Arc<Scripted>, policy: DenialPolicy, target: &Target<Task>) -> &'static str {
    match block_on(gate(engine, policy).permit::<Task, Update>(target)) {
        Ok(_) => "permit",
        Err(Refusal::Denied(Denial::Hidden { .. })) => "hidden",
        Err(Refusal::Denied(Denial::Forbidden { .. })) => "forbidden",
        Err(Refusal::Unavailable(_)) => "unavailable",
    }
}

#[test]
fn the_truth_table() {
    use DenialPolicy::{Hide, Split};
    let there = || Target::typed("t1");
    let absent = || Target::found(By::Name, "nobody", None);
    let unspeakable = || Target::typed("a\u{0}b");
    let nothing = ActionSet::empty();
    for (allows, policy, target, expected) in [
        (Action::Read | Action::Update, Hide, there(), "permit"),
        (Action::Read | Action::Update, Split, there(), "permit"),
        (Action::Update.into(), Hide, there(), "permit"),
        (Action::Read.into(), Hide, there(), "hidden"),
        (Action::Read.into(), Split, there(), "forbidden"),
        (nothing, Hide, there(), "hidden"),
        (nothing, Split, there(), "hidden"),
        // Even an engine that allows everything cannot allow what has no id.
        (ActionSet::all(), Hide, absent(), "hidden"),
        (ActionSet::all(), Split, absent(), "hidden"),
        (ActionSet::all(), Hide, unspeakable(), "hidden"),
        // An engine that allows what it was not asked about has not allowed it.
        (Action::Delete | Action::Cancel, Hide, there(), "hidden"),
    ] {
        assert_eq!(outcome(&allowing(allows), policy, &target), expected, "{allows:?} {policy:?} {target:?}");
    }
}

#[test]
fn engine_trouble_fails_closed() {
    let down = Arc::new(Scripted::default());
    let short = Arc::new(Scripted { allows: Some(ActionSet::all()), missing: 1, ..Scripted::default() });
    for engine in [down, short] {
        assert_eq!(outcome(&engine, DenialPolicy::Hide, &Target::typed("t1")), "unavailable");
    }
    let scope = block_on(gate(&Arc::new(Scripted::default()), DenialPolicy::Hide).scope::<Task, Read>());
    assert!(matches!(scope.map(|_| ()), Err(Refusal::Unavailable(_))));
}

#[test]
fn absent_costs_what_foreign_costs_and_sounds_the_same() {
    let engine = allowing(ActionSet::empty());
    let gate = gate(&engine, DenialPolicy::Hide);
    let foreign = Target::<Task>::found(By::Name, "plan", Some(Id::new("t1")));
    let absent = Target::<Task>::found(By::Name, "plan", None);
    let said: Vec<_> = [foreign, absent]
        .iter()
        .map(|target| block_on(gate.permit::<Task, Read>(target)).map(|_| ()).unwrap_err().to_string())
        .collect();
    assert_eq!(said, ["Item with name 'plan' does not exist."; 2]);
    let asked = engine.asked.lock().unwrap();
    assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1], "one call of one check each");
}

#[test]
fn a_batch_is_one_call_and_keeps_its_order() {
    let engine = allowing(Action::Read);
    let targets: Vec<_> = ["a", "b", "a"].into_iter().map(Target::<Task>::typed).collect();
    let grants = block_on(gate(&engine, DenialPolicy::Hide).grants(&targets, Action::Read | Action::Share)).unwrap();
    let ids: Vec<_> = grants.iter().map(|grants| grants.permit::<Read>().unwrap().id().to_string()).collect();
    assert_eq!(ids, ["a", "b", "a"]);
    assert!(grants.iter().all(|grants| !grants.can(Action::Share)));
    assert_eq!(engine.asked.lock().unwrap().len(), 1);
    assert!(block_on(gate(&engine, DenialPolicy::Hide).grants::<Task>(&[], ActionSet::all())).unwrap().is_empty());
    assert_eq!(engine.asked.lock().unwrap().len(), 1, "nothing to ask, nothing asked");
}

#[test]
fn two_kinds_are_one_call_each_with_its_own_actions() {
    let engine = allowing(Action::Read | Action::Update);
    let gate = gate(&engine, DenialPolicy::Hide);
    let tasks: Vec<_> = ["a", "b"].into_iter().map(Target::<Task>::typed).collect();
    let agents = [Target::<Agent>::typed("a"), Target::found(By::Id, "none", None)];
    let both = (tasks.as_slice(), Action::Read.into());
    let (of_tasks, of_agents) = block_on(gate.grants_of_both(both, (&agents, Action::Read | Action::Update))).unwrap();
    let can = [Action::Read, Action::Update];
    assert_eq!(
        of_tasks.iter().map(|grants| can.map(|action| grants.can(action))).collect::<Vec<_>>(),
        [[true, false]; 2]
    );
    assert_eq!(
        of_agents.iter().map(|grants| can.map(|action| grants.can(action))).collect::<Vec<_>>(),
        [[true; 2], [false; 2]]
    );
    let asked = engine.asked.lock().unwrap();
    let kinds: Vec<_> =
        asked.iter().map(|checks| checks.iter().map(|check| check.resource.kind).collect::<Vec<_>>()).collect();
    assert_eq!(kinds, [[Kind::Task, Kind::Task, Kind::Agent, Kind::Agent]]);
    drop(asked);
    let short = Arc::new(Scripted { allows: Some(ActionSet::all()), missing: 1, ..Scripted::default() });
    let nothing = block_on(self::gate(&short, DenialPolicy::Hide).grants_of_both(both, (&agents, ActionSet::all())));
    assert!(matches!(nothing.map(|_| ()), Err(Refusal::Unavailable(_))));
}

#[test]
fn a_permit_opens_only_what_is_of_its_own_resource() {
    let engine = allowing(ActionSet::all());
    let permit = |id| block_on(gate(&engine, DenialPolicy::Hide).permit::<Task, Read>(&Target::typed(id))).unwrap();
    let guarded = Guarded::<_, Task, Read>::new(Id::new("t1"), "secret");
    assert_eq!(guarded.open(&permit("t1")), Some(&"secret"));
    assert_eq!(guarded.open(&permit("t2")), None);
}

#[test]
fn a_registration_says_who_where_and_under_what_and_writes_nothing() {
    let engine = allowing(ActionSet::all());
    let gate = gate(&engine, DenialPolicy::Hide);
    let agent: Permit<Agent, Execute> = block_on(gate.permit(&Target::typed("a1"))).unwrap();
    let registration = gate.registration_of_task(&agent, &Id::new("t1"));
    let task = ResourceRef { kind: Kind::Task, id: "t1".into() };
    let edge = |relation, kind, id: &str| Relationship {
        resource: task.clone(),
        relation,
        subject_kind: kind,
        subject_id: id.into(),
    };
    let expected = [
        edge(Relation::Owner, "user".into(), "alice"),
        edge(Relation::Tenant, "tenant".into(), "acme"),
        edge(Relation::ParentAgent, "agent".into(), "a1"),
    ];
    assert_eq!(registration.relationships(), expected);
    let agent: Permit<Agent, Create> = block_on(gate.permit(&Target::typed("a1"))).unwrap();
    let of_key = gate.registration_of_api_key(&agent, &Id::new("k1")).relationships();
    let key = ResourceRef { kind: Kind::ApiKey, id: "k1".into() };
    assert_eq!(of_key, expected.map(|edge| Relationship { resource: key.clone(), ..edge }), "as of a task");
    assert!(engine.written.lock().unwrap().is_empty());
}

#[test]
fn making_a_task_takes_what_the_engine_asks_for() {
    let outcome = |engine: Scripted, policy| {
        let engine = Arc::new(engine);
        let permit = block_on(gate(&engine, policy).permit_to_create_tasks(&Target::typed("a1")));
        let asked = std::mem::take(&mut *engine.asked.lock().unwrap());
        assert_eq!(asked.len(), 1, "one engine call");
        let outcome = match permit {
            Ok(permit) => permit.id().to_string(),
            Err(Refusal::Denied(Denial::Hidden { .. })) => "hidden".to_owned(),
            Err(Refusal::Denied(Denial::Forbidden { .. })) => "forbidden".to_owned(),
            Err(Refusal::Unavailable(_)) => "unavailable".to_owned(),
        };
        (outcome, asked[0].len())
    };
    let all = Scripted { allows: Some(ActionSet::all()), ..Scripted::default() };
    let asking = Scripted { asks_to_create: true, ..all.clone() };
    let without = |refused| Scripted { refused: Some(refused), ..asking.clone() };
    for (engine, hide, split, asked) in [
        (all.clone(), "a1", "a1", 1),
        (Scripted { refused: Some(Kind::Task), ..all.clone() }, "a1", "a1", 1),
        (asking.clone(), "a1", "a1", 2),
        (without(Kind::Task), "hidden", "forbidden", 2),
        (without(Kind::Agent), "hidden", "hidden", 2),
        (Scripted { missing: 1, ..asking.clone() }, "unavailable", "unavailable", 2),
        (Scripted { missing: 2, ..asking.clone() }, "unavailable", "unavailable", 2),
        (Scripted { allows: None, ..asking.clone() }, "unavailable", "unavailable", 2),
    ] {
        assert_eq!(outcome(engine.clone(), DenialPolicy::Hide), (hide.to_owned(), asked));
        assert_eq!(outcome(engine, DenialPolicy::Split), (split.to_owned(), asked));
    }
}

#[test]
fn an_engine_is_told_on_whose_behalf_it_is_asked() {
    let engine = allowing(ActionSet::all());
    let alice = Principal::user("alice");
    let claims = Some(Claims::new(alice.clone(), r#"{"secret": "hush"}"#));
    let behalf = Behalf { tenant: Id::new("acme"), claims };
    let gate = Gate::on_behalf(alice, behalf.clone(), engine.clone(), DenialPolicy::Hide);
    assert_eq!(gate.tenant().as_str(), "acme");
    assert_eq!(*engine.behalves.lock().unwrap(), std::slice::from_ref(&behalf));
    assert!(!format!("{behalf:?}").contains("hush"));
}

#[test]
fn ids_and_principals_are_read_strictly() {
    for bad in ["", "a\nb", "a\u{0}", &"x".repeat(256)] {
        assert!(Id::<Tenant>::parse(bad).is_err(), "{bad:?}");
    }
    for good in ["x", "01920000-0000-7000-8000-000000000000", "naïve id", &"x".repeat(255)] {
        assert_eq!(Id::<Tenant>::parse(good).unwrap().as_str(), good);
    }
    for bad in ["alice", "user:", ":alice", "tenant:acme", "USER:alice"] {
        assert!(bad.parse::<Principal>().is_err(), "{bad:?}");
    }
    assert_eq!("service_account:ci".parse::<Principal>().unwrap(), Principal::service_account("ci"));
}

#[test]
fn what_is_to_be_changed_is_asked_of_this_moment() {
    use Consistency::{AtLeastAsFresh, FullyConsistent, MinimizeLatency};
    let engine = allowing(ActionSet::all());
    let (gate, target) = (gate(&engine, DenialPolicy::Split), Target::typed("t1"));
    let token = ConsistencyToken::new("z1");
    let _ = block_on(gate.permit::<Task, Read>(&target)).unwrap();
    let _ = block_on(gate.permit::<Task, Update>(&target)).unwrap();
    let _ = block_on(gate.grants::<Task>(std::slice::from_ref(&target), ActionSet::all())).unwrap();
    let _ = block_on(gate.at_least_as_fresh(&token).permit::<Task, Read>(&target)).unwrap();
    let _ = block_on(gate.writing().permit::<Task, Read>(&target)).unwrap();
    let _ = block_on(gate.writing().grants::<Task>(std::slice::from_ref(&target), ActionSet::all())).unwrap();
    let asked = std::mem::take(&mut *engine.freshness.lock().unwrap());
    let (fast, now) = (MinimizeLatency, FullyConsistent);
    assert_eq!(asked, [fast.clone(), now.clone(), fast, AtLeastAsFresh(token), now.clone(), now]);
}

/// A row that was found is one that the engine knew of: what it is asked about it is no older than that.
#[test]
fn a_row_that_a_name_led_to_is_asked_about_as_fresh_as_it_is() {
    use Consistency::{AtLeastAsFresh, FullyConsistent, MinimizeLatency};
    let engine = allowing(ActionSet::all());
    let gate = gate(&engine, DenialPolicy::Hide);
    let token = |text: &str| ConsistencyToken::new(text);
    let row = |id: &str, token| Target::<Task>::named("n", Some(Named { id: Id::new(id), token }));
    let (plain, one, other) = (row("t1", None), row("t2", Some(token("a"))), row("t3", Some(token("b"))));
    let asked = |gate: &Gate, targets: &[&Target<Task>]| {
        let targets: Vec<_> = targets.iter().map(|target| (*target).clone()).collect();
        block_on(gate.grants(&targets, Action::Read.into())).unwrap();
        engine.freshness.lock().unwrap().pop().unwrap()
    };
    assert_eq!(asked(&gate, &[&plain, &Target::named("nobody's", None)]), MinimizeLatency);
    assert_eq!(asked(&gate, &[&plain, &one, &one]), AtLeastAsFresh(token("a")));
    assert_eq!(asked(&gate, &[&one, &other]), FullyConsistent, "nobody knows which is the later");
    let fresh = gate.at_least_as_fresh(&token("a"));
    assert_eq!(asked(&fresh, &[&plain]), AtLeastAsFresh(token("a")));
    assert_eq!(asked(&fresh, &[&one]), AtLeastAsFresh(token("a")));
    assert_eq!(asked(&fresh, &[&other]), FullyConsistent);
    assert_eq!(asked(&gate.writing(), &[&one]), FullyConsistent);
    let _ = block_on(gate.permit::<Task, Read>(&one)).unwrap();
    let agent = Target::<Agent>::typed("a1");
    block_on(gate.grants_of_both((&[agent], Action::Read.into()), (&[one], Action::Read.into()))).unwrap();
    assert_eq!(*engine.freshness.lock().unwrap(), vec![AtLeastAsFresh(token("a")); 2]);
}

#[test]
fn of_what_a_request_writes_the_last_token_is_told() {
    let engine = allowing(ActionSet::all());
    let gate = gate(&engine, DenialPolicy::Hide);
    let told = || gate.receipt().token().map(|token| token.as_str().to_owned());
    let permit = block_on(gate.permit::<Task, Share>(&Target::typed("t1"))).unwrap();
    let bob = Principal::user("bob");
    assert_eq!(told(), None);
    block_on(gate.share(&permit, Role::Editor, &bob)).unwrap();
    assert_eq!(told().as_deref(), Some("granted"));
    block_on(gate.writing().unshare(&permit, Role::Editor, &bob)).unwrap();
    assert_eq!(told().as_deref(), Some("revoked"), "by whichever gate of the request");
    block_on(gate.unshare(&permit, Role::Viewer, &bob)).unwrap();
    assert_eq!(told().as_deref(), Some("revoked"), "what any answer knows of changes nothing");
}
