//! The PostgreSQL server that the tests run on.
#![expect(clippy::expect_used, reason = "a test without its database fails")]

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The server, and the database there that all tests may share.
pub fn shared() -> PgConnectOptions {
    let url = std::env::var("TEST_DATABASE_URL");
    let url = url.expect("TEST_DATABASE_URL names no database: run these tests with `tests/run`");
    url.parse().expect("TEST_DATABASE_URL is the address of a PostgreSQL database")
}

/// A pool of its own for each case: a pool lives no longer than the runtime it was made in.
pub async fn pool(options: PgConnectOptions) -> PgPool {
    let options = options.options(store_postgres::CONNECTION_SETTINGS);
    PgPoolOptions::new().max_connections(4).connect_with(options).await.expect("the test database is reachable")
}
