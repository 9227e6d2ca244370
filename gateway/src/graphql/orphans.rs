//! Orphans, and the comparison that finds them a stretch at a time.

use super::requires::ResourceKind;
use crate::Failure;
use async_graphql::{Enum, ID, InputObject, SimpleObject};
use authz::{Principal, ResourceRef};
use chrono::{DateTime, Utc};
use dual_write::{COMPARED, Direction, Extract, Inspector, Obstacle, Orphan, Remedy, Repair, Wait};
use std::time::{Duration, Instant};

/// The most orphans of one answer.
const MOST: i32 = 100;
/// For how long one request compares before it answers with what it has.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which side lacks the other.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Direction")]
pub enum OrphanDirection {
    /// A row whose registration is missing, or not whole.
    Row,
    /// A registration whose row is missing.
    Registration,
}

/// Why a row cannot be registered without a person's decision.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Obstacle")]
pub enum OrphanObstacle {
    /// Nobody owns it, and its creator columns are empty.
    NoCreator,
    /// It lives in no tenant.
    NoTenant,
    /// The engine says that it lives in another tenant.
    OtherTenant,
    /// The engine says that it runs on an agent which does not work on it.
    OtherAgent,
    /// Several agents work on it, and which of them is its parent is not known.
    SeveralAgents,
}

/// What mends an orphan.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum OrphanRemedy {
    /// The missing relationships are written.
    Register,
    /// Its relationships are removed.
    Deregister,
    /// Nothing but a person's decision.
    Decide,
}

/// What became of an orphan.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum OrphanOutcome {
    /// It is mended.
    Done,
    /// Its row went away meanwhile, and its relationships with it.
    Gone,
    /// A person must decide.
    Left,
    /// The engine or the database failed.
    Failed,
}

/// Why a difference is left alone for now.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Wait")]
pub enum OrphanWait {
    /// It has an intent that is not settled: somebody is at it.
    Unsettled,
    /// It is too young.
    Young,
    /// Dual writes are switched off for it.
    Off,
}

/// A thing of which one side knows what the other does not.
#[derive(SimpleObject)]
#[graphql(name = "Orphan")]
pub struct OrphanNode {
    /// The thing, as `task:ID` or `agent:ID`.
    resource: ID,
    /// Which side lacks the other.
    direction: OrphanDirection,
    /// The tenant it lives in, as far as either side says.
    account: Option<String>,
    /// Who made it, as its creator columns say.
    creator: Option<String>,
    /// Since when it is there.
    since: Option<DateTime<Utc>>,
    /// What mends it.
    remedy: OrphanRemedy,
    /// The relations that are missing.
    missing: Vec<&'static str>,
    /// What a person must decide.
    obstacle: Option<OrphanObstacle>,
    /// What became of it, when it was to be repaired.
    outcome: Option<OrphanOutcome>,
}

impl OrphanNode {
    pub fn of(orphan: &Orphan, repair: Option<&Repair>) -> Self {
        let (remedy, missing, obstacle) = match &orphan.remedy {
            Remedy::Register(edges) => {
                (OrphanRemedy::Register, edges.iter().map(|edge| edge.relation.as_str()).collect(), None)
            }
            Remedy::Deregister => (OrphanRemedy::Deregister, Vec::new(), None),
            Remedy::Decide(obstacle) => (OrphanRemedy::Decide, Vec::new(), Some((*obstacle).into())),
        };
        Self {
            resource: ID(orphan.resource.to_string()),
            direction: orphan.direction.into(),
            account: orphan.tenant.as_deref().map(str::to_owned),
            creator: orphan.creator.as_ref().map(Principal::to_string),
            since: orphan.since,
            remedy,
            missing,
            obstacle,
            outcome: repair.map(|repair| match repair {
                Repair::Done => OrphanOutcome::Done,
                Repair::Gone => OrphanOutcome::Gone,
                Repair::Left => OrphanOutcome::Left,
                Repair::Failed(_) => OrphanOutcome::Failed,
            }),
        }
    }
}

/// Which orphans.
#[derive(InputObject, Default)]
pub struct OrphanFilter {
    /// Only of this kind: `AGENT`, `TASK` or `API_KEY`.
    resource: Option<ResourceKind>,
    /// Only what lives in this tenant.
    account: Option<String>,
}

/// A stretch of a comparison. It ends when it has found enough or has taken long enough, so it may be short,
/// or empty, while there is more: go on behind `cursor` until it is `complete`.
#[derive(SimpleObject)]
pub struct Orphans {
    /// What was found, in order.
    nodes: Vec<OrphanNode>,
    /// Behind what to go on.
    cursor: Option<String>,
    /// Whether everything has been compared.
    complete: bool,
    /// How many rows were compared.
    rows: u64,
    /// How many registrations were compared.
    registrations: u64,
    /// How many more differ and are left alone for now: being made or ended, or too young.
    waiting: u64,
}

/// What is to be compared, from a field's arguments.
pub fn extract(filter: OrphanFilter, after: Option<&str>) -> Result<Extract, Failure> {
    let OrphanFilter { resource, account } = filter;
    let kind = resource.map(authz::Kind::from);
    if kind.is_some_and(|kind| !COMPARED.contains(&kind)) {
        return Err(Failure::invalid("`resource` must be AGENT, TASK or API_KEY"));
    }
    let cursor = |text: &str| text.parse().ok().filter(|place: &ResourceRef| COMPARED.contains(&place.kind));
    let after =
        after.map(|text| cursor(text).ok_or_else(|| Failure::invalid("`after` is not a cursor of a comparison")));
    Ok(Extract { kind, account: account.map(Into::into), after: after.transpose()? })
}

/// Compares until `first` orphans are found, or for long enough, and repairs those if it is to.
pub async fn stretch(inspector: &Inspector, extract: Extract, first: i32, repairing: bool) -> Result<Orphans, Failure> {
    let most = usize::try_from(first).ok().filter(|_| (1..=MOST).contains(&first));
    let most = most.ok_or_else(|| Failure::invalid(format!("`first` must be from 1 to {MOST}")))?;
    let (begun, mut comparison) = (Instant::now(), inspector.compare(extract));
    let mut found = Orphans { nodes: Vec::new(), cursor: None, complete: false, rows: 0, registrations: 0, waiting: 0 };
    while !comparison.is_done() && found.nodes.len() < most && begun.elapsed() < PATIENCE {
        let mut step = comparison.step().await?;
        found.rows += step.rows;
        found.registrations += step.registrations;
        found.waiting += step.waiting;
        let room = most - found.nodes.len();
        let cut = step.orphans.len() > room;
        step.orphans.truncate(room);
        // What was cut off is found again behind the last that was not.
        let place = step.orphans.last().filter(|_| cut).map(|orphan| &orphan.resource).or(comparison.place());
        found.cursor = place.map(ToString::to_string);
        found.complete = comparison.is_done() && !cut;
        let repairs = if repairing { inspector.repair(&step.orphans).await } else { Vec::new() };
        let mut repairs = repairs.iter();
        found.nodes.extend(step.orphans.into_iter().map(|orphan| OrphanNode::of(&orphan, repairs.next())));
    }
    Ok(found)
}

impl Orphans {
    /// How many were found, and how many of those are mended.
    pub fn counts(&self) -> (usize, usize) {
        let mended = self.nodes.iter().filter(|node| node.outcome == Some(OrphanOutcome::Done));
        (self.nodes.len(), mended.count())
    }
}
