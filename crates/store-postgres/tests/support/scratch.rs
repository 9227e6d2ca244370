//! A database of a test's own.
#![expect(clippy::expect_used, reason = "a test without its database fails")]

use crate::server::{pool, shared};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use std::sync::atomic::{AtomicU32, Ordering};

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

    /// Drops it. A test that fails leaves it there for a look.
    pub async fn drop(self) {
        command(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn command(sql: &str) {
    let mut connection = PgConnection::connect_with(&shared()).await.expect("the test server is reachable");
    connection.execute(AssertSqlSafe(sql)).await.expect(sql);
}
