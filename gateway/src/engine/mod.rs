//! Where permissions are decided: beside the rows, or in an engine of its own.

mod proxy;
mod spicedb;

pub use proxy::ProxySection;
pub use spicedb::{SchemaCommand, SpiceDbSection};

use crate::config::Config;
use authz::{
    Action, Authorizer, Check, Consistency, Explainer, Kind, Principal, RegistrationScan, RelationshipReader,
    ResourceRef,
};
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
    /// Its relationships, if they can be read, so that decisions can be explained.
    pub relationships: Option<Arc<dyn RelationshipReader>>,
    /// What kind it is, for people to read.
    pub kind: &'static str,
}

impl Engine {
    /// The configured engine; `embedded` is the one beside the rows.
    pub async fn open<E>(config: &Config, embedded: Arc<E>) -> anyhow::Result<Self>
    where
        E: Authorizer + RegistrationScan + RelationshipReader + 'static,
    {
        match config.engine {
            EngineChoice::Graph => Ok(Self {
                authorizer: embedded.clone(),
                registrations: embedded.clone(),
                relationships: Some(embedded),
                kind: "embedded",
            }),
            EngineChoice::Spicedb => {
                let engine = Arc::new(config.spicedb.connect().await?);
                Ok(Self {
                    authorizer: engine.clone(),
                    registrations: Arc::new(Unordered),
                    relationships: Some(engine),
                    kind: "spicedb",
                })
            }
            EngineChoice::Proxy => {
                let engine = config.proxy.open()?;
                Ok(Self { authorizer: Arc::new(engine), registrations: Arc::new(Untold), relationships: None, kind: "proxy" })
            }
        }
    }

    /// What explains its decisions, to operators.
    #[must_use]
    pub fn explainer(&self) -> Explainer {
        Explainer { engine: Arc::clone(&self.authorizer), reader: self.relationships.clone() }
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
