//! `taskgate engine index`: an engine elsewhere has its lists found beside the rows.

use super::engine::{Copy, INTERRUPTED, write};
use crate::{engine::ListIndex, storage::Storage};
use anyhow::Context as _;
use authz_router::EngineName;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// The arguments of `taskgate engine index`.
#[derive(Args)]
pub(super) struct Index {
    /// The engine: one that tells of changes
    #[arg(value_parser = EngineName::parse)]
    engine: EngineName,
    /// Have the engine find its lists itself, as before
    #[arg(long)]
    end: bool,
}

impl Index {
    pub async fn run(self, storage: &Storage, json: bool) -> anyhow::Result<ExitCode> {
        let name = self.engine.clone();
        let index = storage.engine.list_index.as_deref().filter(|_| name == ListIndex::ENGINE);
        let index =
            index.with_context(|| format!("the engine `{name}` is not configured, or has no need of an index"))?;
        if self.end {
            index.store().end(name.as_str()).await?;
            write(&said(index, json).await?)?;
            return Ok(ExitCode::SUCCESS);
        }
        anyhow::ensure!(
            !storage.engine.router.routes().answering().contains(&EngineName::GRAPH),
            "the embedded engine answers callers: what it decides by must not come from elsewhere"
        );
        // From this moment on gateways write what changes, so that nothing falls between them and the copy.
        let moment = index.moment().await?;
        let begun = index.store().begin(name.as_str(), &moment).await?;
        if Copy::whole(name.clone(), EngineName::GRAPH).run(storage, json).await? {
            return Ok(INTERRUPTED.into());
        }
        let settled = index.store().settle(name.as_str(), begun.epoch, true).await?;
        anyhow::ensure!(settled, "somebody else has begun the index anew meanwhile, or ended it");
        write(&said(index, json).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How it stands.
pub(super) async fn said(index: &ListIndex, as_json: bool) -> anyhow::Result<Vec<String>> {
    let name = ListIndex::ENGINE;
    let found = index.store().index(name.as_str()).await?;
    if as_json {
        let index = json!({ "engine": name.as_str(), "complete": found.map(|index| index.complete) });
        return Ok(vec![json!({ "index": index }).to_string()]);
    }
    let said = match found {
        None => format!("lists of {name} are found by itself"),
        Some(found) if found.complete => format!("lists of {name} are found in the index beside the rows"),
        Some(_) => format!("lists of {name} are found by itself: the index beside the rows is not complete"),
    };
    Ok(vec![said])
}
