//! The operator's commands: `taskgate dual-write …`. They work on the storage that gateways use, while they
//! use it, and need the deployment's configuration and nothing else.

mod switches;

use crate::{config::Config, storage::Storage};
use clap::{Args, Subcommand};
use switches::Turn;

/// Sees to what is written to both rows and relationships.
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
    /// Turn the switch of a kind of resource, for every gateway
    Switch(Turn),
    /// List the switches that were turned, and who turned them
    Switches,
}

/// Runs a command on the configured storage.
pub async fn run(config: Config, arguments: DualWrite) -> anyhow::Result<()> {
    let storage = Storage::open(&config).await?;
    let outcome = match arguments.command {
        Command::Switch(turn) => turn.run(&*storage.switches, arguments.json).await,
        Command::Switches => switches::list(&*storage.switches, arguments.json).await,
    };
    storage.close().await;
    outcome
}
