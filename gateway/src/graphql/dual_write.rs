//! What operators see of the dual write, and how they repair what is wrong.

use super::{
    access::Session,
    orphans::{OrphanDirection, OrphanFilter, OrphanNode, OrphanWait, Orphans, extract, stretch},
    page::cost,
    requires::ResourceKind,
};
use crate::Failure;
use ::dual_write::{Explanation, Inspector, Intent, Row};
use async_graphql::{Context, ID, Object, SimpleObject};
use authz::{By, Denial, Known, Principal, Requested};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// A dual write that has begun and is not settled.
#[derive(SimpleObject)]
pub struct DualWriteIntent {
    /// Its id.
    id: ID,
    /// What is to happen: `register` or `deregister`.
    op: &'static str,
    /// To what.
    resource: ID,
    /// How far it has come: `open`, `undoing` or `undone`.
    stage: &'static str,
    /// How often the reconciler has tried.
    attempts: u32,
    /// When it was opened.
    opened_at: DateTime<Utc>,
    /// When the reconciler is to look at it.
    due_at: DateTime<Utc>,
}

impl From<Intent> for DualWriteIntent {
    fn from(intent: Intent) -> Self {
        Self {
            id: ID(intent.id.to_string()),
            op: intent.op.as_str(),
            resource: ID(intent.resource.to_string()),
            stage: intent.stage.as_str(),
            attempts: intent.attempts,
            opened_at: intent.opened_at,
            due_at: intent.due_at,
        }
    }
}

/// How many orphans comparisons have found and repaired so far.
#[derive(SimpleObject)]
pub struct OrphanTally {
    /// Of which kind.
    resource: ResourceKind,
    /// Which side lacks the other.
    direction: OrphanDirection,
    /// How many were found. Found twice counts twice.
    found: u64,
    /// How many were repaired.
    repaired: u64,
}

/// What is not settled, and what comparisons have found.
#[derive(SimpleObject)]
pub struct DualWriteStatus {
    /// How many intents are not settled.
    pending: u64,
    /// When the oldest was opened.
    oldest_at: Option<DateTime<Utc>>,
    /// The oldest ten.
    oldest: Vec<DualWriteIntent>,
    /// What comparisons have found so far.
    tallies: Vec<OrphanTally>,
}

/// A row, as far as its registration goes.
#[derive(SimpleObject)]
pub struct ExplainedRow {
    /// The tenant it lives in.
    account: Option<String>,
    /// The agents that work on it.
    agents: Vec<String>,
    /// Who made it, as its creator columns say.
    creator: Option<String>,
    /// When it was made.
    made_at: Option<DateTime<Utc>>,
}

/// What the engine has heard of a thing.
#[derive(SimpleObject)]
pub struct ExplainedRegistration {
    /// The tenants it is said to live in.
    accounts: Vec<String>,
    /// The agents it is said to run on.
    agents: Vec<String>,
    /// Whether anybody owns it.
    owned: bool,
    /// Whether it has a runtime.
    runtime: bool,
    /// When the last was said of it, if the engine knows.
    since: Option<DateTime<Utc>>,
}

/// All that is known of one thing.
#[derive(SimpleObject)]
pub struct DualWriteExplanation {
    /// The thing.
    resource: ID,
    /// Its row.
    row: Option<ExplainedRow>,
    /// What the engine has heard of it.
    registration: Option<ExplainedRegistration>,
    /// What is being done to it.
    intents: Vec<DualWriteIntent>,
    /// What is wrong with it. Both sides agree, too, on a thing that is not there.
    orphan: Option<OrphanNode>,
    /// Why that is left alone for now.
    wait: Option<OrphanWait>,
}

