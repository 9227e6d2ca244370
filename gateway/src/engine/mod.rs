//! Where permissions are decided: beside the rows, in an engine of its own, or by routes in several.

mod spicedb;

pub use spicedb::{SchemaCommand, SpiceDbSection};

use crate::config::Config;
use authz::{Action, Authorizer, Check, Consistency, Kind, Principal, RegistrationScan, RelationshipScan, ResourceRef};
use authz_router::{EngineName, InUse, Router};
use futures::future::join_all;
use instruments::RoutingCounts;
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
}

impl EngineChoice {
    /// What routes and logs call it.
    #[must_use]
    pub const fn name(self) -> EngineName {
        match self {
            Self::Graph => EngineName::GRAPH,
            Self::Spicedb => EngineName::SPICEDB,
        }
    }
}

/// The engine beside the rows, in each of its parts.
pub struct Embedded {
    authorizer: Arc<dyn Authorizer>,
    registrations: Arc<dyn RegistrationScan>,
    relationships: Arc<dyn RelationshipScan>,
}

impl Embedded {
    /// All parts of one engine.
    pub fn new<E: Authorizer + RegistrationScan + RelationshipScan + 'static>(engine: &Arc<E>) -> Self {
        Self {
            authorizer: Arc::clone(engine) as _,
            registrations: Arc::clone(engine) as _,
            relationships: Arc::clone(engine) as _,
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
    /// The configured engines; one of them is `embedded`. The one that is to answer what nobody has routed must be
    /// as it should be. Another that is not is as good as not there.
    pub async fn open(config: &Config, embedded: Embedded) -> anyhow::Result<Self> {
        let mut engines = Engines::default();
        engines.add(EngineName::GRAPH, embedded.authorizer);
        if config.engine == EngineChoice::Spicedb || config.spicedb.is_configured() {
            match config.spicedb.connect().await {
                Ok(engine) => engines.add(EngineName::SPICEDB, Arc::new(engine)),
                Err(error) if config.engine == EngineChoice::Spicedb => return Err(error),
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "SpiceDB cannot be used here, and no route leads to it"
                    );
                }
            }
        }
        let (registrations, kind): (Arc<dyn RegistrationScan>, _) = match config.engine {
            EngineChoice::Graph => (embedded.registrations, "embedded"),
            EngineChoice::Spicedb => (Arc::new(Unordered), "spicedb"),
        };
        let bounds = config.routing.bounds();
        let router = Router::new(config.engine.name(), engines.0, bounds, Arc::new(RoutingCounts));
        let readable = BTreeMap::from([(EngineName::GRAPH, embedded.relationships)]);
        Ok(Self { router, registrations, readable, kind })
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
