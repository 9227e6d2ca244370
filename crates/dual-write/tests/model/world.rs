//! Two stores that fail in every way.

use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, IntentId, Kind, Lookup,
    Principal, Registered, Registration, Relationship, ResourceRef,
};
use chrono::{DateTime, TimeDelta, Utc};
use dual_write::{
    Backlog, Circuit, DualWrite, Intent, Ledger, LedgerError, Mode, Owed, Reconciler, RetryPolicy, Silent, Stage,
    Switches,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// Every step takes this long, so that dropping a future after a while drops it between steps.
pub const STEP: Duration = Duration::from_millis(1);

/// How long makers have, where nobody is to be overtaken.
pub const PATIENCE: TimeDelta = TimeDelta::seconds(100);

/// Both sides, and all that can go wrong with them.
pub struct World {
    /// The rows, and their names, no two the same.
    pub rows: Mutex<BTreeMap<ResourceRef, String>>,
    pub intents: Mutex<BTreeMap<IntentId, Intent>>,
    pub relationships: Mutex<BTreeSet<ResourceRef>>,
    /// Rows that stand without relationships, and when reconcilers are to look at them.
    pub owed: Mutex<BTreeMap<ResourceRef, (Registration, DateTime<Utc>)>>,
    switches: Arc<Switches>,
    /// Registrations that timed out and will still apply.
    pub late: Mutex<Vec<ResourceRef>>,
    dice: Mutex<SmallRng>,
    /// How often things go wrong, in percent.
    pub trouble: Mutex<u32>,
    /// How far the ledger's clock is ahead.
    ahead: Mutex<TimeDelta>,
    /// How long makers have before reconcilers take over.
    patience: TimeDelta,
    started: Instant,
}

impl World {
    pub fn roll(&self, sides: u32) -> u32 {
        self.dice.lock().unwrap().random_range(0..sides)
    }

    fn goes_wrong(&self) -> bool {
        self.roll(100) < *self.trouble.lock().unwrap()
    }

    async fn ledger_step(&self) -> Result<(), LedgerError> {
        tokio::time::sleep(STEP).await;
        if self.goes_wrong() { Err(LedgerError("connection lost".into())) } else { Ok(()) }
    }

    /// The time by the clock of the test, which stands still between steps.
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::from_std(self.started.elapsed()).unwrap() + *self.ahead.lock().unwrap()
    }

    fn is_off(&self, account: Option<&Arc<str>>) -> bool {
        self.switches.mode(Kind::Task, account) == Mode::Off
    }

    /// Notes an intent, by the clock of the test.
    fn note(&self, intent: &Intent) {
        let due_at = self.now() + self.patience;
        self.intents.lock().unwrap().insert(intent.id.clone(), Intent { due_at, ..intent.clone() });
    }

    /// The resources that have a row.
    pub fn with_row(&self) -> BTreeSet<ResourceRef> {
        self.rows.lock().unwrap().keys().cloned().collect()
    }

    /// The commit that persists a row. Its answer may be lost.
    pub async fn persist(&self, resource: ResourceRef, name: &str, registered: Registered) -> Result<(), &'static str> {
        self.ledger_step().await.map_err(|_| "refused")?;
        {
            let mut rows = self.rows.lock().unwrap();
            if rows.values().any(|taken| taken == name) {
                return Err("name taken");
            }
            let mut intents = self.intents.lock().unwrap();
            match intents.get(registered.intent()) {
                Some(intent) if intent.stage == Stage::Open => intents.remove(registered.intent()),
                _ => return Err("superseded"),
            };
            if let Some(owed) = registered.owed() {
                self.owed.lock().unwrap().insert(resource.clone(), (owed.clone(), self.now()));
            }
            rows.insert(resource, name.to_owned());
        }
        self.ledger_step().await.map_err(|_| "answer lost")
    }

    /// The commit that removes a row. Its answer may be lost.
    pub async fn remove(&self, intent: &Intent) -> Result<bool, &'static str> {
        self.ledger_step().await.map_err(|_| "refused")?;
        let removed = self.rows.lock().unwrap().remove(&intent.resource).is_some();
        if removed {
            self.owed.lock().unwrap().remove(&intent.resource);
            self.note(intent);
        }
        self.ledger_step().await.map_err(|_| "answer lost")?;
        Ok(removed)
    }

    /// The commit that gives a row another name. No relationship hangs on a name.
    pub async fn rename(&self, resource: &ResourceRef, name: &str) -> Result<(), &'static str> {
        self.ledger_step().await.map_err(|_| "refused")?;
        {
            let mut rows = self.rows.lock().unwrap();
            if rows.iter().any(|(of, taken)| taken == name && of != resource) {
                return Err("name taken");
            }
            name.clone_into(rows.get_mut(resource).ok_or("no such row")?);
        }
        self.ledger_step().await.map_err(|_| "answer lost")
    }

    /// A registration that timed out applies.
    pub fn apply_late(&self) {
        if let Some(resource) = self.late.lock().unwrap().pop() {
            self.relationships.lock().unwrap().insert(resource);
        }
    }
}

