//! `SpiceDB` as the engine: how it is configured, and its schema.

use crate::{config::Config, telemetry};
use anyhow::Context as _;
use authz::{EngineError, Kind, Known, RegistrationScan};
use authz_spicedb::{Settings, SpiceDb};
use clap::Subcommand;
use secrecy::SecretString;
use serde::Deserialize;
use std::{io::Write as _, sync::Arc, time::Duration};

/// How `SpiceDB` is spoken to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpiceDbSection {
    /// Its address: `http://host:port`, or `https://` for TLS.
    pub endpoint: Option<String>,
    /// Its preshared key.
    pub token: Option<SecretString>,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: u64,
    /// How old an answer of its may be at most when it may choose, in milliseconds.
    pub staleness_ms: u64,
}

impl Default for SpiceDbSection {
    fn default() -> Self {
        Self { endpoint: None, token: None, timeout_ms: 2_000, staleness_ms: 30_000 }
    }
}

impl SpiceDbSection {
    /// Whether there is one to be used.
    pub(crate) const fn is_configured(&self) -> bool {
        self.endpoint.is_some()
    }

    /// The engine, whose schema is this version's as far as it can be asked. It may choose how old its answers to
    /// reads are when they are `kept` by somebody who remembers what has been written since.
    pub(super) async fn connect(&self, kept: bool) -> anyhow::Result<SpiceDb> {
        let engine = self.open(kept)?;
        // With another schema every answer would be an error. One that cannot be asked now may be later.
        match engine.compare_schema().await {
            Ok(difference) if difference.is_none() => {}
            Ok(_) => anyhow::bail!(
                "the schema in SpiceDB is not this version's: `taskgate schema diff` says how, `taskgate schema write` writes it"
            ),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "SpiceDB did not answer"),
        }
        Ok(engine)
    }

    /// The engine, which was not asked anything yet.
    pub(crate) fn open(&self, stale_reads: bool) -> anyhow::Result<SpiceDb> {
        let endpoint = self.endpoint.clone();
        let endpoint = endpoint.context("configuration key `spicedb.endpoint` is not set")?;
        anyhow::ensure!(self.timeout_ms > 0, "configuration key `spicedb.timeout_ms` is 0");
        let timeout = Duration::from_millis(self.timeout_ms);
        let traceparent = Some(telemetry::traceparent as _);
        SpiceDb::new(&Settings { endpoint, token: self.token.clone(), timeout, stale_reads, traceparent })
            .context("configuration key `spicedb`")
    }
}

/// `SpiceDB` does not hand out relationships in an order that rows have, too.
pub(super) struct Unordered;

#[async_trait::async_trait]
impl RegistrationScan for Unordered {
    async fn page(&self, _: Kind, _: Option<&str>, _: u32) -> Result<Vec<Known>, EngineError> {
        Err(EngineError::Malformed("relationships in SpiceDB cannot be compared with rows".to_owned()))
    }

    async fn known(&self, kind: Kind, _: &[Arc<str>]) -> Result<Vec<Known>, EngineError> {
        self.page(kind, None, 0).await
    }
}

/// The schema in `SpiceDB`.
#[derive(Clone, Copy, Subcommand)]
pub enum SchemaCommand {
    /// Say how it differs from this version's; fails when it does.
    Diff,
    /// Make it this version's.
    Write,
}

impl SchemaCommand {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let engine = config.spicedb.open(false)?;
        if matches!(self, Self::Write) {
            engine.write_schema().await.context("writing the schema")?;
        }
        let difference = engine.compare_schema().await.context("reading the schema")?;
        let mut out = std::io::stdout().lock();
        for line in &difference.missing {
            writeln!(out, "+ {line}")?;
        }
        for line in &difference.foreign {
            writeln!(out, "- {line}")?;
        }
        anyhow::ensure!(difference.is_none(), "the schema in SpiceDB is not this version's");
        writeln!(out, "the schema in SpiceDB is this version's")?;
        Ok(())
    }
}
