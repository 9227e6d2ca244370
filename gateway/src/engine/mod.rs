//! Where permissions are decided: beside the rows, in an engine of its own, or by routes in several.

mod explainers;
mod index;
mod proxy;
mod spicedb;

pub use explainers::Explainers;
use index::{Beside, Whose};
pub use index::{ListIndex, is_told};
pub use proxy::ProxySection;
pub use spicedb::{SchemaCommand, SpiceDbSection};

use crate::{cache, config::Config};
use authz::{
    Action, Authorizer, Check, Consistency, Kind, Principal, RegistrationScan, RelationshipReader, RelationshipScan,
    ResourceRef,
};
use authz_index::{IndexStore, Indexed};
use authz_router::{EngineName, InUse, Router};
use authz_spicedb::Watcher;
use cache_redis::DecisionCache;
use futures::future::join_all;
use instruments::{Measured, RoutingCounts};
use proxy::Untold;
use serde::Deserialize;
use spicedb::Unordered;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long a copy goes by the ids that `SpiceDB` has listed. What is new meanwhile is told to both engines.
const LISTED: Duration = Duration::from_mins(10);

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
    /// What explains decisions, to operators.
    pub explainers: Explainers,
    /// Those that can be read through, to be copied.
    pub readable: BTreeMap<EngineName, Arc<dyn RelationshipScan>>,
    /// What kind the one is that answers what nobody has routed, for people to read.
    pub kind: &'static str,
    /// What is kept of the answers of those that are elsewhere.
    pub caches: Vec<Arc<DecisionCache>>,
    /// Where the lists of one that is elsewhere are found, if it can be.
    pub list_index: Option<Arc<ListIndex>>,
    /// What tells the cache of changes that others make in `SpiceDB`.
    _watcher: Option<Arc<Watcher>>,
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
    /// routed must be as it should be. Another that is not is as good as not there. Where relationships stand in a table,
    /// `indexes` says whether those of an engine elsewhere do, too.
    pub async fn open<E>(
        config: &Config,
        embedded: Arc<E>,
        indexes: Option<Arc<dyn IndexStore>>,
    ) -> anyhow::Result<Self>
    where
        E: Authorizer + RegistrationScan + RelationshipReader + RelationshipScan + 'static,
    {
        let mut engines = Engines { config, all: BTreeMap::new(), caches: Vec::new() };
        engines.add(EngineName::GRAPH, embedded.clone())?;
        let (mut spicedb, mut watcher, mut list_index) = (None, None, None);
        if config.engine == EngineChoice::Spicedb || config.spicedb.is_configured() {
            match config.spicedb.connect(config.cache.keeps(config, &EngineName::SPICEDB)).await {
                Ok(engine) => {
                    let cache = engines.add(EngineName::SPICEDB, Arc::new(engine.clone()))?;
                    watcher = cache.map(|cache| Arc::new(Watcher::start(engine.clone(), cache::told_of(cache), None)));
                    let whose = Whose::SpiceDb(Box::new(engine.clone()));
                    list_index = indexes.clone().map(|store| engines.index(store, whose, embedded.clone()));
                    spicedb = Some(Arc::new(engine));
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
            engines.add(EngineName::PROXY, Arc::new(config.proxy.open()?))?;
            // There is one place beside the rows: of two engines elsewhere, SpiceDB's lists are found there.
            if list_index.is_none() {
                list_index = indexes.map(|store| engines.index(store, Whose::Service, embedded.clone()));
            }
        }
        let mut readers: BTreeMap<_, Arc<dyn RelationshipReader>> =
            BTreeMap::from([(EngineName::GRAPH, embedded.clone() as _)]);
        readers.extend(spicedb.iter().map(|engine| (EngineName::SPICEDB, Arc::clone(engine) as _)));
        let (registrations, kind): (Arc<dyn RegistrationScan>, _) = match config.engine {
            EngineChoice::Graph => (embedded.clone(), "embedded"),
            EngineChoice::Spicedb => (Arc::new(Unordered), "spicedb"),
            EngineChoice::Proxy => (Arc::new(Untold), "proxy"),
        };
        let bounds = config.routing.bounds();
        let router = Router::new(config.engine.name(), engines.all, bounds, Arc::new(RoutingCounts));
        let mut readable: BTreeMap<_, Arc<dyn RelationshipScan>> = BTreeMap::from([(EngineName::GRAPH, embedded as _)]);
        readable.extend(spicedb.map(|engine| (EngineName::SPICEDB, Arc::new(engine.scan(LISTED)) as _)));
        let caches = engines.caches;
        let explainers = Explainers::new(router.clone(), readers);
        Ok(Self { router, registrations, explainers, readable, kind, caches, list_index, _watcher: watcher })
    }

    /// Tells other gateways that this one is no longer to be waited for.
    pub async fn close(&self) {
        for cache in &self.caches {
            cache.close().await;
        }
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

/// The engines of the router, by name, and what is kept of their answers.
struct Engines<'a> {
    config: &'a Config,
    all: BTreeMap<EngineName, Arc<dyn Authorizer>>,
    caches: Vec<Arc<DecisionCache>>,
}

impl Engines<'_> {
    /// Every engine comes to the router by this way. What measures it is put around it here, and around that what
    /// keeps its answers: commands write, too, and what they change is let go of like all else.
    fn add(&mut self, name: EngineName, engine: Arc<dyn Authorizer>) -> anyhow::Result<Option<Arc<DecisionCache>>> {
        let engine: Arc<dyn Authorizer> = Arc::new(Measured::new(engine, name.to_string()));
        let cache = cache::around(&engine, &name, self.config)?;
        self.caches.extend(cache.clone());
        self.all.insert(name, cache.clone().map_or(engine, |cache| cache as _));
        Ok(cache)
    }

    /// Has the lists of an engine found beside the rows, once they can be.
    fn index<E: Beside + 'static>(
        &mut self,
        store: Arc<dyn IndexStore>,
        whose: Whose,
        beside: Arc<E>,
    ) -> Arc<ListIndex> {
        // Whoever missed the notification reads it then; what is written before ends some time after.
        let under_way = Duration::from_millis(self.config.dual_write.attempt_timeout_ms);
        let heard = self.config.routing.refresh() + Duration::from_secs(1) + under_way;
        let index = ListIndex::new(store, whose, Arc::clone(&beside) as _, heard);
        if let Some(elsewhere) = self.all.get_mut(&index.engine()) {
            *elsewhere = Arc::new(Indexed::new(Arc::clone(elsewhere), beside, index.standing(), index.taken_out()));
        }
        Arc::new(index)
    }
}

/// Whether an engine answers now.
pub(crate) async fn is_answering(engine: &dyn Authorizer) -> bool {
    let resource = ResourceRef { kind: Kind::Task, id: "readiness".into() };
    let check = [Check { resource, actions: Action::Read.into() }];
    let nobody = Principal::user("readiness");
    let asked = engine.check(&nobody, &check, &Consistency::FullyConsistent);
    matches!(tokio::time::timeout(Duration::from_secs(2), asked).await, Ok(Ok(_)))
}
