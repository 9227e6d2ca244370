//! The routes of engines on PostgreSQL: a table, the log of who changed what, and a notification.

use crate::PgStore;
use authz::Kind;
use authz_router::{Change, Destination, Ear, EngineName, Order, Route, RouteError, RouteStore};
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgListener, PgPoolOptions};
use std::sync::Arc;

/// Where it is made known that a route has changed, or an index of an engine.
pub(crate) const CHANNEL: &str = "taskgate_engine_routes";

/// A row of the table.
struct RouteRow {
    resource_kind: String,
    account: String,
    engine: String,
    shadow: Option<String>,
    routed_at: DateTime<Utc>,
    routed_by: String,
    reason: String,
}

/// A row of the log.
struct ChangeRow {
    resource_kind: String,
    account: String,
    from_engine: Option<String>,
    from_shadow: Option<String>,
    to_engine: Option<String>,
    to_shadow: Option<String>,
    routed_at: DateTime<Utc>,
    routed_by: String,
    reason: String,
}

#[async_trait::async_trait]
impl RouteStore for PgStore {
    async fn routes(&self) -> Result<Vec<Route>, RouteError> {
        let rows = sqlx::query_as!(
            RouteRow,
            "SELECT resource_kind, account, engine, shadow, routed_at, routed_by, reason
            FROM engine_routes ORDER BY resource_kind, account"
        );
        let rows = rows.fetch_all(&self.pool).await.map_err(unavailable)?;
        // A newer gateway may know of more kinds. A name that cannot be read fails: it must not fall to the default.
        rows.into_iter().filter(|row| kind(&row.resource_kind).is_ok()).map(Route::try_from).collect()
    }

    async fn route(&self, order: &Order) -> Result<Change, RouteError> {
        let (kind, account) = (order.kind.as_str(), order.account.as_deref().unwrap_or_default());
        let engine = order.to.as_ref().map(|to| to.engine.as_str());
        let shadow = order.to.as_ref().and_then(|to| to.shadow.as_ref()).map(EngineName::as_str);
        let mut transaction = self.pool.begin().await.map_err(unavailable)?;
        // Two who change one route take turns, so that each is written down with what the other left.
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('engine_routes', 0))")
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let changed = sqlx::query_as!(
            ChangeRow,
            r#"WITH before AS (
                SELECT engine, shadow FROM engine_routes WHERE resource_kind = $1 AND account = $2
            ), gone AS (
                DELETE FROM engine_routes WHERE resource_kind = $1 AND account = $2 AND $3::text IS NULL
            ), made AS (
                INSERT INTO engine_routes (resource_kind, account, engine, shadow, routed_at, routed_by, reason)
                SELECT $1, $2, $3, $4, now(), $5, $6 WHERE $3::text IS NOT NULL
                ON CONFLICT (resource_kind, account) DO UPDATE
                SET engine = excluded.engine, shadow = excluded.shadow, routed_at = excluded.routed_at,
                    routed_by = excluded.routed_by, reason = excluded.reason
            )
            INSERT INTO engine_route_changes
                (resource_kind, account, from_engine, from_shadow, to_engine, to_shadow, routed_at, routed_by, reason)
            VALUES ($1, $2, (SELECT engine FROM before), (SELECT shadow FROM before), $3, $4, now(), $5, $6)
            RETURNING resource_kind, account, from_engine, from_shadow, to_engine, to_shadow,
                routed_at, routed_by, reason"#,
            kind,
            account,
            engine,
            shadow,
            order.by,
            order.reason
        );
        let changed = changed.fetch_one(&mut *transaction).await.map_err(unavailable)?;
        sqlx::query!("SELECT pg_notify($1, '')", CHANNEL).fetch_one(&mut *transaction).await.map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        changed.try_into()
    }

    async fn route_changes(&self, limit: u32) -> Result<Vec<Change>, RouteError> {
        let rows = sqlx::query_as!(
            ChangeRow,
            "SELECT resource_kind, account, from_engine, from_shadow, to_engine, to_shadow,
                routed_at, routed_by, reason
            FROM engine_route_changes ORDER BY id DESC LIMIT $1",
            i64::from(limit)
        );
        let rows = rows.fetch_all(&self.pool).await.map_err(unavailable)?;
        rows.into_iter().filter(|row| kind(&row.resource_kind).is_ok()).map(Change::try_from).collect()
    }

    async fn listen_for_routes(&self) -> Result<Box<dyn Ear>, RouteError> {
        // A connection of its own: it is held for as long as the process lives.
        let options = (*self.pool.connect_options()).clone();
        let alone = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let alone = alone.connect_with(options).await.map_err(unavailable)?;
        let mut listener = PgListener::connect_with(&alone).await.map_err(unavailable)?;
        listener.listen(CHANNEL).await.map_err(unavailable)?;
        Ok(Box::new(Listening(listener)))
    }
}

struct Listening(PgListener);

#[async_trait::async_trait]
impl Ear for Listening {
    async fn hear(&mut self) -> Result<(), RouteError> {
        let heard = self.0.try_recv().await.map_err(unavailable)?;
        // Without a connection, what was said meanwhile is lost: whoever listens is to begin again, and read.
        heard.map(drop).ok_or_else(|| RouteError("the connection that listens was lost".into()))
    }
}

fn kind(word: &str) -> Result<Kind, RouteError> {
    let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == word);
    kind.ok_or_else(|| RouteError(format!("a route is for the unknown kind `{word}`").into()))
}

fn account(text: String) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| text.into())
}

fn destination(engine: &str, shadow: Option<&str>) -> Result<Destination, RouteError> {
    let name = |text: &str| EngineName::parse(text).map_err(|error| RouteError(error.into()));
    Ok(Destination { engine: name(engine)?, shadow: shadow.map(name).transpose()? })
}

impl TryFrom<RouteRow> for Route {
    type Error = RouteError;

    fn try_from(row: RouteRow) -> Result<Self, RouteError> {
        Ok(Self {
            kind: kind(&row.resource_kind)?,
            account: account(row.account),
            to: destination(&row.engine, row.shadow.as_deref())?,
            at: row.routed_at,
            by: row.routed_by,
            reason: row.reason,
        })
    }
}

impl TryFrom<ChangeRow> for Change {
    type Error = RouteError;

    fn try_from(row: ChangeRow) -> Result<Self, RouteError> {
        let led = |engine: Option<&str>, shadow: Option<&str>| engine.map(|engine| destination(engine, shadow));
        Ok(Self {
            kind: kind(&row.resource_kind)?,
            account: account(row.account),
            from: led(row.from_engine.as_deref(), row.from_shadow.as_deref()).transpose()?,
            to: led(row.to_engine.as_deref(), row.to_shadow.as_deref()).transpose()?,
            at: row.routed_at,
            by: row.routed_by,
            reason: row.reason,
        })
    }
}

fn unavailable(error: sqlx::Error) -> RouteError {
    RouteError(error.into())
}
