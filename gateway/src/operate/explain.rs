//! Why somebody may or may not do something: `taskgate explain …`.

use crate::{config::Config, graphql, storage::Storage};
use anyhow::Context as _;
use authz::{Action, ActionSet, Explained, Principal, ResourceRef};
use authz_router::EngineName;
use clap::{ArgGroup, Args};
use serde_json::json;
use std::{io::Write as _, process::ExitCode};

/// The arguments of `taskgate explain`.
#[derive(Args)]
#[command(group(ArgGroup::new("thing").required(true).args(["task", "resource"])))]
pub struct Explain {
    /// Who would do it: `user:ID`, `service_account:ID` or `agent:ID`
    #[arg(long)]
    principal: Principal,
    /// What they would do: read, update, execute, cancel, delete, share or create
    #[arg(long, value_parser = action)]
    action: Action,
    /// To which task
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// To which resource of any kind
    #[arg(long, value_name = "KIND:ID")]
    resource: Option<ResourceRef>,
    /// As a caller who works in this account (tenant), if it has routes of its own
    #[arg(long)]
    account: Option<String>,
    /// Write JSON instead of text for people
    #[arg(long)]
    json: bool,
}

fn action(word: &str) -> Result<Action, String> {
    let action = ActionSet::all().iter().find(|action| action.as_str() == word);
    action.ok_or_else(|| "there is no such action".to_owned())
}

impl Explain {
    fn resource(&self) -> anyhow::Result<ResourceRef> {
        match (&self.resource, &self.task) {
            (Some(resource), _) => Ok(resource.clone()),
            (None, task) => {
                let task = task.as_deref().unwrap_or_default();
                format!("task:{task}").parse().with_context(|| format!("`{task}`"))
            }
        }
    }

    /// Asks the configured engine. Succeeds whatever it decides, unless that is not what its relationships say.
    pub async fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        let resource = self.resource()?;
        let storage = Storage::attach(&config).await?;
        crate::routes::read(&*storage.routes, &storage.engine.router).await?;
        let (engine, explainer) = storage.engine.explainers.of(self.account.as_deref(), resource.kind);
        let told = explainer.explain(&self.principal, self.action, &resource).await;
        let written = told.context("asking the engine").and_then(|told| {
            write(&told, &engine, self.json)?;
            Ok(if told.disagrees() { ExitCode::from(3) } else { ExitCode::SUCCESS })
        });
        storage.close().await;
        written
    }
}

fn write(explained: &Explained, engine: &EngineName, as_json: bool) -> anyhow::Result<()> {
    let Explained { principal, action, resource, allowed, reasons } = explained;
    let in_words = reasons.as_ref().map(graphql::in_words);
    let (paths, missing) = in_words.clone().unzip();
    let mut out = std::io::stdout().lock();
    if as_json {
        let told = json!({
            "principal": principal.to_string(), "action": action.as_str(), "resource": resource.to_string(),
            "engine": engine.as_str(), "allowed": allowed, "paths": paths, "missing": missing,
            "disagrees": explained.disagrees(),
        });
        return Ok(writeln!(out, "{told}")?);
    }
    writeln!(out, "{principal} may {}{action} {resource}", if *allowed { "" } else { "not " })?;
    let Some((paths, missing)) = in_words else {
        return Ok(writeln!(out, "  the engine ({engine}) decides so, and cannot say why")?);
    };
    for path in paths {
        writeln!(out, "  because of {}", path.join(", "))?;
    }
    for missing in &missing {
        writeln!(out, "  {missing}")?;
    }
    if explained.disagrees() {
        writeln!(out, "FAULT: the engine ({engine}) decides otherwise than its relationships and the schema say")?;
    }
    if !missing.is_empty() {
        writeln!(out, "`taskgate dual-write explain {resource}` compares its row with its registration")?;
    }
    Ok(())
}
