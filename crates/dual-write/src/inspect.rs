//! What operators do: compare both sides, explain a thing, repair what is wrong.
//!
//! Both sides move while they are read, so a difference is looked at again before it is called an orphan:
//! a thing with an unsettled intent, or one younger than the grace, is somebody else's to finish. The
//! order of looking matters. Intents first: a thing without one is not being made or ended at that
//! moment, and a thing that exists is never made again. The row last: one that is still there then was
//! not being ended when its relationships were looked for.

use crate::{
    DualWrite, Event, Intent, Mode, Op, Orphan, Pages, Remedy, Row, RowScan, ScanError, Tally, compare::Merge,
    orphan::judge,
};
use authz::{EngineError, Kind, Known, RegistrationScan, Relationship, ResourceRef};
use chrono::{TimeDelta, Utc};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// The kinds that have rows and are registered, in the order they are compared in, which is their own.
pub const COMPARED: [Kind; 3] = [Kind::Agent, Kind::Task, Kind::ApiKey];

/// What an operator's commands stand on.
#[derive(Clone)]
pub struct Inspector {
    /// The rows.
    pub rows: Arc<dyn RowScan>,
    /// What the engine has heard of.
    pub registrations: Arc<dyn RegistrationScan>,
    /// What writes to the engine.
    pub dual_write: Arc<DualWrite>,
    /// What is younger is left alone.
    pub grace: TimeDelta,
    /// How much is read at once.
    pub pages: Pages,
}

/// Why a difference is not an orphan, yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It has an intent that is not settled: somebody is at it.
    Unsettled,
    /// It is younger than the grace.
    Young,
    /// Dual writes of its kind and account are switched off: the engine is not to be written to.
    Off,
}

/// One thing, from both sides.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What is wrong with it.
    pub orphan: Orphan,
    /// Why it is left alone for now.
    pub wait: Option<Wait>,
}

/// All that is known of one thing.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The thing.
    pub resource: ResourceRef,
    /// Its row.
    pub row: Option<Row>,
    /// What the engine has heard of it.
    pub known: Option<Known>,
    /// What is being done to it.
    pub intents: Vec<Intent>,
    /// What is wrong with it; `None` when both sides agree, which they also do on a thing that is not there.
    pub finding: Option<Finding>,
}

/// What became of an orphan.
#[derive(Debug)]
pub enum Repair {
    /// It is mended.
    Done,
    /// Its row went away meanwhile, and so did its relationships.
    Gone,
    /// A person must decide; the orphan says what.
    Left,
    /// The engine or the store failed.
    Failed(Arc<ScanError>),
}

/// One step of a comparison.
#[derive(Debug, Default)]
pub struct Step {
    /// What was found to be wrong, in the order of ids.
    pub orphans: Vec<Orphan>,
    /// Differences that are left alone for now.
    pub waiting: u64,
    /// How many rows were read.
    pub rows: u64,
    /// How many registrations were read.
    pub registrations: u64,
}

/// What is compared.
#[derive(Clone, Debug, Default)]
pub struct Extract {
    /// One kind only; otherwise all of [`COMPARED`].
    pub kind: Option<Kind>,
    /// What lives in this tenant only. The sides are read in full all the same.
    pub account: Option<Arc<str>>,
    /// Only what comes behind this, in the order of [`COMPARED`] and of ids.
    pub after: Option<ResourceRef>,
}

/// A comparison under way.
pub struct Comparison<'a> {
    inspector: &'a Inspector,
    account: Option<Arc<str>>,
    place: Option<ResourceRef>,
    /// What is being compared, and the kinds that come then.
    merge: Option<Merge>,
    kinds: VecDeque<Kind>,
}

