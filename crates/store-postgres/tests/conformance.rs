//! Every store suite on PostgreSQL, with the engine whose relationships stand beside the rows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use authz_router::RouteStore;
use conformance::{Scanned, World};
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

/// Rows beside intents and tallies that nobody else writes.
async fn scanned() -> Scanned {
    let pool = apart("scan", &["intents", "owed_registrations", "orphan_tallies"]).await;
    Scanned { world: world::world_on(pool.clone()), rows: Arc::new(PgStore::new(pool)) }
}

/// A ledger that nobody else writes in.
async fn ledger() -> Arc<dyn Ledger> {
    Arc::new(PgStore::new(apart("ledger", LEDGER).await))
}

/// What stands in a schema of its own: the ledger and the switches. Rows are shared.
const LEDGER: &[&str] = &["intents", "owed_registrations", "dual_write_switches", "dual_write_switch_changes"];

/// Routes that nobody else changes.
async fn routes() -> Arc<dyn RouteStore> {
    Arc::new(PgStore::new(apart("routes", &["engine_routes", "engine_route_changes"]).await))
}

async fn world_apart() -> World {
    world::world_on(apart("world", LEDGER).await)
}

/// A pool on the shared database, where these tables are a case's own: in a schema of its own.
async fn apart(what: &str, tables: &[&str]) -> PgPool {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let schema = format!("{what}_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let mut make = vec![format!("DROP SCHEMA IF EXISTS {schema} CASCADE"), format!("CREATE SCHEMA {schema}")];
    make.extend(tables.iter().map(|table| format!("CREATE TABLE {schema}.{table} (LIKE {table} INCLUDING ALL)")));
    let make = make.join(";");
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&world::migrated().await).await.unwrap();
    server::pool(server::shared().options([("search_path", format!("{schema},public"))])).await
}

conformance::ledger!(ledger);
conformance::switches!(world_apart);
conformance::routes!(routes);
conformance::agents!(world);
conformance::api_keys!(world);
conformance::tasks!(world);
conformance::trackers!(world);
conformance::checkpoints!(world);
conformance::events!(world);
conformance::messages!(world);
conformance::states!(world);
conformance::rows!(scanned);