#[async_trait::async_trait]
impl Ledger for World {
    async fn open(&self, intent: &Intent) -> Result<(), LedgerError> {
        self.ledger_step().await?;
        self.note(intent);
        self.ledger_step().await
    }
    async fn close(&self, id: &IntentId) -> Result<bool, LedgerError> {
        self.ledger_step().await?;
        let mut intents = self.intents.lock().unwrap();
        let Some(intent) = intents.get_mut(id).filter(|intent| intent.stage == Stage::Open) else { return Ok(false) };
        intent.stage = Stage::Undoing;
        Ok(true)
    }
    async fn postpone(&self, id: &IntentId, stage: Stage, _: DateTime<Utc>) -> Result<(), LedgerError> {
        self.ledger_step().await?;
        if let Some(intent) = self.intents.lock().unwrap().get_mut(id) {
            (intent.stage, intent.due_at) = (stage, self.now() + self.patience);
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
        let now = self.now();
        let mut intents = self.intents.lock().unwrap();
        let due = intents.values_mut().filter(|i| i.due_at <= now && !self.is_off(i.account.as_ref()));
        let due = due.take(limit as usize);
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
        Ok(Backlog { pending: intents.len() as u64, oldest, ..Backlog::default() })
    }
    async fn claim_owed(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Owed>, LedgerError> {
        self.ledger_step().await?;
        let now = self.now();
        let mut owed = self.owed.lock().unwrap();
        let due = owed.values_mut().filter(|(owed, due_at)| *due_at <= now && !self.is_off(Some(&owed.tenant)));
        Ok(due
            .take(limit as usize)
            .map(|(registration, due_at)| {
                *due_at = now + lease;
                Owed { registration: registration.clone(), attempts: 1 }
            })
            .collect())
    }
    async fn settle_owed(&self, resource: &ResourceRef) -> Result<bool, LedgerError> {
        self.ledger_step().await?;
        Ok(self.owed.lock().unwrap().remove(resource).is_some())
    }
}

#[async_trait::async_trait]
impl Authorizer for World {
    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
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
        Ok(None)
    }
    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        tokio::time::sleep(STEP).await;
        if self.goes_wrong() {
            return Err(EngineError::Unavailable("refused".into()));
        }
        self.relationships.lock().unwrap().remove(resource);
        tokio::time::sleep(STEP).await;
        Ok(None)
    }
    async fn check(&self, _: &Principal, _: &[Check], _: &Consistency) -> Result<Vec<Decision>, EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
    async fn lookup(
        &self,
        _: &Principal,
        _: Kind,
        _: Action,
        _: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
    async fn grant(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
    async fn revoke(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
    async fn holders(&self, _: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        Err(EngineError::Malformed("not asked here".into()))
    }
}

/// A world in which so many percent of all steps go wrong, and makers have so much time.
pub fn world(seed: u64, trouble: u32, patience: TimeDelta) -> (Arc<World>, Arc<DualWrite>) {
    let switches = Arc::<Switches>::default();
    let world = Arc::new(World {
        rows: Mutex::default(),
        intents: Mutex::default(),
        relationships: Mutex::default(),
        owed: Mutex::default(),
        switches: switches.clone(),
        late: Mutex::default(),
        dice: Mutex::new(SmallRng::seed_from_u64(seed)),
        trouble: Mutex::new(trouble),
        ahead: Mutex::new(TimeDelta::zero()),
        patience,
        started: Instant::now(),
    });
    let retry = RetryPolicy { base: STEP, cap: STEP * 4, ..RetryPolicy::default() };
    let dual_write = DualWrite {
        engine: world.clone(),
        ledger: world.clone(),
        retry,
        circuit: Circuit::new(u32::MAX, Duration::ZERO),
        observer: Arc::new(Silent),
        patience,
        switches,
    };
    (world, Arc::new(dual_write))
}

/// The account of the `n`th task.
pub fn account(n: u64) -> &'static str {
    ["acme", "beta", "gamma"][(n % 3) as usize]
}

/// The registration of the `n`th task.
pub fn task(n: u64) -> Registration {
    Registration {
        resource: ResourceRef { kind: Kind::Task, id: n.to_string().into() },
        owner: Principal::user("alice"),
        tenant: account(n).into(),
        parent: None,
    }
}

/// Sweeps until nothing is pending, with the ledger's clock ever further ahead.
pub async fn reconcile(world: &Arc<World>, dual_write: &Arc<DualWrite>) {
    let reconcilers: Vec<_> = (0..2)
        .map(|_| Reconciler {
            dual_write: dual_write.clone(),
            grace: world.patience,
            lease: TimeDelta::seconds(1),
            batch: 3,
        })
        .collect();
    for round in 0..10_000 {
        *world.ahead.lock().unwrap() = world.patience.max(TimeDelta::seconds(1)) * (2 + round);
        // Two at once; one may fail while the other works.
        let _ = tokio::join!(reconcilers[0].sweep(), reconcilers[1].sweep());
        if world.intents.lock().unwrap().is_empty() && world.owed.lock().unwrap().is_empty() {
            return;
        }
    }
    panic!("intents are never settled: {:?}", world.intents.lock().unwrap());
}
