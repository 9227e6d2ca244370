//! The routes of engines in memory.

use crate::MemoryStore;
use async_trait::async_trait;
use authz_router::{Change, Ear, Order, Route, RouteError, RouteStore};
use tokio::sync::watch;

#[async_trait]
impl RouteStore for MemoryStore {
    async fn routes(&self) -> Result<Vec<Route>, RouteError> {
        let mut routes: Vec<_> = self.tables().routes.values().cloned().collect();
        routes.sort_by(|a, b| (a.kind.as_str(), &a.account).cmp(&(b.kind.as_str(), &b.account)));
        Ok(routes)
    }

    async fn route(&self, order: &Order) -> Result<Change, RouteError> {
        let mut tables = self.tables();
        let Order { kind, account, to, by, reason } = order.clone();
        let (key, at) = ((kind, account.clone()), tables.now());
        let before = match to.clone() {
            Some(to) => {
                let route = Route { kind, account: account.clone(), to, at, by: by.clone(), reason: reason.clone() };
                tables.routes.insert(key, route)
            }
            None => tables.routes.remove(&key),
        };
        let change = Change { kind, account, from: before.map(|before| before.to), to, at, by, reason };
        tables.route_changes.push(change.clone());
        drop(tables);
        self.routed.send_modify(|routed| *routed += 1);
        Ok(change)
    }

    async fn route_changes(&self, limit: u32) -> Result<Vec<Change>, RouteError> {
        Ok(self.tables().route_changes.iter().rev().take(limit as usize).cloned().collect())
    }

    async fn listen_for_routes(&self) -> Result<Box<dyn Ear>, RouteError> {
        Ok(Box::new(Listening(self.routed.subscribe())))
    }
}

struct Listening(watch::Receiver<u64>);

#[async_trait]
impl Ear for Listening {
    async fn hear(&mut self) -> Result<(), RouteError> {
        self.0.changed().await.map_err(|gone| RouteError(gone.into()))
    }
}
