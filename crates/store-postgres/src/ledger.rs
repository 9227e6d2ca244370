//! The ledger of intents on PostgreSQL. The stores of tasks and agents settle an intent in the statement
//! that inserts its row, and open one in the transaction that removes it; what a row owes is noted and
//! forgotten likewise.

use crate::{PgStore, fault::Fault, openings::Opening};
use authz::{IntentId, Kind, Principal, PrincipalKind, Registered, Registration, ResourceRef};
use chrono::{DateTime, TimeDelta, Utc};
use coalesce::Unanswered;
use dual_write::{Backlog, Intent, LEDGER_VERSION, Ledger, LedgerError, Op, Owed, Stage};
use sqlx::{PgConnection, PgExecutor, PgPool, Postgres, Transaction, pool::PoolConnection};

/// A row of `intents`.
struct IntentRow {
    id: String,
    op: String,
    resource_kind: String,
    resource_id: String,
    account: Option<String>,
    stage: String,
    twice: bool,
    attempts: i32,
    opened_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
}

#[async_trait::async_trait]
impl Ledger for PgStore {
    async fn open(&self, intent: &Intent) -> Result<(), LedgerError> {
        self.openings.ask(Opening(intent.clone())).await.map_err(|unanswered| match unanswered {
            Unanswered::Failed(error) => LedgerError(error.into()),
            Unanswered::Lost => LedgerError("the intent was lost".into()),
        })
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
                SELECT id, due_at FROM intents
                WHERE due_at <= now() AND schema_version <= $3
                    AND dual_write_mode(resource_kind, COALESCE(account, '')) <> 'off'
                ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
            ), claimed AS (
                UPDATE intents SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)
                FROM due WHERE intents.id = due.id
                RETURNING intents.*, due.due_at AS was_due_at
            )
            SELECT id AS "id!", op AS "op!", resource_kind AS "resource_kind!", resource_id AS "resource_id!", account,
                stage AS "stage!", twice AS "twice!", attempts AS "attempts!", opened_at AS "opened_at!",
                due_at AS "due_at!"
            FROM claimed ORDER BY was_due_at, id"#,
            i64::from(limit),
            lease.as_seconds_f64(),
            LEDGER_VERSION,
        );
        claimed.fetch_all(&self.pool).await.map_err(unavailable)?.into_iter().map(Intent::try_from).collect()
    }

    async fn claim_owed(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Owed>, LedgerError> {
        // From account to account: those that are off may owe millions.
        let claimed = sqlx::query_as!(
            OwedRow,
            r#"WITH RECURSIVE accounts AS (
                (SELECT resource_kind, account FROM owed_registrations ORDER BY resource_kind, account LIMIT 1)
                UNION ALL
                SELECT next.resource_kind, next.account FROM accounts, LATERAL (
                    SELECT resource_kind, account FROM owed_registrations AS owed
                    WHERE (owed.resource_kind, owed.account) > (accounts.resource_kind, accounts.account)
                    ORDER BY resource_kind, account LIMIT 1
                ) AS next
            ), due AS (
                SELECT found.resource_kind, found.resource_id FROM accounts, LATERAL (
                    SELECT owed.resource_kind, owed.resource_id, owed.due_at FROM owed_registrations AS owed
                    WHERE owed.resource_kind = accounts.resource_kind AND owed.account = accounts.account
                        AND owed.due_at <= now()
                    ORDER BY owed.due_at LIMIT $1 FOR UPDATE SKIP LOCKED
                ) AS found
                WHERE dual_write_mode(accounts.resource_kind, accounts.account) <> 'off'
                ORDER BY found.due_at LIMIT $1
            )
            UPDATE owed_registrations AS owed
            SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)
            FROM due WHERE owed.resource_kind = due.resource_kind AND owed.resource_id = due.resource_id
            RETURNING owed.resource_kind, owed.resource_id, owed.account, owed.owner_kind, owed.owner_id,
                owed.parent_kind, owed.parent_id, owed.attempts"#,
            i64::from(limit),
            lease.as_seconds_f64(),
        );
        claimed.fetch_all(&self.pool).await.map_err(unavailable)?.into_iter().map(Owed::try_from).collect()
    }

    async fn settle_owed(&self, resource: &ResourceRef) -> Result<bool, LedgerError> {
        let settle = sqlx::query!(
            "DELETE FROM owed_registrations WHERE resource_kind = $1 AND resource_id = $2",
            resource.kind.as_str(),
            &*resource.id
        );
        Ok(settle.execute(&self.pool).await.map_err(unavailable)?.rows_affected() > 0)
    }

    async fn backlog(&self) -> Result<Backlog, LedgerError> {
        let backlog = sqlx::query!(
            r#"SELECT count(*) AS "pending!", min(opened_at) AS oldest,
                count(*) FILTER (WHERE schema_version > $1) AS "newer!",
                (SELECT count(*) FROM owed_registrations) AS "owed!"
            FROM intents"#,
            LEDGER_VERSION
        );
        let backlog = backlog.fetch_one(&self.pool).await.map_err(unavailable)?;
        Ok(Backlog {
            pending: backlog.pending.unsigned_abs(),
            oldest: backlog.oldest,
            newer: backlog.newer.unsigned_abs(),
            owed: backlog.owed.unsigned_abs(),
        })
    }
}

