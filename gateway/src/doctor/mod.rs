//! `taskgate doctor`: looks at all that a gateway needs, and says of each fault what to do about it.
//!
//! It changes nothing, and works beside running gateways and before the first start. What cannot be looked at
//! because something before it failed is left out.

mod checks;

use crate::config::Config;
use clap::Args;
use serde::Serialize;
use std::{io::Write, process::ExitCode};

/// The arguments of `taskgate doctor`.
#[derive(Args)]
pub struct Doctor {
    /// Write JSON, an object on each line, instead of lines for people
    #[arg(long)]
    json: bool,
}

/// How it is with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// A gateway runs, and not as it should.
    Warning,
    /// A gateway does not run, or answers 503.
    Failed,
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    state: State,
    /// What was seen.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), advice: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn failed(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Failed, found: found.into(), advice: Some(advice.into()) }
    }

    fn write(&self, out: &mut impl Write, json: bool) -> std::io::Result<()> {
        if json {
            return writeln!(out, "{}", serde_json::to_string(self)?);
        }
        let word = match self.state {
            State::Ok => "ok",
            State::Warning => "WARNING",
            State::Failed => "FAILED",
        };
        writeln!(out, "{word:<8} {:<14} {}", self.check, self.found)?;
        self.advice.iter().try_for_each(|advice| writeln!(out, "{:24}→ {advice}", ""))
    }
}

/// Looks at everything under a configuration, or at why there is none. Ends with 0 when a gateway can do its work,
/// and with 3 when something failed.
pub async fn run(loaded: anyhow::Result<Config>, arguments: Doctor) -> anyhow::Result<ExitCode> {
    let findings = checks::all(loaded).await;
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        finding.write(&mut out, arguments.json)?;
    }
    let failed = findings.iter().any(|finding| finding.state == State::Failed);
    Ok(if failed { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
