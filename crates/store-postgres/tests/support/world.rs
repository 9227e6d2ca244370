//! The world of the suites on PostgreSQL.
#![expect(clippy::expect_used, reason = "a test without its database fails")]

use crate::server::{pool, shared};
use authz_graph::GraphEngine;
use conformance::World;
use futures::FutureExt as _;
use sqlx::PgPool;
use std::sync::Arc;
use store_postgres::PgStore;
use tokio::sync::OnceCell;

/// A pool on the shared database, whose schema is up to date.
pub async fn migrated() -> PgPool {
    static ONCE: OnceCell<()> = OnceCell::const_new();
    let pool = pool(shared()).await;
    let migrate = || async { store_postgres::migrate(&pool).await.expect("the test database can be migrated") };
    ONCE.get_or_init(migrate).await;
    pool
}

/// The world on a database that has been migrated.
pub fn world_on(pool: PgPool) -> World {
    let events = pool.clone();
    let forget_event = Box::new(move |id: String| {
        let events = events.clone();
        async move {
            let forget = sqlx::query("DELETE FROM events WHERE id = $1").bind(id);
            forget.execute(&events).await.expect("an event can be removed");
        }
        .boxed()
    });
    World::new(Arc::new(GraphEngine::new(pool.clone())), Arc::new(PgStore::new(pool)), forget_event)
}