/// The commit that persists a row: of the row alone, or together with the note of what it owes.
pub(crate) enum Commit<'a> {
    Row(PoolConnection<Postgres>),
    RowAndNote(Transaction<'static, Postgres>, &'a Registration),
}

impl<'a> Commit<'a> {
    pub(crate) async fn begin(pool: &PgPool, registered: &'a Registered) -> sqlx::Result<Self> {
        match registered.owed() {
            None => Ok(Self::Row(pool.acquire().await?)),
            Some(owed) => Ok(Self::RowAndNote(pool.begin().await?, owed)),
        }
    }

    /// Where the statement that persists the row is to run.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Row(connection) => connection,
            Self::RowAndNote(transaction, _) => transaction,
        }
    }

    /// Notes what the row owes, if it is persisted and owes anything.
    pub(crate) async fn end(self, persisted: bool) -> sqlx::Result<()> {
        let Self::RowAndNote(mut transaction, owed) = self else { return Ok(()) };
        if persisted {
            owe(&mut *transaction, owed).await?;
        }
        transaction.commit().await
    }
}

async fn owe(executor: impl PgExecutor<'_>, owed: &Registration) -> sqlx::Result<()> {
    let note = sqlx::query!(
        "INSERT INTO owed_registrations (resource_kind, resource_id, account, owner_kind, owner_id, parent_kind, parent_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        owed.resource.kind.as_str(),
        &*owed.resource.id,
        &*owed.tenant,
        owed.owner.kind().as_str(),
        owed.owner.id(),
        owed.parent.as_ref().map(|parent| parent.kind.as_str()),
        owed.parent.as_ref().map(|parent| &*parent.id),
    );
    note.execute(executor).await.map(drop)
}

/// Writes down the intent of an ending, and forgets what was owed. If anything was, a reconciler may be about to
/// register it, and the relationships are made to go twice.
pub(crate) async fn end(executor: impl PgExecutor<'_>, intent: &Intent) -> sqlx::Result<()> {
    let end = sqlx::query!(
        "WITH owed AS (
            DELETE FROM owed_registrations WHERE resource_kind = $3 AND resource_id = $4 RETURNING 1
        )
        INSERT INTO intents
            (id, op, resource_kind, resource_id, stage, twice, opened_at, due_at, account, schema_version)
        VALUES ($1, $2, $3, $4, $5, $6 OR EXISTS (SELECT FROM owed), $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING",
        intent.id.as_str(),
        intent.op.as_str(),
        intent.resource.kind.as_str(),
        &*intent.resource.id,
        intent.stage.as_str(),
        intent.twice,
        intent.opened_at,
        intent.due_at,
        intent.account.as_deref(),
        LEDGER_VERSION,
    );
    end.execute(executor).await.map(drop)
}

