//! The operator's commands: `taskgate engine …`. Which engine answers whom, and copying from one to another.

use super::{index::Index, progress::Copied as Progress};
use crate::{
    config::Config,
    routes::{self, Wish},
    serve::told_to_stop,
    storage::Storage,
};
use anyhow::Context as _;
use authz::{Kind, ResourceRef};
use authz_router::{Change, Copying, Destination, EngineName, Route};
use clap::{Args, Subcommand};
use identity::Operator;
use serde_json::{Value, json};
use std::{io::Write as _, process::ExitCode};

/// How a command ends that was told to stop before it was done.
pub(super) const INTERRUPTED: u8 = 130;

/// How many changes are listed.
const CHANGES: u32 = 20;

/// The arguments of `taskgate engine`.
#[derive(Args)]
pub struct Engine {
    #[command(subcommand)]
    command: Command,
    /// Write JSON, an object on each line, instead of text for people
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// List the routes, and who changed them
    Routes,
    /// Have an engine answer for a kind of resource, for every gateway
    Route(Towards),
    /// Take a route away: what it covered goes by the route for all accounts, or to the configured engine
    Unroute(Away),
    /// Copy relationships from one engine into another. Repeating it changes nothing
    Copy(Copy),
    /// Have an engine's lists found beside the rows: its relationships are copied here, and kept here from then on
    Index(Index),
}

