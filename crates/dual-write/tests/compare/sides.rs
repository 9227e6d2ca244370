//! Two sides in memory, of which every page is counted.

use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, IntentId, Kind, Known,
    Lookup, Principal, Registration, RegistrationScan, Relation, Relationship, ResourceRef,
};
use chrono::{DateTime, TimeDelta, Utc};
use dual_write::{Backlog, Direction, Intent, Ledger, LedgerError, Owed, Row, RowScan, ScanError, Stage, Tally};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

/// Both sides of tasks.
#[derive(Default)]
pub struct Sides {
    pub rows: Mutex<BTreeMap<Arc<str>, Row>>,
    pub known: Mutex<BTreeMap<Arc<str>, Known>>,
    pub intents: Mutex<Vec<Intent>>,
    pub tallies: Mutex<Vec<Tally>>,
    /// The largest page asked for, and how many.
    pub largest: AtomicU32,
    pub pages: AtomicUsize,
    /// How many writes the engine still takes.
    pub writes: Mutex<Option<u32>>,
}

pub fn id(number: u32) -> Arc<str> {
    format!("task-{number:06}").into()
}

pub fn old() -> DateTime<Utc> {
    Utc::now() - TimeDelta::hours(1)
}

impl Sides {
    pub fn add_row(&self, id: &Arc<str>) {
        let creator = Some(Principal::user("alice"));
        let row = Row {
            id: id.clone(),
            tenant: Some("acme".into()),
            agents: vec!["a".into()],
            creator,
            made_at: Some(old()),
        };
        self.rows.lock().unwrap().insert(id.clone(), row);
    }

    pub fn add_known(&self, id: &Arc<str>) {
        let (tenants, parents) = (vec!["acme".into()], vec!["a".into()]);
        let known = Known { id: id.clone(), owned: true, runtime: false, tenants, parents, since: Some(old()) };
        self.known.lock().unwrap().insert(id.clone(), known);
    }

    /// Sides of `count` ids, of which one in `rare` is missing on either side: the orphans.
    pub fn of(count: u32, rare: u32, seed: u64) -> (Arc<Self>, BTreeSet<(Arc<str>, Direction)>) {
        let (sides, mut orphans, mut dice) = (Self::default(), BTreeSet::new(), SmallRng::seed_from_u64(seed));
        for number in 0..count {
            let id = id(number);
            match dice.random_range(0..rare.max(2)) {
                0 => {
                    sides.add_row(&id);
                    orphans.insert((id, Direction::Row));
                }
                1 => {
                    sides.add_known(&id);
                    orphans.insert((id, Direction::Registration));
                }
                _ => {
                    sides.add_row(&id);
                    sides.add_known(&id);
                }
            }
        }
        (Arc::new(sides), orphans)
    }

    fn write(&self) -> Result<(), EngineError> {
        match &mut *self.writes.lock().unwrap() {
            Some(0) => Err(EngineError::Malformed("no more".into())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn counted(&self, limit: u32) {
        self.largest.fetch_max(limit, Ordering::Relaxed);
        self.pages.fetch_add(1, Ordering::Relaxed);
    }
}

fn behind<T: Clone>(all: &BTreeMap<Arc<str>, T>, after: Option<&str>, limit: u32) -> Vec<T> {
    let behind = all.iter().filter(|(id, _)| after.is_none_or(|after| ***id > *after));
    behind.take(limit as usize).map(|(_, item)| item.clone()).collect()
}

#[async_trait::async_trait]
impl RowScan for Sides {
    async fn page(&self, _: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Row>, ScanError> {
        self.counted(limit);
        Ok(behind(&self.rows.lock().unwrap(), after, limit))
    }
    async fn rows(&self, _: Kind, ids: &[Arc<str>]) -> Result<Vec<Row>, ScanError> {
        let rows = self.rows.lock().unwrap();
        Ok(ids.iter().filter_map(|id| rows.get(id).cloned()).collect())
    }
    async fn estimate(&self, _: Kind) -> Result<u64, ScanError> {
        Ok(self.rows.lock().unwrap().len() as u64)
    }
    async fn intents(&self, _: Kind, ids: &[Arc<str>]) -> Result<Vec<Intent>, ScanError> {
        let intents = self.intents.lock().unwrap();
        Ok(intents.iter().filter(|intent| ids.contains(&intent.resource.id)).cloned().collect())
    }
    async fn oldest_intents(&self, _: u32) -> Result<Vec<Intent>, ScanError> {
        Ok(self.intents.lock().unwrap().clone())
    }
    async fn tally(&self, more: &[Tally]) -> Result<(), ScanError> {
        self.tallies.lock().unwrap().extend(more);
        Ok(())
    }
    async fn tallies(&self) -> Result<Vec<Tally>, ScanError> {
        Ok(self.tallies.lock().unwrap().clone())
    }
}

#[async_trait::async_trait]
impl RegistrationScan for Sides {
    async fn page(&self, _: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Known>, EngineError> {
        self.counted(limit);
        Ok(behind(&self.known.lock().unwrap(), after, limit))
    }
    async fn known(&self, _: Kind, ids: &[Arc<str>]) -> Result<Vec<Known>, EngineError> {
        let known = self.known.lock().unwrap();
        Ok(ids.iter().filter_map(|id| known.get(id).cloned()).collect())
    }
}

#[async_trait::async_trait]
impl Authorizer for Sides {
    async fn check(&self, _: &Principal, checks: &[Check], _: &Consistency) -> Result<Vec<Decision>, EngineError> {
        Ok(vec![Decision::default(); checks.len()])
    }
    async fn lookup(
        &self,
        _: &Principal,
        _: Kind,
        _: Action,
        _: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        Ok(Lookup::nothing())
    }
    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.grant(&registration.relationships()).await
    }
    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write()?;
        self.known.lock().unwrap().remove(&resource.id);
        Ok(None)
    }
    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write()?;
        let mut all = self.known.lock().unwrap();
        for edge in relationships {
            let id = &edge.resource.id;
            let known = all.entry(id.clone()).or_insert_with(|| Known { id: id.clone(), ..Known::default() });
            match edge.relation {
                Relation::Owner => known.owned = true,
                Relation::Tenant => known.tenants.push(edge.subject_id.clone()),
                Relation::ParentAgent => known.parents.push(edge.subject_id.clone()),
                Relation::Runtime | Relation::Editor | Relation::Viewer | Relation::Member | Relation::Admin => {}
            }
        }
        Ok(None)
    }
    async fn revoke(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }
    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        Ok(vec![Vec::new(); resources.len()])
    }
}

#[async_trait::async_trait]
impl Ledger for Sides {
    async fn open(&self, _: &Intent) -> Result<(), LedgerError> {
        Ok(())
    }
    async fn close(&self, _: &IntentId) -> Result<bool, LedgerError> {
        Ok(false)
    }
    async fn postpone(&self, _: &IntentId, _: Stage, _: DateTime<Utc>) -> Result<(), LedgerError> {
        Ok(())
    }
    async fn settle(&self, _: &IntentId) -> Result<(), LedgerError> {
        Ok(())
    }
    async fn claim(&self, _: u32, _: TimeDelta) -> Result<Vec<Intent>, LedgerError> {
        Ok(Vec::new())
    }
    async fn claim_owed(&self, _: u32, _: TimeDelta) -> Result<Vec<Owed>, LedgerError> {
        Ok(Vec::new())
    }
    async fn settle_owed(&self, _: &ResourceRef) -> Result<bool, LedgerError> {
        Ok(false)
    }
    async fn backlog(&self) -> Result<Backlog, LedgerError> {
        Ok(Backlog::default())
    }
}
