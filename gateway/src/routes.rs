//! This process's view of the routes of engines, and what operators may wish of them.

use crate::{Failure, engine::ListIndex, follow::Followed};
use authz::{Id, Kind, Tenant};
use authz_router::{Destination, Ear, EngineName, Order, RouteError, RouteStore, Router};
use identity::Operator;
use std::sync::Arc;

/// The routes, where they are kept and where they lead from here.
pub struct FollowedRoutes {
    /// Where they are kept.
    pub store: Arc<dyn RouteStore>,
    /// What goes by them.
    pub router: Router,
    /// What depends on them, and is made known with them.
    pub list_index: Option<Arc<ListIndex>>,
}

#[async_trait::async_trait]
impl Followed for FollowedRoutes {
    type Ear = Box<dyn Ear>;
    type Error = RouteError;
    const WHAT: &'static str = "routes of engines";

    async fn read(&self) -> Result<(), RouteError> {
        read(&*self.store, &self.router).await?;
        if let Some(index) = &self.list_index {
            index.read(&self.router.routes()).await.map_err(|error| RouteError(error.into()))?;
        }
        Ok(())
    }

    async fn listen(&self) -> Result<Self::Ear, RouteError> {
        self.store.listen_for_routes().await
    }

    async fn hear(ear: &mut Self::Ear) -> Result<(), RouteError> {
        ear.hear().await
    }
}

/// Reads the routes as they stand now.
pub async fn read(store: &dyn RouteStore, router: &Router) -> Result<(), RouteError> {
    router.replace(store.routes().await?);
    Ok(())
}

/// A wish as it was typed.
pub struct Wish {
    /// For which kind of resource.
    pub resource: String,
    /// For which account; for every account that has no route of its own, when there is none.
    pub account: Option<String>,
    /// Which engine is to answer; none to take the route away.
    pub engine: Option<String>,
    /// Which engine is to be asked in its shadow.
    pub shadow: Option<String>,
    /// Why.
    pub reason: String,
}

impl Wish {
    /// The order, if there is such a route to be had here and the wish has its reason.
    pub fn order(self, router: &Router, operator: &Operator) -> Result<Order, Failure> {
        let Self { resource, account, engine, shadow, reason } = self;
        let kind = kind(&resource).map_err(|error| Failure::invalid(format!("`resource`: {error}")))?;
        let account = account.map(|account| {
            Id::<Tenant>::parse(&account).map_err(|error| Failure::invalid(format!("`account`: {error}")))
        });
        let account = account.transpose()?.map(|account| account.to_text());
        if reason.trim().is_empty() || reason.contains('\0') {
            return Err(Failure::invalid("`reason` must say why"));
        }
        let engine = engine.map(|engine| named(router, "engine", &engine)).transpose()?;
        let shadow = shadow.map(|shadow| named(router, "shadow", &shadow)).transpose()?;
        let to = match (engine, shadow) {
            (Some(engine), shadow) if shadow.as_ref() == Some(&engine) => {
                return Err(Failure::invalid("`shadow`: an engine is not its own shadow"));
            }
            (Some(engine), shadow) => Some(Destination { engine, shadow }),
            (None, Some(_)) => return Err(Failure::invalid("`shadow`: there is none without an `engine`")),
            (None, None) => None,
        };
        Ok(Order { kind, account, to, by: operator.to_string(), reason })
    }
}

/// The kind behind a word.
pub fn kind(word: &str) -> Result<Kind, String> {
    let known = Kind::ALL.iter().copied().find(|kind| kind.as_str() == word);
    known.ok_or_else(|| format!("`{word}` is none of `tenant`, `agent`, `task` and `api_key`"))
}

/// The engine of this name, if there is one here: a route to any other would let nobody in.
fn named(router: &Router, key: &str, name: &str) -> Result<EngineName, Failure> {
    let known = EngineName::parse(name).ok().filter(|name| router.knows(name));
    known.ok_or_else(|| {
        let names: Vec<_> = router.names().map(EngineName::as_str).collect();
        Failure::invalid(format!("`{key}`: `{name}` is none of the engines that are configured: {}", names.join(", ")))
    })
}
