//! The engine suite on the decision cache around the embedded engine in PostgreSQL.

use crate::common::{Apart, redis, settings, shared};
use authz::Authorizer;
use authz_graph::GraphEngine;
use cache_redis::DecisionCache;
use sqlx::postgres::PgPoolOptions;
use std::sync::Arc;
use tokio::sync::OnceCell;

static MIGRATED: OnceCell<()> = OnceCell::const_new();

/// On a pool of its own for each case: a pool lives no longer than the runtime it was made in.
async fn engine() -> Arc<dyn Authorizer> {
    let url = std::env::var("TEST_DATABASE_URL");
    let url = url.expect("TEST_DATABASE_URL names no database: run these tests with `tests/run`");
    let pool = PgPoolOptions::new().max_connections(4).connect(&url).await;
    let pool = pool.expect("the test database is reachable");
    MIGRATED.get_or_init(async || store_postgres::migrate(&pool).await.expect("the test database is migrated")).await;
    Arc::new(GraphEngine::new(pool))
}

async fn in_process() -> Arc<dyn Authorizer> {
    Arc::new(DecisionCache::in_process(engine().await, &settings()))
}

/// Reads at one node what was written at the other.
async fn two_nodes() -> Arc<dyn Authorizer> {
    let redis = redis();
    Arc::new(Apart::new(shared(engine().await, &redis), shared(engine().await, &redis)).await)
}

mod process {
    use super::in_process;
    conformance::authorizer!(in_process);
    conformance::corpus!(in_process);
}

mod apart {
    use super::two_nodes;
    conformance::authorizer!(two_nodes);
    conformance::corpus!(two_nodes);
}
