//! The engines of this program, and the routes between callers and them.

use crate::{
    observe::{Observer, Silent},
    routes::{EngineName, Routes},
    shadow::{Limiter, Settings, Shadow},
    store::Route,
    view::{View, Write},
};
use async_trait::async_trait;
use authz::{
    Action, Authorizer, Behalf, Bound, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Id, Kind,
    Lookup, Principal, Registration, Relationship, ResourceRef, Tenant,
};
use futures::future::try_join_all;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// How often it is logged that a route leads nowhere, besides when routes change.
const TELLING: Duration = Duration::from_secs(10);

/// Several engines as one. Clones share everything.
///
/// As an [`Authorizer`] it is nobody's in particular: registrations go by the account they name, and other
/// questions as for an account without routes of its own. An account's own view is [`Router::of`].
#[derive(Clone)]
pub struct Router(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    engines: BTreeMap<EngineName, Arc<dyn Authorizer>>,
    default: EngineName,
    routes: RwLock<Arc<Routes>>,
    pub(crate) shadow: Arc<Shadow>,
    pub(crate) observer: Arc<dyn Observer>,
    lost: Limiter,
}

/// A route leads to an engine that there is none of here.
#[derive(Debug, thiserror::Error)]
#[error("the engine `{0}` is not configured")]
struct NotConfigured(EngineName);

impl Inner {
    /// The engine of this name. Without one nobody is let in.
    pub(crate) fn engine(&self, name: &EngineName) -> Result<&Arc<dyn Authorizer>, EngineError> {
        self.engines.get(name).ok_or_else(|| {
            self.observer.unroutable();
            if self.lost.lets_through() {
                tracing::error!(engine = %name, "a route leads to an engine that is not configured here: nobody is let in");
            }
            EngineError::Unavailable(Box::new(NotConfigured(name.clone())))
        })
    }

    /// The engine of this name, if there is one, without ado.
    pub(crate) fn find(&self, name: &EngineName) -> Option<&Arc<dyn Authorizer>> {
        self.engines.get(name)
    }
}

/// An engine that routes name, or that answers what nobody has routed.
#[derive(Clone)]
pub struct InUse {
    /// Its name.
    pub name: EngineName,
    /// Whether it answers anybody, and is not only a shadow.
    pub answers: bool,
    /// The engine, unless there is none of that name here.
    pub engine: Option<Arc<dyn Authorizer>>,
}

impl Router {
    /// A router between `engines`. Until routes come, all goes to `default`.
    #[must_use]
    pub fn new(
        default: EngineName,
        engines: BTreeMap<EngineName, Arc<dyn Authorizer>>,
        settings: Settings,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let routes = RwLock::new(Arc::new(Routes::new(default.clone(), Vec::new())));
        let shadow = Arc::new(Shadow::new(settings, Arc::clone(&observer)));
        Self(Arc::new(Inner { engines, default, routes, shadow, observer, lost: Limiter::new(TELLING) }))
    }

    /// A router with one engine, to which all goes.
    #[must_use]
    pub fn alone(engine: Arc<dyn Authorizer>) -> Self {
        let name = EngineName::THE_ONLY;
        Self::new(name.clone(), BTreeMap::from([(name, engine)]), Settings::default(), Arc::new(Silent))
    }

    /// What the engines look like to callers who work in `account`, by the routes as they stand now. Cheap: one for
    /// each request.
    #[must_use]
    pub fn of(&self, account: &Id<Tenant>) -> Arc<dyn Authorizer> {
        Arc::new(self.view(Some(account.to_text())))
    }

    /// From now on the routes are these. One that leads nowhere is told of.
    pub fn replace(&self, routes: Vec<Route>) {
        let routes = Arc::new(Routes::new(self.0.default.clone(), routes));
        let missing = |names: &BTreeSet<EngineName>| {
            names.iter().filter(|name| !self.knows(name)).map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let (answering, shadows) = (missing(routes.answering()), missing(routes.shadows()));
        if !answering.is_empty() {
            tracing::error!(
                engines = answering,
                "routes lead to engines that are not configured here: nobody is let in there"
            );
        }
        if !shadows.is_empty() {
            tracing::warn!(
                engines = shadows,
                "shadows are named that are not configured here: nothing is compared with them"
            );
        }
        *self.0.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    /// The routes as they stand now.
    #[must_use]
    pub fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.0.routes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is an engine of this name here.
    #[must_use]
    pub fn knows(&self, name: &EngineName) -> bool {
        self.0.engines.contains_key(name)
    }

    /// The engine of this name, past all routes.
    #[must_use]
    pub fn engine(&self, name: &EngineName) -> Option<Arc<dyn Authorizer>> {
        self.0.find(name).cloned()
    }

    /// The names of all engines here, sorted.
    pub fn names(&self) -> impl Iterator<Item = &EngineName> {
        self.0.engines.keys()
    }

    /// Every engine that answers somebody or is somebody's shadow; the default engine first.
    #[must_use]
    pub fn in_use(&self) -> Vec<InUse> {
        let routes = self.routes();
        let in_use = |name: &EngineName, answers| InUse { name: name.clone(), answers, engine: self.engine(name) };
        let others = routes.answering().iter().filter(|name| *name != routes.default_engine());
        let shadows = routes.shadows().iter().map(|name| in_use(name, false));
        let answering = [routes.default_engine()].into_iter().chain(others).map(|name| in_use(name, true));
        answering.chain(shadows).collect()
    }

    fn view(&self, account: Option<Arc<str>>) -> View {
        View { inner: Arc::clone(&self.0), routes: self.routes(), account, bound: BTreeMap::new() }
    }
}

#[async_trait]
impl Authorizer for Router {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.view(None).check(principal, checks, consistency).await
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.view(None).lookup(principal, kind, action, most, consistency).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.view(None).write(&Write::Register(registration)).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.view(None).write(&Write::Deregister(resource)).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.view(None).write(&Write::Grant(relationships)).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.view(None).write(&Write::Revoke(relationships)).await
    }

    /// Of every engine that answers anybody about these kinds, together: whose account a resource is of is not
    /// known here.
    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        let routes = self.routes();
        let kinds: BTreeSet<Kind> = resources.iter().map(|resource| resource.kind).collect();
        let names: BTreeSet<_> = kinds.into_iter().flat_map(|kind| routes.answering_about(kind)).collect();
        let asked = names.into_iter().map(async |name| self.0.engine(name)?.holders(resources).await);
        let mut all = vec![BTreeSet::new(); resources.len()];
        for of_one in try_join_all(asked).await? {
            if of_one.len() != resources.len() {
                return Err(EngineError::Malformed("holders are missing or too many".into()));
            }
            for (all, holders) in all.iter_mut().zip(of_one) {
                all.extend(holders);
            }
        }
        Ok(all.into_iter().map(|holders| holders.into_iter().collect()).collect())
    }

    /// What the engines look like to somebody who works in an account: each as it is asked on their behalf.
    fn on_behalf(&self, behalf: &Behalf) -> Option<Bound> {
        let mut view = self.view(Some(behalf.tenant.to_text()));
        let bound = self.0.engines.iter().filter_map(|(name, engine)| Some((name, engine.on_behalf(behalf)?)));
        let (mut engines, mut asking) = (BTreeMap::new(), BTreeSet::new());
        for (name, bound) in bound {
            engines.insert(name.clone(), bound.engine);
            if bound.asks_to_create {
                asking.insert(name);
            }
        }
        let asks_to_create = asking.contains(&view.destination(Kind::Task).engine);
        view.bound = engines;
        Some(Bound { engine: Arc::new(view), asks_to_create })
    }
}
