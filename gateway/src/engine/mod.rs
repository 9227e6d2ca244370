//! Where permissions are decided: beside the rows, in an engine of its own, or by routes in several.

mod proxy;
mod spicedb;

pub use proxy::ProxySection;
pub use spicedb::{SchemaCommand, SpiceDbSection};

use crate::config::Config;
use authz::{
    Action, Authorizer, Check, Consistency, Explainer, Kind, Principal, RegistrationScan, RelationshipReader,
    RelationshipScan, ResourceRef,
};
use authz_router::{EngineName, InUse, Router};
use futures::future::join_all;
use instruments::RoutingCounts;
use proxy::Untold;
use serde::Deserialize;
use spicedb::Unordered;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Which engine decides what nobody has routed.
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

impl EngineChoice {
    /// What routes and logs call it.
    #[must_use]
    pub const fn name(self) -> EngineName {
        match self {
            Self::Graph => EngineName::GRAPH,
            Self::Spicedb => EngineName::SPICEDB,
            Self::Proxy => EngineName::PROXY,
        }
    }
}

/// The open engines.
#[derive(Clone)]
pub struct Engine {
    /// All that are configured, and who is answered by which.
    pub router: Router,
    /// What the one has heard of that answers what nobody has routed, as operators read it.
    pub registrations: Arc<dyn RegistrationScan>,
    /// Its relationships, if they can be read, so that decisions can be explained.
    pub relationships: Option<Arc<dyn RelationshipReader>>,
    /// Those that can be read through, to be copied.
    pub readable: BTreeMap<EngineName, Arc<dyn RelationshipScan>>,
    /// What kind the one is that answers what nobody has routed, for people to read.
    pub kind: &'static str,
}

/// How an engine stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub name: EngineName,
    /// Whether it answers anybody, and is not only a shadow.
    pub answers_callers: bool,
    /// Whether it answers now; none when there is none of that name here.
    pub answers: Option<bool>,
}

impl Engine {
    /// The configured engines; one of them is `embedded`, beside the rows. The one that is to answer what nobody has
    /// routed must be as it should be. Another that is not is as good as not there.
    pub async fn open<E>(config: &Config, embedded: Arc<E>) -> anyhow::Result<Self>
    where
        E: Authorizer + RegistrationScan + RelationshipReader + RelationshipScan + 'static,
    {
        let mut engines = Engines::default();
        engines.add(EngineName::GRAPH, embedded.clone());
        let mut spicedb = None;
        if config.engine == EngineChoice::Spicedb || config.spicedb.is_configured() {
            match config.spicedb.connect().await {
                Ok(engine) => {
                    let engine = Arc::new(engine);
                    engines.add(EngineName::SPICEDB, engine.clone());
                    spicedb = Some(engine);
                }
                Err(error) if config.engine == EngineChoice::Spicedb => return Err(error),
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "SpiceDB cannot be used here, and no route leads to it"
                    );
                }
            }
        }
        if config.engine == EngineChoice::Proxy || config.proxy.is_configured() {
            engines.add(EngineName::PROXY, Arc::new(config.proxy.open()?));
        }
        let (registrations, relationships, kind): (Arc<dyn RegistrationScan>, Option<Arc<dyn RelationshipReader>>, _) =
            match config.engine {
                EngineChoice::Graph => (embedded.clone(), Some(embedded.clone()), "embedded"),
                EngineChoice::Spicedb => (Arc::new(Unordered), spicedb.map(|engine| engine as _), "spicedb"),
                EngineChoice::Proxy => (Arc::new(Untold), None, "proxy"),
            };
        let bounds = config.routing.bounds();
        let router = Router::new(config.engine.name(), engines.0, bounds, Arc::new(RoutingCounts));
        let readable: BTreeMap<_, Arc<dyn RelationshipScan>> = BTreeMap::from([(EngineName::GRAPH, embedded as _)]);
        Ok(Self { router, registrations, relationships, readable, kind })
    }

    /// What explains, to operators, the decisions of the one that answers what nobody has routed.
    #[must_use]
    pub fn explainer(&self) -> Explainer {
        Explainer { engine: Arc::new(self.router.clone()), reader: self.relationships.clone() }
    }

    /// How each engine stands that routes lead to; first the one that answers what nobody has routed.
    pub async fn standings(&self) -> Vec<Standing> {
        let asked = self.router.in_use().into_iter().map(async |InUse { name, answers, engine }| {
            let answering = match engine {
                Some(engine) => Some(is_answering(&*engine).await),
                None => None,
            };
            Standing { name, answers_callers: answers, answers: answering }
        });
        join_all(asked).await
    }
}

/// The engines of the router, by name.
#[derive(Default)]
struct Engines(BTreeMap<EngineName, Arc<dyn Authorizer>>);

impl Engines {
    /// Every engine comes to the router by this way. What is to be put around each engine by itself, such as what
    /// remembers its answers, is put around it here.
    fn add(&mut self, name: EngineName, engine: Arc<dyn Authorizer>) {
        self.0.insert(name, engine);
    }
}

/// Whether an engine answers now.
async fn is_answering(engine: &dyn Authorizer) -> bool {
    let resource = ResourceRef { kind: Kind::Task, id: "readiness".into() };
    let check = [Check { resource, actions: Action::Read.into() }];
    let nobody = Principal::user("readiness");
    let asked = engine.check(&nobody, &check, &Consistency::FullyConsistent);
    matches!(tokio::time::timeout(Duration::from_secs(2), asked).await, Ok(Ok(_)))
}
