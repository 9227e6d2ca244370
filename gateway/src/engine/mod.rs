//! Where permissions are decided: beside the rows, or in an engine of its own.

mod spicedb;

pub use spicedb::{SchemaCommand, SpiceDbSection};

use crate::{cache, config::Config};
use authz::{Action, Authorizer, Check, Consistency, Kind, Principal, RegistrationScan, ResourceRef};
use cache_redis::DecisionCache;
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
    /// What is kept of its answers: `authorizer`, when there is one.
    pub cache: Option<Arc<DecisionCache>>,
}

impl Engine {
    /// The configured engine; `embedded` is the one beside the rows, and `registrations` what that has heard of.
    pub async fn open(
        config: &Config,
        embedded: Arc<dyn Authorizer>,
        registrations: Arc<dyn RegistrationScan>,
    ) -> anyhow::Result<Self> {
        let engine = match config.engine {
            EngineChoice::Graph => Self { authorizer: embedded, registrations, kind: "embedded", cache: None },
            EngineChoice::Spicedb => {
                let engine = config.spicedb.connect(config.cache.is_on(config)).await?;
                Self { authorizer: Arc::new(engine), registrations: Arc::new(Unordered), kind: "spicedb", cache: None }
            }
        };
        // Commands write, too: what they change is let go of like all else.
        Ok(match cache::around(&engine.authorizer, engine.kind, config)? {
            Some(cache) => Self { authorizer: cache.clone(), cache: Some(cache), ..engine },
            None => engine,
        })
    }

    /// Tells other gateways that this one is no longer to be waited for.
    pub async fn close(&self) {
        if let Some(cache) = &self.cache {
            cache.close().await;
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
