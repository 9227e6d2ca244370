//! The databases that the tests of this crate run in.
#![expect(clippy::expect_used, reason = "a test without its database fails")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part of this")]

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::sync::atomic::{AtomicU32, Ordering};

/// The server to test on, and the database there that all tests may share.
pub fn shared() -> PgConnectOptions {
    let url = std::env::var("TEST_DATABASE_URL");
    let url = url.expect("TEST_DATABASE_URL names no database: run these tests with `tests/run`");
    url.parse().expect("TEST_DATABASE_URL is the address of a PostgreSQL database")
}

/// A pool of its own for each case: a pool lives no longer than the runtime it was made in.
pub async fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(4).connect_with(options).await.expect("the test database is reachable")
}

/// A pool on the shared database, whose schema is up to date.
pub async fn migrated() -> PgPool {
    static ONCE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let pool = pool(shared()).await;
    let migrate = || async { store_postgres::migrate(&pool).await.expect("the test database can be migrated") };
    ONCE.get_or_init(migrate).await;
    pool
}

/// An empty database of the test's own.
pub struct Scratch {
    name: String,
}

impl Scratch {
    /// Makes one.
    pub async fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("scratch_{}_{made}", std::process::id());
        command(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        command(&format!("CREATE DATABASE {name}")).await;
        Self { name }
    }

    /// A pool on it.
    pub async fn pool(&self) -> PgPool {
        pool(shared().database(&self.name)).await
    }

    /// Drops it. A test that fails leaves it for a look; the next run of the process number drops it.
    pub async fn drop(self) {
        command(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn command(sql: &str) {
    let mut connection = PgConnection::connect_with(&shared()).await.expect("the test server is reachable");
    connection.execute(AssertSqlSafe(sql)).await.expect(sql);
}
