//! Every store suite on PostgreSQL, with the engine whose relationships stand beside the rows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use conformance::World;
use dual_write::Ledger;
use sqlx::{AssertSqlSafe, PgPool};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use store_postgres::PgStore;

async fn world() -> World {
    world::world_on(world::migrated().await)
}

/// What stands in a schema of its own: the ledger and the switches, in which nobody else writes or reads. Rows are
/// shared.
async fn apart() -> PgPool {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let schema = format!("ledger_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let tables = ["intents", "owed_registrations", "dual_write_switches", "dual_write_switch_changes"];
    let tables = tables.map(|table| format!("CREATE TABLE {schema}.{table} (LIKE {table} INCLUDING ALL);"));
    let make = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; {}", tables.concat());
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&world::migrated().await).await.unwrap();
    let here = server::shared().options([("search_path", format!("{schema},public"))]);
    server::pool(here).await
}

async fn ledger() -> Arc<dyn Ledger> {
    Arc::new(PgStore::new(apart().await))
}

async fn world_apart() -> World {
    world::world_on(apart().await)
}

conformance::ledger!(ledger);
conformance::switches!(world_apart);
conformance::agents!(world);
conformance::api_keys!(world);
conformance::tasks!(world);
conformance::trackers!(world);
conformance::checkpoints!(world);
conformance::events!(world);
conformance::messages!(world);
conformance::states!(world);
