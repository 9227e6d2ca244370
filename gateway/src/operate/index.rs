//! `taskgate engine index`: an engine elsewhere has its lists found beside the rows.

use super::engine::{Copy, INTERRUPTED, write};
use crate::{
    engine::{ListIndex, is_told},
    storage::Storage,
};
use anyhow::Context as _;
use authz::Kind;
use authz_router::EngineName;
use clap::Args;
use dual_write::{Remedy, judge};
use serde_json::json;
use std::{collections::HashMap, process::ExitCode, sync::Arc};

/// How many rows are looked at together.
const ROWS: u32 = 500;

/// The arguments of `taskgate engine index`.
#[derive(Args)]
pub(super) struct Index {
    /// The engine
    #[arg(value_parser = EngineName::parse)]
    engine: EngineName,
    /// Have the engine find its lists itself, as before
    #[arg(long)]
    end: bool,
    /// Of an engine that tells nobody of changes: nobody else changes anything in it, it lets nobody in by rules of its
    /// own, and what roles there are on tasks were given while it was indexed
    #[arg(long, conflicts_with = "end")]
    ours_alone: bool,
}

impl Index {
    pub async fn run(self, storage: &Storage, json: bool) -> anyhow::Result<ExitCode> {
        let name = self.engine.clone();
        let index = storage.engine.list_index.as_deref().filter(|index| index.engine() == name);
        let index =
            index.with_context(|| format!("the engine `{name}` is not configured, or has no need of an index"))?;
        if self.end {
            index.store().end(name.as_str()).await?;
            write(&said(index, json).await?)?;
            return Ok(ExitCode::SUCCESS);
        }
        anyhow::ensure!(
            !is_told(&storage.engine.router.routes()),
            "the embedded engine answers callers, or is asked in a shadow: what it decides by must not come from elsewhere"
        );
        anyhow::ensure!(
            self.ours_alone || !index.is_ours_alone(),
            "the engine `{name}` tells nobody of changes: lists would lack whatever others change in it, and whoever it lets \
             in by rules of its own. If there is no such thing, say so with --ours-alone"
        );
        // From this moment on gateways write what changes, so that nothing falls between them and the copy.
        let moment = index.moment().await?;
        let begun = index.store().begin(name.as_str(), &moment).await?;
        if index.is_ours_alone() {
            // Until then some gateway may tell the engine alone.
            tokio::time::sleep(index.heard()).await;
            let added = fill(index, storage).await?;
            if !json {
                write(&[format!("{added} relationships of rows were added to the index")])?;
            }
        } else if Copy::whole(name.clone(), EngineName::GRAPH).run(storage, json).await? {
            return Ok(INTERRUPTED.into());
        }
        let settled = index.store().settle(name.as_str(), begun.epoch, true).await?;
        anyhow::ensure!(
            settled,
            "something was missed while the index was made, or somebody else has begun it anew or ended it: run this again"
        );
        write(&said(index, json).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Adds what rows say of themselves, and the index does not know: who made them, where they live and what they belong
/// to. How much that was.
async fn fill(index: &ListIndex, storage: &Storage) -> anyhow::Result<usize> {
    let (mut added, mut undecided) = (0, 0_u64);
    for kind in Kind::ALL.iter().copied() {
        let mut after: Option<Arc<str>> = None;
        loop {
            let rows = storage.rows.page(kind, after.as_deref(), ROWS).await?;
            let ids: Vec<_> = rows.iter().map(|row| Arc::clone(&row.id)).collect();
            let known = index.beside().known(kind, &ids).await?;
            let known: HashMap<_, _> = known.iter().map(|known| (&known.id, known)).collect();
            let mut missing = vec![];
            for row in &rows {
                match judge(kind, Some(row), known.get(&row.id).copied()).map(|orphan| orphan.remedy) {
                    Some(Remedy::Register(relationships)) => missing.extend(relationships),
                    Some(Remedy::Decide(_)) => undecided += 1,
                    Some(Remedy::Deregister) | None => {}
                }
            }
            if !missing.is_empty() {
                index.beside().grant(&missing).await?;
            }
            added += missing.len();
            let Some(last) = ids.last().filter(|_| ids.len() == ROWS as usize) else { break };
            after = Some(Arc::clone(last));
        }
    }
    anyhow::ensure!(
        undecided == 0,
        "of {undecided} rows it is not known who owns them or where they live, so lists would lack them"
    );
    Ok(added)
}

/// How it stands.
pub(super) async fn said(index: &ListIndex, as_json: bool) -> anyhow::Result<Vec<String>> {
    let name = index.engine();
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
