//! The operator's commands: `taskgate dual-write …`, `taskgate engine …` and `taskgate explain …`. They work on the storage that
//! gateways use, while they use it, and need the deployment's configuration and nothing else.

mod engine;
mod explain;
mod index;
mod progress;
mod report;
mod scan;
mod switches;

pub use engine::{Engine, run as run_engine};

use crate::{config::Config, storage::Storage, sweeper};
pub use explain::Explain;

use anyhow::Context as _;
use authz::{Kind, ResourceRef};
use chrono::TimeDelta;
use clap::{Args, Subcommand, ValueEnum};
use dual_write::{COMPARED, Extract};
use report::Report;
use std::{process::ExitCode, sync::Arc};
use switches::Turn;

/// The arguments of `taskgate dual-write`.
#[derive(Args)]
pub struct DualWrite {
    #[command(subcommand)]
    command: Command,
    /// Write JSON, an object on each line, instead of tables for people
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Say what has begun and is not settled, and what comparisons have found so far
    Status,
    /// Find rows without registration and registrations without row, and say what would mend each
    Orphans(Part),
    /// Finish what is overdue, register rows from their creator columns, and remove relationships without a row
    Reconcile {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        part: Part,
    },
    /// Say all that both sides know of one task (its id), or of anything (`agent:ID`); `taskgate explain` says who may do what, and why
    Explain {
        /// A task's id, or `KIND:ID`
        thing: String,
    },
    /// Turn the switch of a kind of resource, for every gateway
    Switch(Turn),
    /// List the switches that were turned, and who turned them
    Switches,
}

#[derive(Args)]
#[expect(clippy::doc_markdown, reason = "this text is shown by `--help`")]
struct Part {
    /// Only one kind of resource
    #[arg(long, value_enum)]
    resource: Option<KindWord>,
    /// Only what lives in this account (tenant)
    #[arg(long, value_name = "TENANT")]
    account: Option<String>,
    /// Go on behind this: the cursor an interrupted scan has printed
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    after: Option<ResourceRef>,
    /// Leave alone what is younger [default: dual_write.patience_ms]
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindWord {
    Agent,
    Task,
    #[value(name = "api_key")]
    ApiKey,
}

/// Where a comparison can have got to.
fn cursor(text: &str) -> Result<ResourceRef, String> {
    let place: ResourceRef = text.parse().map_err(|error: authz::UnknownResource| error.to_string())?;
    let compared = COMPARED.contains(&place.kind);
    compared.then_some(place).ok_or_else(|| "only agents, tasks and API keys are compared".to_owned())
}

impl Part {
    fn extract(&self) -> Extract {
        let kind = self.resource.map(|word| match word {
            KindWord::Agent => Kind::Agent,
            KindWord::Task => Kind::Task,
            KindWord::ApiKey => Kind::ApiKey,
        });
        Extract { kind, account: self.account.as_deref().map(Arc::from), after: self.after.clone() }
    }
}

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing is wrong, or no longer.
    Well,
    /// Orphans were found, or are left.
    Orphans,
    /// It was told to stop before it was done.
    Interrupted,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Well => Self::SUCCESS,
            Outcome::Orphans => Self::from(3),
            Outcome::Interrupted => Self::from(130),
        }
    }
}

/// Runs a command on the configured storage.
pub async fn run(config: Config, arguments: DualWrite) -> anyhow::Result<ExitCode> {
    let storage = Storage::attach(&config).await?;
    let report = Report::new(arguments.json);
    let outcome = execute(&config, &storage, arguments, report).await;
    storage.close().await;
    Ok(outcome?.into())
}

async fn execute(config: &Config, storage: &Storage, arguments: DualWrite, report: Report) -> anyhow::Result<Outcome> {
    let mut inspector = sweeper::inspector(&config.dual_write, storage);
    crate::switches::read(&*storage.switches, &inspector.dual_write.switches).await?;
    crate::routes::read(&*storage.routes, &storage.engine.router).await?;
    if let Some(index) = &storage.engine.list_index {
        index.write_only(&storage.engine.router.routes()).await?;
    }
    if let Command::Orphans(part) | Command::Reconcile { part, .. } = &arguments.command
        && let Some(seconds) = part.grace
    {
        Arc::make_mut(&mut inspector).grace = TimeDelta::seconds(seconds.into());
    }
    match arguments.command {
        Command::Switch(turn) => turn.run(&*storage.switches, arguments.json).await.map(|()| Outcome::Well),
        Command::Switches => switches::list(&*storage.switches, arguments.json).await.map(|()| Outcome::Well),
        Command::Status => {
            let backlog = inspector.dual_write.ledger.backlog().await?;
            let (intents, tallies) = (inspector.rows.oldest_intents(10).await?, inspector.rows.tallies().await?);
            report.status(storage.health.kind, &backlog, &intents, &tallies)?;
            Ok(Outcome::Well)
        }
        Command::Explain { thing } => {
            let resource = if thing.contains(':') { thing.parse() } else { format!("task:{thing}").parse() };
            let explanation = inspector.explain(resource.with_context(|| format!("`{thing}`"))?).await?;
            let holders = inspector.dual_write.engine.holders(std::slice::from_ref(&explanation.resource)).await?;
            report.explanation(&explanation, holders.first().map_or(&[], Vec::as_slice))?;
            let wrong = explanation.finding.is_some_and(|finding| finding.wait.is_none());
            Ok(if wrong { Outcome::Orphans } else { Outcome::Well })
        }
        Command::Orphans(part) => scan::run(&inspector, part.extract(), scan::Mode::Find, report).await,
        Command::Reconcile { dry_run: true, part } => {
            scan::run(&inspector, part.extract(), scan::Mode::Pretend, report).await
        }
        Command::Reconcile { dry_run: false, part } => {
            report.swept(&scan::sweep(&inspector).await?)?;
            scan::run(&inspector, part.extract(), scan::Mode::Repair, report).await
        }
    }
}
