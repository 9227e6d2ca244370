//! Where routes are kept, and how gateways hear that one has changed.

use crate::routes::Destination;
use authz::Kind;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// A route as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// For resources of this kind.
    pub kind: Kind,
    /// For this account; for every account that has no route of its own, when there is none.
    pub account: Option<Arc<str>>,
    /// Where it leads.
    pub to: Destination,
    /// When it was changed last.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// The wish to make, change or take away a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// For resources of this kind.
    pub kind: Kind,
    /// For this account, or for all that have no route of their own.
    pub account: Option<Arc<str>>,
    /// Where it is to lead; none to take it away.
    pub to: Option<Destination>,
    /// Who wishes it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A change of a route, as it is kept for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// For resources of this kind.
    pub kind: Kind,
    /// For this account, or for all that have no route of their own.
    pub account: Option<Arc<str>>,
    /// Where it led before, if it was there.
    pub from: Option<Destination>,
    /// Where it led after, unless it was taken away.
    pub to: Option<Destination>,
    /// When it was changed.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// The routes could not be read, changed or listened to.
#[derive(Debug, thiserror::Error)]
#[error("the routes of engines are unavailable")]
pub struct RouteError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Where routes are kept, for every gateway.
#[async_trait::async_trait]
pub trait RouteStore: Send + Sync {
    /// Every route there is, sorted by kind and account; those for all accounts first.
    async fn routes(&self) -> Result<Vec<Route>, RouteError>;

    /// Makes, changes or takes away a route, writes down who did and why, and tells every gateway, all in one
    /// commit.
    async fn route(&self, order: &Order) -> Result<Change, RouteError>;

    /// The latest changes, the last first.
    async fn route_changes(&self, limit: u32) -> Result<Vec<Change>, RouteError>;

    /// Begins to listen: whatever is changed from now on is heard.
    async fn listen_for_routes(&self) -> Result<Box<dyn Ear>, RouteError>;
}

/// Hears that a route was changed.
#[async_trait::async_trait]
pub trait Ear: Send {
    /// Waits until one was, or until nothing can be heard any more.
    async fn hear(&mut self) -> Result<(), RouteError>;
}