#[derive(Args)]
struct Towards {
    /// The kind of resource: `tenant`, `agent`, `task` or `api_key`
    resource: String,
    /// The engine that is to answer
    engine: String,
    /// For this account (tenant) only [default: every account without a route of its own]
    #[arg(long, value_name = "TENANT")]
    account: Option<String>,
    /// The engine that is asked, too, and compared
    #[arg(long, value_name = "ENGINE")]
    shadow: Option<String>,
    /// Why; it is kept with the change
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
struct Away {
    /// The kind of resource: `tenant`, `agent`, `task` or `api_key`
    resource: String,
    /// The route of this account (tenant) [default: the one for all accounts]
    #[arg(long, value_name = "TENANT")]
    account: Option<String>,
    /// Why; it is kept with the change
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
pub(super) struct Copy {
    /// The engine to read: one that can be read through
    #[arg(long, value_name = "ENGINE", value_parser = EngineName::parse)]
    from: EngineName,
    /// The engine to write. What it answers for is left alone
    #[arg(long, value_name = "ENGINE", value_parser = EngineName::parse)]
    to: EngineName,
    /// Only one kind of resource
    #[arg(long, value_parser = routes::kind)]
    kind: Option<Kind>,
    /// Only what lives in this account (tenant)
    #[arg(long, value_name = "TENANT")]
    account: Option<String>,
    /// Go on behind this: the cursor an interrupted copy has printed
    #[arg(long, value_name = "CURSOR")]
    after: Option<ResourceRef>,
    /// Only count what would be written
    #[arg(long)]
    dry_run: bool,
}

/// Runs a command on the configured storage and engines.
pub async fn run(config: Config, arguments: Engine) -> anyhow::Result<ExitCode> {
    let storage = Storage::attach(&config).await?;
    let done = execute(&storage, arguments).await;
    storage.close().await;
    done
}

async fn execute(storage: &Storage, Engine { command, json }: Engine) -> anyhow::Result<ExitCode> {
    routes::read(&*storage.routes, &storage.engine.router).await?;
    match command {
        Command::Routes => list(storage, json).await?,
        Command::Route(Towards { resource, engine, account, shadow, reason }) => {
            change(storage, Wish { resource, account, engine: Some(engine), shadow, reason }, json).await?;
        }
        Command::Unroute(Away { resource, account, reason }) => {
            change(storage, Wish { resource, account, engine: None, shadow: None, reason }, json).await?;
        }
        Command::Copy(copy) => {
            return Ok(if copy.run(storage, json).await? { INTERRUPTED.into() } else { ExitCode::SUCCESS });
        }
        Command::Index(index) => return index.run(storage, json).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(storage: &Storage, json: bool) -> anyhow::Result<()> {
    let routes = storage.routes.routes().await?;
    let changes = storage.routes.route_changes(CHANGES).await?;
    let default = storage.engine.router.routes().default_engine().clone();
    let mut lines: Vec<_> = routes.iter().map(|route| said_of_route(route, json)).collect();
    if !json {
        lines.push(format!("everything else goes to {default}"));
    }
    if let Some(index) = &storage.engine.list_index {
        lines.extend(super::index::said(index, json).await?);
    }
    lines.extend(changes.iter().map(|change| said_of_change(change, json)));
    write(&lines)
}

async fn change(storage: &Storage, wish: Wish, json: bool) -> anyhow::Result<()> {
    let order = wish.order(&storage.engine.router, &Operator::at_the_machine());
    let order = order.map_err(|failure| anyhow::anyhow!("{}: {failure}", failure.code().as_str()))?;
    let change = storage.routes.route(&order).await?;
    write(&[said_of_change(&change, json)])
}

fn said_of_route(route: &Route, as_json: bool) -> String {
    let Route { kind, account, to, at, by, reason } = route;
    if as_json {
        let (resource, to) = (kind.as_str(), fields(to));
        let route = json!({ "resource": resource, "account": account, "to": to, "at": at, "by": by, "reason": reason });
        return json!({ "route": route }).to_string();
    }
    format!("{} goes to {to}", name(*kind, account.as_deref()))
}

fn said_of_change(change: &Change, as_json: bool) -> String {
    let Change { kind, account, from, to, at, by, reason } = change;
    if as_json {
        let [from, to] = [from, to].map(|led| led.as_ref().map(fields));
        let change = json!({
            "resource": kind.as_str(), "account": account, "from": from, "to": to, "at": at, "by": by, "reason": reason,
        });
        return json!({ "change": change }).to_string();
    }
    let [from, to] = [from, to].map(|led| led.as_ref().map_or_else(|| "no route".to_owned(), ToString::to_string));
    let at = at.format("%Y-%m-%d %H:%M:%SZ");
    format!("{at}  {} from {from} to {to}, by {by}: {reason}", name(*kind, account.as_deref()))
}

fn fields(to: &Destination) -> Value {
    json!({ "engine": to.engine.as_str(), "shadow": to.shadow.as_ref().map(EngineName::as_str) })
}

fn name(kind: Kind, account: Option<&str>) -> String {
    format!("{kind} of {}", account.unwrap_or("every other account"))
}

pub(super) fn write(lines: &[String]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// What a copy has come to so far.
#[derive(Default)]
struct Total {
    resources: u64,
    left: u64,
    relationships: u64,
    removed: u64,
    /// Behind what to go on.
    cursor: Option<ResourceRef>,
}

impl Copy {
    /// All of one engine into another.
    pub(super) const fn whole(from: EngineName, to: EngineName) -> Self {
        Self { from, to, kind: None, account: None, after: None, dry_run: false }
    }

    /// Copies, and says what came of it. Whether it was interrupted.
    pub(super) async fn run(self, storage: &Storage, json: bool) -> anyhow::Result<bool> {
        let (from, to) = (&self.from, &self.to);
        let source = storage.engine.readable.get(from);
        let source = source.with_context(|| format!("the engine `{from}` cannot be read through"))?;
        let target = storage.engine.router.engine(to);
        let target = target.with_context(|| format!("the engine `{to}` is not configured"))?;
        anyhow::ensure!(from != to, "there is nothing to copy from `{from}` to itself");
        let routes = storage.engine.router.routes();
        let copying = Copying {
            source: &**source,
            target: &*target,
            to,
            routes: &routes,
            account: self.account.as_deref(),
            pretend: self.dry_run,
        };
        let mut total = Total { cursor: self.after.clone(), ..Total::default() };
        let progress = Progress::new();
        let ended = self.work(&copying, &mut total, &progress).await;
        progress.clear();
        self.report(&total, &ended, json)?;
        ended
    }

    /// Copies page by page. Whether it was interrupted.
    async fn work(&self, copying: &Copying<'_>, total: &mut Total, progress: &Progress) -> anyhow::Result<bool> {
        let mut told = std::pin::pin!(told_to_stop()?);
        let begun = |kind: &Kind| self.after.as_ref().is_none_or(|after| after.kind <= *kind);
        let wanted = |kind: &Kind| self.kind.is_none_or(|wanted| wanted == *kind);
        for kind in Kind::ALL.iter().copied().filter(wanted).filter(begun) {
            let mut after = self.after.as_ref().filter(|after| after.kind == kind).map(|after| after.id.clone());
            loop {
                // Repeating a step that was cut off changes nothing.
                let step = tokio::select! {
                    biased;
                    () = &mut told => return Ok(true),
                    step = copying.step(kind, after.as_deref()) => step?,
                };
                let Some(step) = step else { break };
                total.resources += step.resources;
                total.left += step.left;
                total.relationships += step.relationships;
                total.removed += step.removed;
                total.cursor = Some(ResourceRef { kind, id: step.last.clone() });
                after = Some(step.last);
                progress.at(total.resources, total.relationships);
            }
        }
        total.cursor = None;
        Ok(false)
    }

    fn report(&self, total: &Total, ended: &anyhow::Result<bool>, as_json: bool) -> anyhow::Result<()> {
        let Total { resources, left, relationships, removed, cursor } = total;
        let complete = matches!(ended, Ok(false));
        let cursor = cursor.as_ref().map(ToString::to_string);
        if as_json {
            return write(&[json!({ "copied": {
                "resources": resources, "left": left, "relationships": relationships, "removed": removed,
                "dryRun": self.dry_run, "complete": complete, "cursor": cursor,
            } })
            .to_string()]);
        }
        let (copied, took) = if self.dry_run { ("would be written", "would be") } else { ("were written", "were") };
        let (from, to) = (&self.from, &self.to);
        let mut lines = vec![format!(
            "{resources} resources of {from}: {relationships} relationships {copied} to {to}, {removed} {took} taken away"
        )];
        if *left > 0 {
            lines.push(format!("{left} resources were left alone: {to} answers for them"));
        }
        if let Some(cursor) = cursor.filter(|_| !complete) {
            lines.push(format!("not complete; go on with --after {cursor}"));
        }
        write(&lines)
    }
}
