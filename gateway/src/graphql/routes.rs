//! The routes of engines. For operators of the deployment; to anybody else they are not there.

use super::access::Session;
use crate::{
    Failure,
    routes::{self, Wish},
};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use authz::{By, Denial, Requested};
use authz_router::{Change, Destination, Route, RouteStore};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Where a route leads.
#[derive(SimpleObject)]
pub struct EngineDestination {
    /// The engine that answers.
    engine: String,
    /// The engine that is asked in its shadow, and compared.
    shadow: Option<String>,
}

impl From<Destination> for EngineDestination {
    fn from(to: Destination) -> Self {
        Self { engine: to.engine.to_string(), shadow: to.shadow.map(|shadow| shadow.to_string()) }
    }
}

/// A route: which engine answers for whom. What nobody has routed goes to the configured engine.
#[derive(SimpleObject)]
pub struct EngineRoute {
    /// For which kind of resource: `tenant`, `agent`, `task` or `api_key`.
    resource: &'static str,
    /// For which account; for every account that has no route of its own, when there is none.
    account: Option<String>,
    /// Where it leads.
    to: EngineDestination,
    /// When it was changed last.
    at: DateTime<Utc>,
    /// By whom.
    by: String,
    /// Why.
    reason: String,
}

impl From<Route> for EngineRoute {
    fn from(route: Route) -> Self {
        let Route { kind, account, to, at, by, reason } = route;
        let account = account.map(|account| account.to_string());
        Self { resource: kind.as_str(), account, to: to.into(), at, by, reason }
    }
}

/// A change of a route.
#[derive(SimpleObject)]
pub struct EngineRouteChange {
    /// For which kind of resource.
    resource: &'static str,
    /// For which account; for every account that has no route of its own, when there is none.
    account: Option<String>,
    /// Where it led before; null when there was none.
    from: Option<EngineDestination>,
    /// Where it leads since; null when it was taken away.
    to: Option<EngineDestination>,
    /// When it was changed.
    at: DateTime<Utc>,
    /// By whom.
    by: String,
    /// Why.
    reason: String,
}

impl From<Change> for EngineRouteChange {
    fn from(change: Change) -> Self {
        let Change { kind, account, from, to, at, by, reason } = change;
        let (from, to) = (from.map(Into::into), to.map(Into::into));
        Self { resource: kind.as_str(), account: account.map(|account| account.to_string()), from, to, at, by, reason }
    }
}

/// Which route to change, and where it is to lead.
#[derive(InputObject)]
pub struct RouteEngineInput {
    /// For which kind of resource: `tenant`, `agent`, `task` or `api_key`.
    resource: String,
    /// For which account; for every account that has no route of its own, when it is not given.
    account: Option<String>,
    /// The engine that is to answer; null takes the route away.
    engine: Option<String>,
    /// The engine that is to be asked in its shadow.
    shadow: Option<String>,
    /// Why. It is kept.
    reason: String,
}

/// The routes, for whom they are there.
fn shown<'a>(ctx: &Context<'a>) -> Result<&'a Arc<dyn RouteStore>, Failure> {
    let session = Session::of(ctx);
    let hidden = || Denial::Hidden { requested: Requested { by: By::Name, text: ctx.field().name().into() } };
    Ok(session.app.routes.open(session.operator().ok_or_else(hidden)?))
}

/// The routes of engines.
#[derive(Default)]
pub struct RouteQuery;

#[Object]
impl RouteQuery {
    /// Every route of an engine there is.
    async fn engine_routes(&self, ctx: &Context<'_>) -> Result<Option<Vec<EngineRoute>>, Failure> {
        Ok(Some(shown(ctx)?.routes().await?.into_iter().map(Into::into).collect()))
    }

    /// Who changed which route, when and why, the last first.
    async fn engine_route_changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 50)] first: i32,
    ) -> Result<Option<Vec<EngineRouteChange>>, Failure> {
        let store = shown(ctx)?;
        let limit = u32::try_from(first).ok().filter(|first| (1..=100).contains(first));
        let limit = limit.ok_or_else(|| Failure::invalid("`first` must be 1 to 100"))?;
        Ok(Some(store.route_changes(limit).await?.into_iter().map(Into::into).collect()))
    }
}

/// Changing them.
#[derive(Default)]
pub struct RouteMutation;

#[Object]
impl RouteMutation {
    /// Changes a route of an engine, for every gateway. Others are answered `FORBIDDEN`.
    async fn route_engine(
        &self,
        ctx: &Context<'_>,
        input: RouteEngineInput,
    ) -> Result<Option<EngineRouteChange>, Failure> {
        let session = Session::of(ctx);
        let operator = session.operator().ok_or(Failure::NotOperator)?;
        let (store, router) = (session.app.routes.open(operator), &session.app.engine);
        let RouteEngineInput { resource, account, engine, shadow, reason } = input;
        let order = Wish { resource, account, engine, shadow, reason }.order(router, operator)?;
        let change = store.route(&order).await?;
        // Whoever changed it finds it changed, here at least, without waiting for the notification.
        routes::read(&**store, router).await?;
        Ok(Some(change.into()))
    }
}
