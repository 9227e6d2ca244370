//! Every store suite on PostgreSQL, with the engine whose relationships stand beside the rows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use authz_graph::GraphEngine;
use conformance::World;
use futures::FutureExt as _;
use std::sync::Arc;
use store_postgres::PgStore;

async fn world() -> World {
    let pool = support::migrated().await;
    let events = pool.clone();
    let forget_event = Box::new(move |id: String| {
        let events = events.clone();
        async move {
            sqlx::query("DELETE FROM events WHERE id = $1").bind(id).execute(&events).await.unwrap();
        }
        .boxed()
    });
    World::new(Arc::new(GraphEngine::new(pool.clone())), Arc::new(PgStore::new(pool)), forget_event)
}

conformance::agents!(world);
conformance::tasks!(world);
conformance::trackers!(world);
conformance::checkpoints!(world);
conformance::events!(world);
