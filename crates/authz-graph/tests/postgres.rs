//! The engine suite on the graph in PostgreSQL, and how that graph uses PostgreSQL.
#![expect(clippy::expect_used, reason = "a test without its database fails")]

use authz::Authorizer;
use authz_graph::GraphEngine;
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::sync::Arc;

/// A pool of its own for each case: a pool lives no longer than the runtime it was made in.
async fn pool() -> PgPool {
    let url = std::env::var("TEST_DATABASE_URL");
    let url = url.expect("TEST_DATABASE_URL names no database: run these tests with `tests/run`");
    PgPoolOptions::new().max_connections(4).connect(&url).await.expect("the test database is reachable")
}

async fn engine() -> Arc<dyn Authorizer> {
    Arc::new(GraphEngine::new(pool().await))
}

conformance::authorizer!(engine);
