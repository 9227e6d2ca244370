//! The switches of dual writes on PostgreSQL: a table, the log of who turned what, and a notification.

use crate::PgStore;
use authz::Kind;
use chrono::{DateTime, Utc};
use dual_write::{Change, Ear, Mode, Order, Switch, SwitchError, SwitchStore};
use sqlx::postgres::{PgListener, PgPoolOptions};
use std::sync::Arc;

/// Where a turned switch is made known.
const CHANNEL: &str = "taskgate_dual_write_switches";

/// A row of the table, or of the log, of which the first has no mode before.
struct SwitchRow {
    resource_kind: String,
    account: String,
    from_mode: Option<String>,
    mode: String,
    turned_at: DateTime<Utc>,
    turned_by: String,
    reason: String,
}

#[async_trait::async_trait]
impl SwitchStore for PgStore {
    async fn switches(&self) -> Result<Vec<Switch>, SwitchError> {
        let rows = sqlx::query_as!(
            SwitchRow,
            "SELECT resource_kind, account, NULL AS from_mode, mode, turned_at, turned_by, reason
            FROM dual_write_switches ORDER BY resource_kind, account"
        );
        let rows = rows.fetch_all(&self.pool).await.map_err(unavailable)?;
        // A newer gateway may know of more kinds.
        Ok(rows.into_iter().filter_map(|row| Some(Change::try_from(row).ok()?.switch)).collect())
    }

    async fn turn(&self, order: &Order) -> Result<Change, SwitchError> {
        let (kind, account) = (order.kind.as_str(), order.account.as_deref().unwrap_or_default());
        let mut transaction = self.pool.begin().await.map_err(unavailable)?;
        // Two who turn one switch take turns, so that each is written down with what the other left.
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('dual_write_switches', 0))")
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let turned = sqlx::query_as!(
            SwitchRow,
            r#"WITH before AS (
                SELECT mode FROM dual_write_switches WHERE resource_kind = $1 AND account = $2
            ), turned AS (
                INSERT INTO dual_write_switches (resource_kind, account, mode, turned_at, turned_by, reason)
                VALUES ($1, $2, $3, now(), $4, $5)
                ON CONFLICT (resource_kind, account) DO UPDATE
                SET mode = excluded.mode, turned_at = excluded.turned_at, turned_by = excluded.turned_by,
                    reason = excluded.reason
            )
            INSERT INTO dual_write_switch_changes
                (resource_kind, account, from_mode, to_mode, turned_at, turned_by, reason)
            VALUES ($1, $2, (SELECT mode FROM before), $3, now(), $4, $5)
            RETURNING resource_kind, account, from_mode, to_mode AS mode, turned_at, turned_by, reason"#,
            kind,
            account,
            order.mode.as_str(),
            order.by,
            order.reason
        );
        let turned = turned.fetch_one(&mut *transaction).await.map_err(unavailable)?;
        sqlx::query!("SELECT pg_notify($1, '')", CHANNEL).fetch_one(&mut *transaction).await.map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        turned.try_into()
    }

    async fn changes(&self, limit: u32) -> Result<Vec<Change>, SwitchError> {
        let rows = sqlx::query_as!(
            SwitchRow,
            "SELECT resource_kind, account, from_mode, to_mode AS mode, turned_at, turned_by, reason
            FROM dual_write_switch_changes ORDER BY id DESC LIMIT $1",
            i64::from(limit)
        );
        let rows = rows.fetch_all(&self.pool).await.map_err(unavailable)?;
        rows.into_iter().map(Change::try_from).collect()
    }

    async fn listen(&self) -> Result<Box<dyn Ear>, SwitchError> {
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
    async fn hear(&mut self) -> Result<(), SwitchError> {
        let heard = self.0.try_recv().await.map_err(unavailable)?;
        // Without a connection, what was said meanwhile is lost: whoever listens is to begin again, and read.
        heard.map(drop).ok_or_else(|| SwitchError("the connection that listens was lost".into()))
    }
}

impl TryFrom<SwitchRow> for Change {
    type Error = SwitchError;

    fn try_from(row: SwitchRow) -> Result<Self, SwitchError> {
        let unknown = |word: &str| SwitchError(format!("a switch holds the unknown word `{word}`").into());
        let mode = |word: &str| Mode::from_word(word).ok_or_else(|| unknown(word));
        let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == row.resource_kind);
        let switch = Switch {
            kind: kind.ok_or_else(|| unknown(&row.resource_kind))?,
            account: (!row.account.is_empty()).then(|| Arc::from(row.account)),
            mode: mode(&row.mode)?,
            at: row.turned_at,
            by: row.turned_by,
            reason: row.reason,
        };
        Ok(Self { switch, from: row.from_mode.as_deref().map(mode).transpose()? })
    }
}

fn unavailable(error: sqlx::Error) -> SwitchError {
    SwitchError(error.into())
}
