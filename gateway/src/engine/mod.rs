//! Where permissions are decided: beside the rows, or in an engine of its own.

mod proxy;
mod spicedb;

pub use proxy::ProxySection;
pub use spicedb::{SchemaCommand, SpiceDbSection};

use crate::config::Config;
use authz::{Action, Authorizer, Check, Consistency, Kind, Principal, RegistrationScan, ResourceRef};
use proxy::Untold;
use serde::Deserialize;
use spicedb::Unordered;
use std::{sync::Arc, time::Duration};

/// Which engine decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// The embedded one, whose relationships stand beside the rows.
    #[default]
    Graph,
    /// `SpiceDB`, over gRPC.
    Spicedb,
    /// An agentex-auth service, over HTTP.
    Proxy,
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
                let engine = config.spicedb.connect().await?;
                Ok(Self { authorizer: Arc::new(engine), registrations: Arc::new(Unordered), kind: "spicedb" })
            }
            EngineChoice::Proxy => {
                let engine = config.proxy.open()?;
                Ok(Self { authorizer: Arc::new(engine), registrations: Arc::new(Untold), kind: "proxy" })
            }
        }
    }

    /// Whether it answers now.
    pub async fn answers(&self) -> bool {
        let resource = ResourceRef { kind: Kind::Task, id: "readiness".into() };
        let check = [Check { resource, actions: Action::Read.into() }];
        let nobody = Principal::user("readiness");
        let asked = tokio::time::timeout(
            Duration::from_secs(2),
            self.authorizer.check(&nobody, &check, &Consistency::FullyConsistent),
        )
        .await;
        matches!(asked, Ok(Ok(_)))
    }
}