impl Comparison<'_> {
    /// Whether all has been compared.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.merge.is_none()
    }

    /// Compares on. What is found is of one kind.
    pub async fn step(&mut self) -> Result<Step, ScanError> {
        let Some(merge) = &mut self.merge else { return Ok(Step::default()) };
        let Inspector { rows, registrations, pages, .. } = self.inspector;
        let kind = merge.kind();
        let stretch = merge.stretch(&**rows, &**registrations).await?;
        self.place = merge.place().map(|id| ResourceRef { kind, id: Arc::clone(id) }).or(self.place.take());
        if merge.is_done() {
            self.merge = self.kinds.pop_front().map(|kind| Merge::new(kind, None, *pages));
        }
        let findings = self.inspector.look_again(kind, &stretch.differ).await?;
        let of_account = |finding: &Finding| self.account.is_none() || self.account == finding.orphan.tenant;
        let mut step = Step { rows: stretch.rows, registrations: stretch.registrations, ..Step::default() };
        for finding in findings.into_iter().filter(of_account) {
            match finding.wait {
                Some(_) => step.waiting += 1,
                None => step.orphans.push(finding.orphan),
            }
        }
        self.inspector.tally(&step.orphans, |_| (1, 0)).await;
        Ok(step)
    }

    /// The last thing that has been compared: where to go on behind.
    #[must_use]
    pub const fn place(&self) -> Option<&ResourceRef> {
        self.place.as_ref()
    }
}

impl Inspector {
    /// An inspector of both sides of `dual_write`, who leaves alone what a maker still has patience for.
    #[must_use]
    pub fn new(dual_write: Arc<DualWrite>, rows: Arc<dyn RowScan>, registrations: Arc<dyn RegistrationScan>) -> Self {
        Self { rows, registrations, grace: dual_write.patience, dual_write, pages: Pages::default() }
    }

