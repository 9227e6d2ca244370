//! The invariant, against a model of two stores that fail in every way: after reconciling, rows and
//! relationships agree in both directions, whatever was dropped, refused, lost or late.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by stopping"
)]

use authz::{
    Action, Authorizer, Check, Decision, EngineError, Extent, Holder, IntentId, Kind, Principal, Registered,
    Registration, Relationship, ResourceRef,
};
use chrono::{DateTime, TimeDelta, Utc};
use dual_write::{
    Backlog, Circuit, CreateError, DualWrite, Event, Intent, Ledger, LedgerError, Observer, Op, Reconciler,
    RetryPolicy, Silent, Stage,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Every step takes this long, so that dropping a future after a while drops it between steps.
const STEP: Duration = Duration::from_millis(1);
const PATIENCE: TimeDelta = TimeDelta::seconds(100);

/// Both sides, and all that can go wrong with them.
struct World {
    rows: Mutex<BTreeSet<ResourceRef>>,
    intents: Mutex<BTreeMap<IntentId, Intent>>,
    relationships: Mutex<BTreeSet<ResourceRef>>,
    /// Registrations that timed out and will still apply.
    late: Mutex<Vec<ResourceRef>>,
    dice: Mutex<SmallRng>,
    /// How often things go wrong, in percent.
    trouble: Mutex<u32>,
    /// How far the ledger's clock is ahead.
    ahead: Mutex<TimeDelta>,
}

impl World {
    fn roll(&self, sides: u32) -> u32 {
        self.dice.lock().unwrap().random_range(0..sides)
    }

    fn goes_wrong(&self) -> bool {
        self.roll(100) < *self.trouble.lock().unwrap()
    }

    async fn ledger_step(&self) -> Result<(), LedgerError> {
        tokio::time::sleep(STEP).await;
        if self.goes_wrong() { Err(LedgerError("connection lost".into())) } else { Ok(()) }
    }

    /// The commit that persists a row. Its answer may be lost.
    async fn persist(&self, resource: ResourceRef, registered: Registered) -> Result<(), &'static str> {
        self.ledger_step().await.map_err(|_| "refused")?;
        {
            let mut intents = self.intents.lock().unwrap();
            match intents.get(registered.intent()) {
                Some(intent) if intent.stage == Stage::Open => intents.remove(registered.intent()),
                _ => return Err("superseded"),
            };
            self.rows.lock().unwrap().insert(resource);
        }
        self.ledger_step().await.map_err(|_| "answer lost")
    }

    /// The commit that removes a row. Its answer may be lost.
    async fn remove(&self, intent: &Intent) -> Result<bool, &'static str> {
        self.ledger_step().await.map_err(|_| "refused")?;
        let removed = self.rows.lock().unwrap().remove(&intent.resource);
        if removed {
            self.intents.lock().unwrap().insert(intent.id.clone(), intent.clone());
        }
        self.ledger_step().await.map_err(|_| "answer lost")?;
        Ok(removed)
    }
}

