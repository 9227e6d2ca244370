//! A database of one test's own.

use sqlx::{Connection, Executor, PgConnection, PgPool, postgres::PgPoolOptions};
use std::time::Duration;

/// A new, empty database on the PostgreSQL that `tests/run` started.
#[derive(Clone, Debug)]
pub struct Database {
    /// How a server reaches it.
    pub url: String,
    /// How a test reaches it.
    pub pool: PgPool,
}

/// The PostgreSQL that `tests/run` started.
#[must_use]
pub fn server_url() -> String {
    std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL is not set: run the tests with tests/run")
}

impl Database {
    /// Makes one.
    pub async fn create() -> Self {
        let server = server_url();
        let name = format!("blackbox_{}", uuid::Uuid::new_v4().simple());
        let mut admin = PgConnection::connect(&server).await.expect("the test PostgreSQL answers");
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (base, _) = server.rsplit_once('/').expect("TEST_DATABASE_URL names a database");
        let url = format!("{base}/{name}");
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(30))
            .connect_lazy(&url)
            .expect("the url is well-formed");
        Self { url, pool }
    }

    /// Runs statements, as an operator would at a prompt.
    pub async fn run(&self, sql: &str) {
        self.pool
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())))
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// The rows that a statement finds, each as the text of a composite.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        let text = format!("SELECT found::text FROM ({sql}) AS found");
        sqlx::query_scalar(sqlx::AssertSqlSafe(text))
            .fetch_all(&self.pool)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// The number that a statement answers.
    pub async fn number(&self, sql: &str) -> i64 {
        let text = format!("SELECT ({sql})::bigint");
        sqlx::query_scalar(sqlx::AssertSqlSafe(text))
            .fetch_one(&self.pool)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// Makes every statement of a kind on a table fail, as a broken disk under it would.
    pub async fn break_table(&self, table: &str, event: &str) {
        let name = format!("broken_{table}_{}", event.to_lowercase());
        self.run(&format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'disk on fire in {table}' USING ERRCODE = '58030'; END $$;
             CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}();"
        ))
        .await;
    }

    /// Ends what [`Database::break_table`] began.
    pub async fn mend_table(&self, table: &str, event: &str) {
        self.run(&format!("DROP FUNCTION broken_{table}_{}() CASCADE", event.to_lowercase())).await;
    }

    /// Closes the test's own connections and removes the database, whoever else is connected.
    pub async fn drop(self) {
        self.pool.close().await;
        let name = self.url.rsplit('/').next().unwrap().to_owned();
        let mut admin = PgConnection::connect(&server_url()).await.expect("the test PostgreSQL answers");
        admin.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await.unwrap();
    }
}
