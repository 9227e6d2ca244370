//! Turning and listing the switches of dual writes.

use crate::graphql;
use clap::{Args, ValueEnum};
use dual_write::{Change, Mode, Switch, SwitchStore};
use identity::Operator;
use serde_json::{Value, json};
use std::io::Write as _;

/// How many changes are listed.
const CHANGES: u32 = 20;

/// Which switch is to be turned, and how.
#[derive(Args)]
pub struct Turn {
    /// The kind of resource: `agent`, `api_key` or `task`
    resource: String,
    /// How the switch is to stand
    #[arg(value_enum)]
    mode: ModeWord,
    /// For this account (tenant) only [default: every account without a switch of its own]
    #[arg(long, value_name = "TENANT")]
    account: Option<String>,
    /// Why; it is kept with the change
    #[arg(long)]
    reason: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeWord {
    Off,
    Shadow,
    On,
}

impl From<ModeWord> for Mode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::Off => Self::Off,
            ModeWord::Shadow => Self::Shadow,
            ModeWord::On => Self::On,
        }
    }
}

impl Turn {
    /// Turns it.
    pub async fn run(self, store: &dyn SwitchStore, json: bool) -> anyhow::Result<()> {
        let operator = Operator::at_the_machine();
        let order = graphql::order(&self.resource, self.account.as_deref(), self.mode.into(), self.reason, &operator);
        let order = order.map_err(|failure| anyhow::anyhow!("{}: {failure}", failure.code().as_str()))?;
        let change = store.turn(&order).await?;
        write(&[said_of_change(&change, json)])
    }
}

/// Lists the switches, and the latest changes.
pub async fn list(store: &dyn SwitchStore, json: bool) -> anyhow::Result<()> {
    let switches = store.switches().await?;
    let changes = store.changes(CHANGES).await?;
    let mut lines: Vec<_> = switches.iter().map(|switch| said_of_switch(switch, json)).collect();
    if !json && lines.is_empty() {
        lines.push("every switch is on; nobody has turned any".to_owned());
    }
    lines.extend(changes.iter().map(|change| said_of_change(change, json)));
    write(&lines)
}

fn said_of_switch(switch: &Switch, as_json: bool) -> String {
    if as_json {
        return json!({ "switch": fields(switch) }).to_string();
    }
    format!("{} is {}", name(switch), switch.mode)
}

fn said_of_change(change: &Change, as_json: bool) -> String {
    let Change { switch, from } = change;
    if as_json {
        return json!({ "change": fields(switch), "from": from.map(Mode::as_str) }).to_string();
    }
    let from = from.map_or("on (never turned)", Mode::as_str);
    let (at, by, reason) = (switch.at.format("%Y-%m-%d %H:%M:%SZ"), &switch.by, &switch.reason);
    format!("{at}  {} from {from} to {}, by {by}: {reason}", name(switch), switch.mode)
}

fn fields(switch: &Switch) -> Value {
    json!({
        "resource": switch.kind.as_str(),
        "account": switch.account,
        "mode": switch.mode.as_str(),
        "at": switch.at,
        "by": switch.by,
        "reason": switch.reason,
    })
}

fn name(switch: &Switch) -> String {
    format!("{} of {}", switch.kind, switch.account.as_deref().unwrap_or("every other account"))
}

fn write(lines: &[String]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
