//! Where permissions are decided: beside the rows, or in an engine of its own.

use crate::config::Config;
use anyhow::Context as _;
use authz::{Action, Authorizer, Check, EngineError, Kind, Known, Principal, RegistrationScan, ResourceRef};
use authz_spicedb::{Settings, SpiceDb};
use clap::Subcommand;
use secrecy::SecretString;
use serde::Deserialize;
use std::{io::Write as _, sync::Arc, time::Duration};

/// Which engine decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// The embedded one, whose relationships stand beside the rows.
    #[default]
    Graph,
    /// `SpiceDB`, over gRPC.
    Spicedb,
}

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
}

impl Default for SpiceDbSection {
    fn default() -> Self {
        Self { endpoint: None, token: None, timeout_ms: 2_000 }
    }
}

impl SpiceDbSection {
    fn open(&self) -> anyhow::Result<SpiceDb> {
        let endpoint = self.endpoint.clone();
        let endpoint = endpoint.context("configuration key `spicedb.endpoint` is not set")?;
        anyhow::ensure!(self.timeout_ms > 0, "configuration key `spicedb.timeout_ms` is 0");
        let timeout = Duration::from_millis(self.timeout_ms);
        SpiceDb::new(&Settings { endpoint, token: self.token.clone(), timeout }).context("configuration key `spicedb`")
    }
}

/// An open engine.
#[derive(Clone)]
pub struct Engine {
    /// The engine.
    pub authorizer: Arc<dyn Authorizer>,
    /// What it has heard of, as operators read it.
    pub registrations: Arc<dyn RegistrationScan>,
    /// What kind it is, for people to read.
    pub kind: &'static str,
}

/// `SpiceDB` does not hand out relationships in an order that rows have, too.
struct Unordered;

#[async_trait::async_trait]
impl RegistrationScan for Unordered {
    async fn page(&self, _: Kind, _: Option<&str>, _: u32) -> Result<Vec<Known>, EngineError> {
        Err(EngineError::Malformed("relationships in SpiceDB cannot be compared with rows".to_owned()))
    }

    async fn known(&self, kind: Kind, _: &[Arc<str>]) -> Result<Vec<Known>, EngineError> {
        self.page(kind, None, 0).await
    }
}

impl Engine {
    /// The configured engine; `embedded` is the one beside the rows, and `registrations` what that has heard of.
    pub async fn open(
        config: &Config,
        embedded: Arc<dyn Authorizer>,
        registrations: Arc<dyn RegistrationScan>,
    ) -> anyhow::Result<Self> {
        match config.engine {
            EngineChoice::Graph => Ok(Self { authorizer: embedded, registrations, kind: "embedded" }),
            EngineChoice::Spicedb => {
                let engine = config.spicedb.open()?;
                // With another schema every answer would be an error. One that cannot be asked now may be later.
                match engine.compare_schema().await {
                    Ok(difference) if difference.is_none() => {}
                    Ok(_) => anyhow::bail!(
                        "the schema in SpiceDB is not this version's: `taskgate schema diff` says how, `taskgate schema write` writes it"
                    ),
                    Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "SpiceDB did not answer"),
                }
                Ok(Self { authorizer: Arc::new(engine), registrations: Arc::new(Unordered), kind: "spicedb" })
            }
        }
    }

    /// Whether it answers now.
    pub async fn answers(&self) -> bool {
        let resource = ResourceRef { kind: Kind::Task, id: "readiness".into() };
        let check = [Check { resource, actions: Action::Read.into() }];
        let nobody = Principal::user("readiness");
        let asked = tokio::time::timeout(Duration::from_secs(2), self.authorizer.check(&nobody, &check)).await;
        matches!(asked, Ok(Ok(_)))
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
        let engine = config.spicedb.open()?;
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