fn texts(texts: &[Arc<str>]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

impl From<Explanation> for DualWriteExplanation {
    fn from(explanation: Explanation) -> Self {
        let Explanation { resource, row, known, intents, finding } = explanation;
        Self {
            resource: ID(resource.to_string()),
            row: row.map(|Row { tenant, agents, creator, made_at, .. }| ExplainedRow {
                account: tenant.as_deref().map(str::to_owned),
                agents: texts(&agents),
                creator: creator.as_ref().map(Principal::to_string),
                made_at,
            }),
            registration: known.map(|Known { owned, runtime, tenants, parents, since, .. }| ExplainedRegistration {
                accounts: texts(&tenants),
                agents: texts(&parents),
                owned,
                runtime,
                since,
            }),
            intents: intents.into_iter().map(Into::into).collect(),
            wait: finding.as_ref().and_then(|finding| finding.wait).map(Into::into),
            orphan: finding.map(|finding| OrphanNode::of(&finding.orphan, None)),
        }
    }
}

/// How rows and relationships stand to each other.
pub struct DualWrite(Arc<Inspector>);

/// How rows and relationships stand to each other.
#[Object]
impl DualWrite {
    /// What is not settled, and what comparisons have found.
    async fn status(&self) -> Result<Option<DualWriteStatus>, Failure> {
        let backlog = self.0.dual_write.ledger.backlog().await?;
        let (oldest, tallies) = (self.0.rows.oldest_intents(10).await?, self.0.rows.tallies().await?);
        let tally = |tally: ::dual_write::Tally| OrphanTally {
            resource: tally.kind.into(),
            direction: tally.direction.into(),
            found: tally.found,
            repaired: tally.repaired,
        };
        Ok(Some(DualWriteStatus {
            pending: backlog.pending,
            oldest_at: backlog.oldest,
            oldest: oldest.into_iter().map(Into::into).collect(),
            tallies: tallies.into_iter().map(tally).collect(),
        }))
    }

    /// Rows without registration and registrations without row, found by comparing both sides.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn orphans(
        &self,
        #[graphql(desc = "At most this many, from 1 to 100.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Only what comes behind this cursor.")] after: Option<String>,
        filter: Option<OrphanFilter>,
    ) -> Result<Option<Orphans>, Failure> {
        let extract = extract(filter.unwrap_or_default(), after.as_deref())?;
        Ok(Some(stretch(&self.0, extract, first.unwrap_or(50), false).await?))
    }

    /// All that both sides know of one thing: a task's id, or `task:ID`, or `agent:ID`. Why somebody may do something to
    /// it, or may not, is `explainAccess`'s to say.
    async fn explain(&self, resource: ID) -> Result<Option<DualWriteExplanation>, Failure> {
        let text = if resource.contains(':') { resource.to_string() } else { format!("task:{}", *resource) };
        let resource =
            text.parse().map_err(|error: authz::UnknownResource| Failure::invalid(format!("`resource`: {error}")))?;
        Ok(Some(self.0.explain(resource).await?.into()))
    }
}

/// What operators read.
#[derive(Default)]
pub struct DualWriteQuery;

#[Object]
impl DualWriteQuery {
    /// How rows and relationships stand to each other, in all tenants.
    #[expect(clippy::unused_async, reason = "a resolver is async")]
    async fn dual_write(&self, ctx: &Context<'_>) -> Result<Option<DualWrite>, Failure> {
        let Some((inspector, _)) = Session::of(ctx).operation() else {
            let requested = Requested { by: By::Name, text: ctx.field().name().into() };
            return Err(Denial::Hidden { requested }.into());
        };
        Ok(Some(DualWrite(Arc::clone(inspector))))
    }
}

/// What operators repair.
#[derive(Default)]
pub struct DualWriteMutation;

#[Object]
impl DualWriteMutation {
    /// Compares rows and relationships and repairs orphans, a stretch at a time: registers rows from their creator
    /// columns, and removes relationships without a row. Unless it is told otherwise it only says what it would do.
    /// Others are answered `FORBIDDEN`.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn reconcile_dual_write(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only say what would be done.", default = true)] dry_run: bool,
        #[graphql(desc = "At most this many, from 1 to 100.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Only what comes behind this cursor.")] after: Option<String>,
        filter: Option<OrphanFilter>,
    ) -> Result<Option<Orphans>, Failure> {
        let (inspector, operator) = Session::of(ctx).operation().ok_or(Failure::NotOperator)?;
        let extract = extract(filter.unwrap_or_default(), after.as_deref())?;
        let stretch = stretch(inspector, extract, first.unwrap_or(50), !dry_run).await?;
        if !dry_run {
            let (found, repaired) = stretch.counts();
            tracing::info!(%operator, found, repaired, "orphans were repaired");
        }
        Ok(Some(stretch))
    }
}
