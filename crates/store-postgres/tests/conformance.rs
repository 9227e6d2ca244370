//! Every store suite on PostgreSQL, with the engine whose relationships stand beside the rows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use conformance::World;
use dual_write::Ledger;
use sqlx::AssertSqlSafe;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use store_postgres::PgStore;

async fn world() -> World {
    world::world_on(world::migrated().await)
}

/// A ledger that nobody else writes in: a table of its own, in a schema of its own.
async fn ledger() -> Arc<dyn Ledger> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let schema = format!("ledger_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let make = format!(
        "DROP SCHEMA IF EXISTS {schema} CASCADE;
        CREATE SCHEMA {schema};
        CREATE TABLE {schema}.intents (LIKE intents INCLUDING ALL)"
    );
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&world::migrated().await).await.unwrap();
    let here = server::shared().options([("search_path", schema)]);
    Arc::new(PgStore::new(server::pool(here).await))
}

conformance::ledger!(ledger);
conformance::agents!(world);
conformance::api_keys!(world);
conformance::tasks!(world);
conformance::trackers!(world);
conformance::checkpoints!(world);
conformance::events!(world);
conformance::messages!(world);
conformance::states!(world);