/// Whether an intent is still its maker's to settle.
pub(crate) async fn is_open(pool: &PgPool, id: &IntentId) -> Result<bool, Fault> {
    let open = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM intents WHERE id = $1 AND stage = 'open') AS "open!""#,
        id.as_str()
    );
    Ok(open.fetch_one(pool).await?)
}

/// The intents on these resources, in any order; a registration that is owed is one, too.
pub(crate) async fn on(pool: &PgPool, kind: Kind, ids: &[&str]) -> Result<Vec<Intent>, LedgerError> {
    let intents = sqlx::query_as!(
        IntentRow,
        r#"SELECT id AS "id!", op AS "op!", resource_kind AS "resource_kind!", resource_id AS "resource_id!",
            stage AS "stage!", twice AS "twice!", attempts AS "attempts!", opened_at AS "opened_at!",
            due_at AS "due_at!", account
        FROM intents WHERE resource_kind = $1 AND resource_id = ANY($2)
        UNION ALL
        SELECT 'owed', 'register', resource_kind, resource_id, 'open', false, attempts, due_at, due_at, account
        FROM owed_registrations WHERE resource_kind = $1 AND resource_id = ANY($2)"#,
        kind.as_str(),
        ids as &[&str]
    );
    intents.fetch_all(pool).await.map_err(unavailable)?.into_iter().map(Intent::try_from).collect()
}

/// The oldest intents.
pub(crate) async fn oldest(pool: &PgPool, limit: u32) -> Result<Vec<Intent>, LedgerError> {
    let intents = sqlx::query_as!(
        IntentRow,
        "SELECT id, op, resource_kind, resource_id, stage, twice, attempts, opened_at, due_at, account
        FROM intents ORDER BY opened_at, id LIMIT $1",
        i64::from(limit)
    );
    intents.fetch_all(pool).await.map_err(unavailable)?.into_iter().map(Intent::try_from).collect()
}

/// A row of `owed_registrations`.
struct OwedRow {
    resource_kind: String,
    resource_id: String,
    account: String,
    owner_kind: String,
    owner_id: String,
    parent_kind: Option<String>,
    parent_id: Option<String>,
    attempts: i32,
}

impl TryFrom<OwedRow> for Owed {
    type Error = LedgerError;

    fn try_from(row: OwedRow) -> Result<Self, LedgerError> {
        let owner = PrincipalKind::from_word(&row.owner_kind).ok_or_else(|| unknown("owner_kind", &row.owner_kind))?;
        let parent = row.parent_kind.zip(row.parent_id).map(|(word, id)| resource("parent_kind", &word, id));
        let registration = Registration {
            resource: resource("resource_kind", &row.resource_kind, row.resource_id)?,
            owner: Principal::new(owner, row.owner_id),
            tenant: row.account.into(),
            parent: parent.transpose()?,
        };
        Ok(Self { registration, attempts: row.attempts.unsigned_abs() })
    }
}

fn resource(column: &str, word: &str, id: String) -> Result<ResourceRef, LedgerError> {
    let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == word);
    Ok(ResourceRef { kind: kind.ok_or_else(|| unknown(column, word))?, id: id.into() })
}

fn unknown(column: &str, word: &str) -> LedgerError {
    LedgerError(format!("`{column}` of the ledger holds the unknown word `{word}`").into())
}

fn unavailable(error: sqlx::Error) -> LedgerError {
    LedgerError(error.into())
}

impl TryFrom<IntentRow> for Intent {
    type Error = LedgerError;

    fn try_from(row: IntentRow) -> Result<Self, LedgerError> {
        Ok(Self {
            id: IntentId::new(row.id),
            op: Op::from_word(&row.op).ok_or_else(|| unknown("op", &row.op))?,
            resource: resource("resource_kind", &row.resource_kind, row.resource_id)?,
            account: row.account.map(Into::into),
            stage: Stage::from_word(&row.stage).ok_or_else(|| unknown("stage", &row.stage))?,
            twice: row.twice,
            attempts: row.attempts.unsigned_abs(),
            opened_at: row.opened_at,
            due_at: row.due_at,
        })
    }
}