#[async_trait::async_trait]
impl Ledger for World {
    async fn open(&self, intent: &Intent) -> Result<(), LedgerError> {
        self.ledger_step().await?;
        self.intents.lock().unwrap().insert(intent.id.clone(), intent.clone());
        self.ledger_step().await
    }
    async fn close(&self, id: &IntentId) -> Result<bool, LedgerError> {
        self.ledger_step().await?;
        let mut intents = self.intents.lock().unwrap();
        let Some(intent) = intents.get_mut(id).filter(|intent| intent.stage == Stage::Open) else { return Ok(false) };
        intent.stage = Stage::Undoing;
        Ok(true)
    }
    async fn postpone(&self, id: &IntentId, stage: Stage, due_at: DateTime<Utc>) -> Result<(), LedgerError> {
        self.ledger_step().await?;
        if let Some(intent) = self.intents.lock().unwrap().get_mut(id) {
            (intent.stage, intent.due_at) = (stage, due_at);
        }
        Ok(())
    }
    async fn settle(&self, id: &IntentId) -> Result<(), LedgerError> {
        self.ledger_step().await?;
        self.intents.lock().unwrap().remove(id);
        Ok(())
    }
    async fn claim(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Intent>, LedgerError> {
        self.ledger_step().await?;
        let now = Utc::now() + *self.ahead.lock().unwrap();
        let mut intents = self.intents.lock().unwrap();
        let due = intents.values_mut().filter(|intent| intent.due_at <= now).take(limit as usize);
        Ok(due
            .map(|intent| {
                intent.due_at = now + lease;
                intent.attempts += 1;
                intent.clone()
            })
            .collect())
    }
    async fn backlog(&self) -> Result<Backlog, LedgerError> {
        let intents = self.intents.lock().unwrap();
        let oldest = intents.values().map(|intent| intent.opened_at).min();
        Ok(Backlog { pending: intents.len() as u64, oldest })
    }
}

#[async_trait::async_trait]
impl Authorizer for World {
    async fn register(&self, registration: &Registration) -> Result<(), EngineError> {
        tokio::time::sleep(STEP).await;
        let resource = registration.resource.clone();
        if self.goes_wrong() {
            match self.roll(4) {
                0 => return Err(EngineError::Unavailable("refused".into())),
                1 => return Err(EngineError::Malformed("what?".into())),
                2 => {
                    self.relationships.lock().unwrap().insert(resource);
                    return Err(EngineError::TimedOut);
                }
                _ => {
                    self.late.lock().unwrap().push(resource);
                    return Err(EngineError::TimedOut);
                }
            }
        }
        self.relationships.lock().unwrap().insert(resource);
        tokio::time::sleep(STEP).await;
        Ok(())
    }
    async fn deregister(&self, resource: &ResourceRef) -> Result<(), EngineError> {
        tokio::time::sleep(STEP).await;
        if self.goes_wrong() {
            return Err(EngineError::Unavailable("refused".into()));
        }
        self.relationships.lock().unwrap().remove(resource);
        tokio::time::sleep(STEP).await;
        Ok(())
    }
    async fn check(&self, _: &Principal, _: &[Check]) -> Result<Vec<Decision>, EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
    async fn lookup(&self, _: &Principal, _: Kind, _: Action) -> Result<Extent, EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
    async fn grant(&self, _: &[Relationship]) -> Result<(), EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
    async fn revoke(&self, _: &[Relationship]) -> Result<(), EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
    async fn holders(&self, _: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
}

fn world(seed: u64, trouble: u32) -> (Arc<World>, Arc<DualWrite>) {
    let world = Arc::new(World {
        rows: Mutex::default(),
        intents: Mutex::default(),
        relationships: Mutex::default(),
        late: Mutex::default(),
        dice: Mutex::new(SmallRng::seed_from_u64(seed)),
        trouble: Mutex::new(trouble),
        ahead: Mutex::new(TimeDelta::zero()),
    });
    let retry = RetryPolicy { base: STEP, cap: STEP * 4, ..RetryPolicy::default() };
    let dual_write = DualWrite {
        engine: world.clone(),
        ledger: world.clone(),
        retry,
        circuit: Circuit::new(u32::MAX, Duration::ZERO),
        observer: Arc::new(Silent),
        patience: PATIENCE,
    };
    (world, Arc::new(dual_write))
}

fn task(n: u64) -> Registration {
    Registration {
        resource: ResourceRef { kind: Kind::Task, id: n.to_string().into() },
        owner: Principal::user("alice"),
        tenant: "acme".into(),
        parent: None,
    }
}

/// Sweeps until nothing is pending, with the ledger's clock ever further ahead.
async fn reconcile(world: &Arc<World>, dual_write: &Arc<DualWrite>) {
    let reconcilers: Vec<_> = (0..2)
        .map(|_| Reconciler { dual_write: dual_write.clone(), grace: PATIENCE, lease: TimeDelta::seconds(1), batch: 3 })
        .collect();
    for round in 0..10_000 {
        *world.ahead.lock().unwrap() = PATIENCE * (2 + round);
        // Two at once; one may fail while the other works.
        let _ = tokio::join!(reconcilers[0].sweep(), reconcilers[1].sweep());
        if world.intents.lock().unwrap().is_empty() {
            return;
        }
    }
    panic!("intents are never settled: {:?}", world.intents.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn after_reconciling_both_sides_agree() {
    for seed in 0..400 {
        let trouble = [0, 10, 40][(seed % 3) as usize];
        let (world, dual_write) = world(seed, trouble);
        let mut acknowledged = BTreeSet::new();
        for n in 0..20 {
            let registration = task(n);
            let resource = registration.resource.clone();
            let make = dual_write.create(&registration, None, |registered| world.persist(resource.clone(), registered));
            let patience = STEP * (1 + world.roll(25));
            if let Ok(Ok(())) = tokio::time::timeout(patience, make).await {
                acknowledged.insert(resource.clone());
            }
            assert!(
                world.rows.lock().unwrap().is_subset(&world.relationships.lock().unwrap()),
                "seed {seed}: a row is visible without its relationships"
            );
            if world.roll(3) == 0 {
                let intent = Intent::deregister(resource.clone(), &dual_write.ending(), Some(Utc::now()));
                let end = async {
                    if world.remove(&intent).await? {
                        dual_write.finish(&intent).await;
                    }
                    Ok::<_, &str>(())
                };
                acknowledged.remove(&resource);
                let _ = tokio::time::timeout(STEP * (1 + world.roll(25)), end).await;
            }
        }
        world.relationships.lock().unwrap().extend(world.late.lock().unwrap().drain(..));
        *world.trouble.lock().unwrap() /= 2;
        reconcile(&world, &dual_write).await;
        let (rows, relationships) = (world.rows.lock().unwrap(), world.relationships.lock().unwrap());
        assert_eq!(*rows, *relationships, "seed {seed}");
        assert!(acknowledged.is_subset(&rows), "seed {seed}: an acknowledged row is lost");
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_the_first_error_even_when_undoing_fails_too() {
    let (world, dual_write) = world(1, 0);
    let registration = task(1);
    let persist = |_| async {
        *world.trouble.lock().unwrap() = 100;
        Err::<(), _>("the disk is full")
    };
    let error = dual_write.create(&registration, None, persist).await.unwrap_err();
    assert!(matches!(error, CreateError::Persist("the disk is full")));
    assert_eq!(world.intents.lock().unwrap().len(), 1, "left to the reconciler");
    *world.trouble.lock().unwrap() = 0;
    reconcile(&world, &dual_write).await;
    assert!(world.relationships.lock().unwrap().is_empty());
}

/// An engine whose registrations all fail in one way, and who counts them.
struct Failing {
    error: fn() -> EngineError,
    events: Mutex<Vec<Event>>,
}

impl Observer for Failing {
    fn observe(&self, _: Op, _: Kind, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

#[tokio::test(start_paused = true)]
async fn w5_three_retries_and_only_when_they_may_help() {
    let cases: [(fn() -> EngineError, usize); 3] = [
        (|| EngineError::Unavailable("503".into()), 3),
        (|| EngineError::TimedOut, 3),
        (|| EngineError::Malformed("garbage".into()), 0),
    ];
    for (error, retries) in cases {
        let failing = Failing { error, events: Mutex::default() };
        let write = || async { Err((failing.error)()) };
        let observe = |event| failing.observe(Op::Register, Kind::Task, event);
        let outcome = RetryPolicy::default().run(None, observe, write).await.unwrap_err();
        let mut expected = vec![Event::Attempt];
        for _ in 0..retries {
            expected.extend([Event::Retry { class: outcome.class() }, Event::Attempt]);
        }
        expected.push(Event::Failure { class: outcome.class() });
        assert_eq!(*failing.events.lock().unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_retries() {
    let started = tokio::time::Instant::now();
    let deadline = Some(started + Duration::from_millis(150));
    let write = || async { Err(EngineError::TimedOut) };
    RetryPolicy::default().run(deadline, |_| {}, write).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_millis(160), "{:?}", started.elapsed());
}
