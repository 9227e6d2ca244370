//! Brings a database's schema up to date.
//!
//! The rules the files follow stand in `migrations/README.md`. This is what runs them: one process at a
//! time, each file under the timeouts it needs, on a connection of its own.

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, PgPool,
    migrate::{AppliedMigration, Migrate, Migration, Migrator},
};
use std::time::Duration;

static FILES: Migrator = sqlx::migrate!("../../migrations");

/// Where sqlx writes down what has been applied.
const APPLIED: &str = "_sqlx_migrations";

/// The advisory lock that one migrating process holds: "taskgate" in ASCII.
const LOCK: i64 = 0x7461_736b_6761_7465;

/// How often a process looks whether another is done.
const POLL: Duration = Duration::from_millis(100);

/// Nobody is made to wait behind a statement that itself waits for a lock, and no statement runs for long.
const BRIEF: &str = "SET lock_timeout = '3s'; SET statement_timeout = '30s'";

/// Statements outside a transaction take only locks that readers and writers do not notice, and may run for
/// as long as the table is large. Cut short, an index would be left half built.
const PATIENT: &str = "SET lock_timeout = 0; SET statement_timeout = 0";

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be reached, or refused something around the files.
    #[error("the database cannot be migrated")]
    Unavailable(#[from] sqlx::Error),
    /// A file was changed after this database was migrated with it.
    #[error("migration {version} was edited after it was applied")]
    Edited {
        /// Its number.
        version: i64,
    },
    /// A file failed. What went before it stays, and the next start goes on from there.
    #[error("migration {version} failed")]
    Failed {
        /// Its number.
        version: i64,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
}

/// Applies every migration that the database does not have yet.
///
/// Any number of processes may do this at once: one works, and the others wait for it. A database that
/// has migrations this program does not know is left as it is, so that an older version still starts.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    connection.execute(BRIEF).await?;
    lock(&mut connection).await?;
    let outcome = apply_missing(&mut connection).await;
    // The lock goes with the connection.
    connection.close().await?;
    outcome
}

/// A schema that is not the one this program was written for.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database cannot be asked.
    #[error("the database's schema cannot be read")]
    Unavailable(#[source] sqlx::Error),
    /// It lacks migrations.
    #[error(
        "the database's schema is older than this program: it lacks migration {lacks}; run `taskgate migrate` first"
    )]
    Older {
        /// The first one missing.
        lacks: i64,
    },
    /// A newer program has migrated it.
    #[error("the database's schema is newer than this program: it has migration {has}; use the newer program")]
    Newer {
        /// The first one unknown.
        has: i64,
    },
}

/// Whether the schema is exactly the one this program knows. A gateway also runs on a newer one; whoever
/// repairs rows does not.
pub async fn check_schema(pool: &PgPool) -> Result<(), SchemaError> {
    let there = sqlx::query_scalar!(r#"SELECT to_regclass($1) IS NOT NULL AS "there!""#, APPLIED);
    let there = there.fetch_one(pool).await.map_err(SchemaError::Unavailable)?;
    let mut applied = Vec::new();
    if there {
        let versions = sqlx::query_scalar::<_, i64>("SELECT version FROM _sqlx_migrations WHERE success");
        applied = versions.fetch_all(pool).await.map_err(SchemaError::Unavailable)?;
    }
    let known = || FILES.iter().map(|file| file.version);
    if let Some(lacks) = known().find(|version| !applied.contains(version)) {
        return Err(SchemaError::Older { lacks });
    }
    applied
        .into_iter()
        .filter(|version| known().all(|known| known != *version))
        .min()
        .map_or(Ok(()), |has| Err(SchemaError::Newer { has }))
}

/// Takes the lock by asking for it again and again. Waiting inside one statement would hold a snapshot,
/// for whose end the holder's `CREATE INDEX CONCURRENTLY` waits in turn.
async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut said = false;
    loop {
        let ask = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "held!""#, LOCK);
        if ask.fetch_one(&mut *connection).await? {
            return Ok(());
        }
        if !std::mem::replace(&mut said, true) {
            tracing::info!("another process is migrating the database: waiting for it");
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn apply_missing(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let around = |source| MigrateError::Failed { version: 0, source };
    connection.ensure_migrations_table(APPLIED).await.map_err(around)?;
    let applied = connection.list_applied_migrations(APPLIED).await.map_err(around)?;
    for migration in FILES.iter() {
        match applied.iter().find(|done| done.version == migration.version) {
            Some(done) => unchanged(migration, done)?,
            None => apply(connection, migration).await?,
        }
    }
    Ok(())
}

fn unchanged(migration: &Migration, done: &AppliedMigration) -> Result<(), MigrateError> {
    let same = migration.checksum == done.checksum;
    same.then_some(()).ok_or(MigrateError::Edited { version: migration.version })
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    if let Some(index) = index_built_by(migration.sql.as_str()) {
        drop_half_built(connection, index).await?;
    }
    connection.execute(if migration.no_tx { PATIENT } else { BRIEF }).await?;
    let failed = |source| MigrateError::Failed { version: migration.version, source };
    let took = connection.apply(APPLIED, migration).await.map_err(failed)?;
    tracing::info!(version = migration.version, ?took, "{}", migration.description);
    Ok(())
}

/// The index that a file builds concurrently.
fn index_built_by(sql: &str) -> Option<&str> {
    let (_, behind) = sql.split_once("INDEX CONCURRENTLY IF NOT EXISTS ")?;
    behind.split_whitespace().next()
}

/// Drops an index of this name that was left behind when its building was cut short: it serves nobody,
/// and `IF NOT EXISTS` would take it for done.
async fn drop_half_built(connection: &mut PgConnection, index: &str) -> Result<(), sqlx::Error> {
    let half_built = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid) AS "half!""#,
        index
    );
    if half_built.fetch_one(&mut *connection).await? {
        connection.execute(PATIENT).await?;
        connection.execute(AssertSqlSafe(format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"))).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_named_by_the_file_that_builds_it() {
        assert_eq!(index_built_by("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_b\n    ON a (b);"), Some("a_b"));
        assert_eq!(index_built_by("DROP INDEX CONCURRENTLY IF EXISTS a_b;"), None);
    }

    #[test]
    fn every_index_built_outside_a_transaction_can_be_built_again() {
        let built = FILES.iter().filter(|file| file.no_tx && file.sql.as_str().contains("CREATE"));
        assert!(built.clone().count() > 0);
        assert!(built.map(|file| index_built_by(file.sql.as_str())).all(|index| index.is_some()));
    }
}
