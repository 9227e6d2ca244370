//! The ledger of intents on PostgreSQL. The stores of tasks and agents settle an intent in the statement
//! that inserts its row, and open one in the transaction that removes it.

use crate::{PgStore, fault::Fault};
use authz::{IntentId, Kind, ResourceRef};
use chrono::{DateTime, TimeDelta, Utc};
use dual_write::{Backlog, Intent, Ledger, LedgerError, Op, Stage};
use sqlx::{PgExecutor, PgPool};

/// A row of `intents`.
struct IntentRow {
    id: String,
    op: String,
    resource_kind: String,
    resource_id: String,
    stage: String,
    twice: bool,
    attempts: i32,
    opened_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
}

#[async_trait::async_trait]
impl Ledger for PgStore {
    async fn open(&self, intent: &Intent) -> Result<(), LedgerError> {
        open(&self.pool, intent).await.map_err(unavailable)
    }

    async fn close(&self, id: &IntentId) -> Result<bool, LedgerError> {
        let close = sqlx::query!("UPDATE intents SET stage = 'undoing' WHERE id = $1 AND stage = 'open'", id.as_str());
        Ok(close.execute(&self.pool).await.map_err(unavailable)?.rows_affected() > 0)
    }

    async fn postpone(&self, id: &IntentId, stage: Stage, due_at: DateTime<Utc>) -> Result<(), LedgerError> {
        let (id, stage) = (id.as_str(), stage.as_str());
        let postpone = sqlx::query!("UPDATE intents SET stage = $2, due_at = $3 WHERE id = $1", id, stage, due_at);
        postpone.execute(&self.pool).await.map(drop).map_err(unavailable)
    }

    async fn settle(&self, id: &IntentId) -> Result<(), LedgerError> {
        let settle = sqlx::query!("DELETE FROM intents WHERE id = $1", id.as_str());
        settle.execute(&self.pool).await.map(drop).map_err(unavailable)
    }

    async fn claim(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Intent>, LedgerError> {
        // What another reconciler is claiming at this moment is passed over, not waited for.
        let claimed = sqlx::query_as!(
            IntentRow,
            r#"WITH due AS (
                SELECT id, due_at FROM intents WHERE due_at <= now() ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
            ), claimed AS (
                UPDATE intents SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)
                FROM due WHERE intents.id = due.id
                RETURNING intents.*, due.due_at AS was_due_at
            )
            SELECT id AS "id!", op AS "op!", resource_kind AS "resource_kind!", resource_id AS "resource_id!",
                stage AS "stage!", twice AS "twice!", attempts AS "attempts!", opened_at AS "opened_at!",
                due_at AS "due_at!"
            FROM claimed ORDER BY was_due_at, id"#,
            i64::from(limit),
            lease.as_seconds_f64(),
        );
        claimed.fetch_all(&self.pool).await.map_err(unavailable)?.into_iter().map(Intent::try_from).collect()
    }

    async fn backlog(&self) -> Result<Backlog, LedgerError> {
        let backlog = sqlx::query!(r#"SELECT count(*) AS "pending!", min(opened_at) AS oldest FROM intents"#);
        let backlog = backlog.fetch_one(&self.pool).await.map_err(unavailable)?;
        Ok(Backlog { pending: backlog.pending.unsigned_abs(), oldest: backlog.oldest })
    }
}

/// Writes an intent down, if it is not.
pub(crate) async fn open(executor: impl PgExecutor<'_>, intent: &Intent) -> sqlx::Result<()> {
    let open = sqlx::query!(
        "INSERT INTO intents (id, op, resource_kind, resource_id, stage, twice, opened_at, due_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
        intent.id.as_str(),
        intent.op.as_str(),
        intent.resource.kind.as_str(),
        &*intent.resource.id,
        intent.stage.as_str(),
        intent.twice,
        intent.opened_at,
        intent.due_at,
    );
    open.execute(executor).await.map(drop)
}

/// Whether an intent is still its maker's to settle.
pub(crate) async fn is_open(pool: &PgPool, id: &IntentId) -> Result<bool, Fault> {
    let open = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM intents WHERE id = $1 AND stage = 'open') AS "open!""#,
        id.as_str()
    );
    Ok(open.fetch_one(pool).await?)
}

/// The intents on these resources, in any order.
pub(crate) async fn on(pool: &PgPool, kind: Kind, ids: &[&str]) -> Result<Vec<Intent>, LedgerError> {
    let intents = sqlx::query_as!(
        IntentRow,
        "SELECT id, op, resource_kind, resource_id, stage, twice, attempts, opened_at, due_at
        FROM intents WHERE resource_kind = $1 AND resource_id = ANY($2)",
        kind.as_str(),
        ids as &[&str]
    );
    intents.fetch_all(pool).await.map_err(unavailable)?.into_iter().map(Intent::try_from).collect()
}

/// The oldest intents.
pub(crate) async fn oldest(pool: &PgPool, limit: u32) -> Result<Vec<Intent>, LedgerError> {
    let intents = sqlx::query_as!(
        IntentRow,
        "SELECT id, op, resource_kind, resource_id, stage, twice, attempts, opened_at, due_at
        FROM intents ORDER BY opened_at, id LIMIT $1",
        i64::from(limit)
    );
    intents.fetch_all(pool).await.map_err(unavailable)?.into_iter().map(Intent::try_from).collect()
}

fn unavailable(error: sqlx::Error) -> LedgerError {
    LedgerError(error.into())
}

impl TryFrom<IntentRow> for Intent {
    type Error = LedgerError;

    fn try_from(row: IntentRow) -> Result<Self, LedgerError> {
        let unknown = |column: &str, word: &str| {
            LedgerError(format!("`intents.{column}` holds the unknown word `{word}`").into())
        };
        let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == row.resource_kind);
        let kind = kind.ok_or_else(|| unknown("resource_kind", &row.resource_kind))?;
        Ok(Self {
            id: IntentId::new(row.id),
            op: Op::from_word(&row.op).ok_or_else(|| unknown("op", &row.op))?,
            resource: ResourceRef { kind, id: row.resource_id.into() },
            stage: Stage::from_word(&row.stage).ok_or_else(|| unknown("stage", &row.stage))?,
            twice: row.twice,
            attempts: row.attempts.unsigned_abs(),
            opened_at: row.opened_at,
            due_at: row.due_at,
        })
    }
}