    /// Compares both sides.
    #[must_use]
    pub fn compare(&self, extract: Extract) -> Comparison<'_> {
        let Extract { kind, account, after } = extract;
        let wanted = COMPARED.into_iter().filter(|known| kind.is_none_or(|kind| kind == *known));
        let mut kinds: VecDeque<_> =
            wanted.filter(|kind| after.as_ref().is_none_or(|after| after.kind <= *kind)).collect();
        let merge = kinds.pop_front().map(|kind| {
            let behind = after.as_ref().filter(|after| after.kind == kind).map(|after| Arc::clone(&after.id));
            Merge::new(kind, behind, self.pages)
        });
        Comparison { inspector: self, account, place: after, merge, kinds }
    }

    /// All that is known of one thing.
    pub async fn explain(&self, resource: ResourceRef) -> Result<Explanation, ScanError> {
        let mut seen = self.look(resource.kind, std::slice::from_ref(&resource.id)).await?;
        let (row, known) = (seen.rows.remove(&resource.id), seen.known.remove(&resource.id));
        let finding =
            judge(resource.kind, row.as_ref(), known.as_ref()).map(|orphan| self.finding(orphan, &seen.busy()));
        Ok(Explanation { resource, row, known, intents: seen.intents, finding })
    }

    /// What is still wrong with these things, in their order.
    async fn look_again(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Finding>, ScanError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let seen = self.look(kind, ids).await?;
        let busy = seen.busy();
        let orphans = ids.iter().filter_map(|id| judge(kind, seen.rows.get(id), seen.known.get(id)));
        Ok(orphans.map(|orphan| self.finding(orphan, &busy)).collect())
    }

    fn finding(&self, orphan: Orphan, busy: &HashSet<Arc<str>>) -> Finding {
        let young = orphan.since.is_some_and(|since| since > Utc::now() - self.grace);
        let off = self.dual_write.switches.mode(orphan.resource.kind, orphan.tenant.as_ref()) == Mode::Off;
        let wait = match (busy.contains(&orphan.resource.id), young) {
            (true, _) => Some(Wait::Unsettled),
            (false, true) => Some(Wait::Young),
            (false, false) => off.then_some(Wait::Off),
        };
        Finding { orphan, wait }
    }

    async fn look(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Seen, ScanError> {
        let intents = self.rows.intents(kind, ids).await?;
        let known = self.registrations.known(kind, ids).await?;
        let rows = self.rows.rows(kind, ids).await?;
        Ok(Seen {
            intents,
            known: known.into_iter().map(|known| (Arc::clone(&known.id), known)).collect(),
            rows: rows.into_iter().map(|row| (Arc::clone(&row.id), row)).collect(),
        })
    }

    /// Mends orphans of one kind that a comparison has just found: what became of each, in their order.
    /// Relationships that are missing are written together.
    pub async fn repair(&self, orphans: &[Orphan]) -> Vec<Repair> {
        let registered = self.register(orphans).await.map_err(Arc::new);
        let mut repairs = Vec::with_capacity(orphans.len());
        for orphan in orphans {
            repairs.push(match (&orphan.remedy, &registered) {
                (Remedy::Decide(_), _) => Repair::Left,
                (Remedy::Deregister, _) => match self.deregister(&orphan.resource).await {
                    Ok(()) => Repair::Done,
                    Err(error) => Repair::Failed(Arc::new(error.into())),
                },
                (Remedy::Register(_), Ok(gone)) if gone.contains(&orphan.resource.id) => Repair::Gone,
                (Remedy::Register(_), Ok(_)) => Repair::Done,
                (Remedy::Register(_), Err(error)) => Repair::Failed(Arc::clone(error)),
            });
        }
        let mut outcomes = repairs.iter();
        self.tally(orphans, |_| (0, u64::from(matches!(outcomes.next(), Some(Repair::Done | Repair::Gone))))).await;
        repairs
    }

    /// Writes the relationships that are missing. Rows that went away meanwhile take them along: their ids.
    async fn register(&self, orphans: &[Orphan]) -> Result<HashSet<Arc<str>>, ScanError> {
        let incomplete = |orphan: &&Orphan| matches!(orphan.remedy, Remedy::Register(_));
        let Some(kind) = orphans.iter().find(incomplete).map(|orphan| orphan.resource.kind) else {
            return Ok(HashSet::new());
        };
        let edges: Vec<Relationship> = orphans
            .iter()
            .flat_map(|orphan| match &orphan.remedy {
                Remedy::Register(edges) => edges.as_slice(),
                Remedy::Deregister | Remedy::Decide(_) => &[],
            })
            .cloned()
            .collect();
        let DualWrite { retry, observer, engine, .. } = &*self.dual_write;
        let observe = |event: Event| observer.observe(Op::Register, kind, event);
        retry.run(None, observe, || engine.grant(&edges)).await?;
        // A delete that came between looking and writing has deregistered already.
        let ids: Vec<_> = orphans.iter().filter(incomplete).map(|orphan| Arc::clone(&orphan.resource.id)).collect();
        let there: HashSet<_> = self.rows.rows(kind, &ids).await?.into_iter().map(|row| row.id).collect();
        let gone: HashSet<_> = ids.into_iter().filter(|id| !there.contains(id)).collect();
        for id in &gone {
            self.deregister(&ResourceRef { kind, id: Arc::clone(id) }).await?;
        }
        Ok(gone)
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<(), EngineError> {
        let DualWrite { retry, observer, engine, .. } = &*self.dual_write;
        let observe = |event: Event| observer.observe(Op::Deregister, resource.kind, event);
        retry.run(None, observe, || engine.deregister(resource)).await.map(drop)
    }

    /// Counts orphans. What cannot be counted has been found and repaired all the same.
    async fn tally(&self, orphans: &[Orphan], mut count: impl FnMut(&Orphan) -> (u64, u64)) {
        let mut more: Vec<Tally> = Vec::new();
        for orphan in orphans {
            let (kind, direction) = (orphan.resource.kind, orphan.direction);
            let (found, repaired) = count(orphan);
            match more.iter_mut().find(|tally| (tally.kind, tally.direction) == (kind, direction)) {
                Some(tally) => (tally.found, tally.repaired) = (tally.found + found, tally.repaired + repaired),
                None => more.push(Tally { kind, direction, found, repaired }),
            }
        }
        if !more.is_empty()
            && let Err(error) = self.rows.tally(&more).await
        {
            tracing::warn!(%error, "orphans are not counted");
        }
    }
}

/// What looking at things has shown.
struct Seen {
    intents: Vec<Intent>,
    known: HashMap<Arc<str>, Known>,
    rows: HashMap<Arc<str>, Row>,
}

impl Seen {
    /// The ids of those that somebody is at.
    fn busy(&self) -> HashSet<Arc<str>> {
        self.intents.iter().map(|intent| Arc::clone(&intent.resource.id)).collect()
    }
}
