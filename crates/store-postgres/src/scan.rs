//! What operators ask of the rows: all of them in order, the intents on some, and the tallies.

use crate::{PgStore, ledger};
use authz::{Kind, Principal};
use chrono::{DateTime, Utc};
use dual_write::{Direction, Intent, Row, RowScan, ScanError, Tally};
use std::sync::Arc;

/// A row of `agents` or of `tasks`, as far as its registration goes.
struct ScannedRow {
    id: String,
    tenant: Option<String>,
    agents: Vec<String>,
    creator_user_id: Option<String>,
    creator_service_account_id: Option<String>,
    created_at: Option<DateTime<Utc>>,
}

/// A checked statement for rows as they are scanned: from where, and with which agents.
macro_rules! scanned {
    ($agents:literal, $from:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ScannedRow,
            r#"SELECT item.id AS "id!", item.tenant, item.creator_user_id, item.creator_service_account_id,
                item.created_at, "# + $agents + r#" AS "agents!: Vec<String>" FROM "# + $from
            $(, $argument)*
        )
    };
}

#[async_trait::async_trait]
impl RowScan for PgStore {
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Row>, ScanError> {
        // No id is empty.
        let (after, limit) = (after.unwrap_or_default(), i64::from(limit));
        let page = match kind {
            Kind::Tenant => return Ok(Vec::new()),
            Kind::Agent => {
                let page = scanned!(
                    "ARRAY[]::text[]",
                    r#"agents AS item WHERE item.status <> 'DELETED' AND item.id COLLATE "C" > $1
                    ORDER BY item.id COLLATE "C" LIMIT $2"#,
                    after,
                    limit
                );
                page.fetch_all(&self.pool).await
            }
            Kind::ApiKey => {
                let page = sqlx::query_as!(
                    ScannedRow,
                    r#"SELECT item.id, agent.tenant, item.creator_user_id, item.creator_service_account_id,
                        item.created_at AS "created_at?", ARRAY[item.agent_id::text] AS "agents!: Vec<String>"
                    FROM (SELECT * FROM api_keys WHERE id COLLATE "C" > $1 ORDER BY id COLLATE "C" LIMIT $2) AS item
                    JOIN agents AS agent ON agent.id = item.agent_id ORDER BY item.id COLLATE "C""#,
                    after,
                    limit
                );
                page.fetch_all(&self.pool).await
            }
            Kind::Task => {
                // Each half has an index by the bytes of ids; together they would have none.
                let page = scanned!(
                    "ARRAY(SELECT agent_id FROM task_agents AS link WHERE link.task_id = item.id
                        ORDER BY agent_id COLLATE \"C\")",
                    r#"(
                        (SELECT id, tenant, creator_user_id, creator_service_account_id, created_at FROM tasks
                            WHERE status <> 'DELETED' AND id COLLATE "C" > $1 ORDER BY id COLLATE "C" LIMIT $2)
                        UNION ALL
                        (SELECT id, tenant, creator_user_id, creator_service_account_id, created_at FROM tasks
                            WHERE status IS NULL AND id COLLATE "C" > $1 ORDER BY id COLLATE "C" LIMIT $2)
                    ) AS item ORDER BY item.id COLLATE "C" LIMIT $2"#,
                    after,
                    limit
                );
                page.fetch_all(&self.pool).await
            }
        };
        Ok(page.map_err(unreadable)?.into_iter().map(Row::from).collect())
    }

    async fn rows(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Row>, ScanError> {
        let ids = texts(ids);
        let rows = match kind {
            Kind::Tenant => return Ok(Vec::new()),
            Kind::Agent => {
                let rows = scanned!(
                    "ARRAY[]::text[]",
                    "agents AS item WHERE item.status <> 'DELETED' AND item.id = ANY((SELECT $1::text[])::text[])",
                    &ids as &[&str]
                );
                rows.fetch_all(&self.pool).await
            }
            Kind::ApiKey => {
                let rows = sqlx::query_as!(
                    ScannedRow,
                    r#"SELECT item.id, agent.tenant, item.creator_user_id, item.creator_service_account_id,
                        item.created_at AS "created_at?", ARRAY[item.agent_id::text] AS "agents!: Vec<String>"
                    FROM api_keys AS item JOIN agents AS agent ON agent.id = item.agent_id
                    WHERE item.id = ANY((SELECT $1::text[])::text[])"#,
                    &ids as &[&str]
                );
                rows.fetch_all(&self.pool).await
            }
            Kind::Task => {
                let rows = scanned!(
                    "ARRAY(SELECT agent_id FROM task_agents AS link WHERE link.task_id = item.id
                        ORDER BY agent_id COLLATE \"C\")",
                    "tasks AS item
                    WHERE item.status IS DISTINCT FROM 'DELETED' AND item.id = ANY((SELECT $1::text[])::text[])",
                    &ids as &[&str]
                );
                rows.fetch_all(&self.pool).await
            }
        };
        Ok(rows.map_err(unreadable)?.into_iter().map(Row::from).collect())
    }

    async fn estimate(&self, kind: Kind) -> Result<u64, ScanError> {
        let table = match kind {
            Kind::Tenant => return Ok(0),
            Kind::Agent => "agents",
            Kind::Task => "tasks",
            Kind::ApiKey => "api_keys",
        };
        let rows = sqlx::query_scalar!(
            r#"SELECT reltuples::bigint AS "rows!" FROM pg_class WHERE oid = to_regclass($1)"#,
            table
        );
        let rows = rows.fetch_optional(&self.pool).await.map_err(unreadable)?;
        // Below zero in a table that was never analyzed.
        Ok(rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or_default())
    }

    async fn intents(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Intent>, ScanError> {
        ledger::on(&self.pool, kind, &texts(ids)).await.map_err(|error| ScanError::Rows(error.into()))
    }

    async fn oldest_intents(&self, limit: u32) -> Result<Vec<Intent>, ScanError> {
        ledger::oldest(&self.pool, limit).await.map_err(|error| ScanError::Rows(error.into()))
    }

    async fn tally(&self, more: &[Tally]) -> Result<(), ScanError> {
        let kinds: Vec<_> = more.iter().map(|tally| tally.kind.as_str()).collect();
        let directions: Vec<_> = more.iter().map(|tally| tally.direction.as_str()).collect();
        let found: Vec<_> = more.iter().map(|tally| tally.found.cast_signed()).collect();
        let repaired: Vec<_> = more.iter().map(|tally| tally.repaired.cast_signed()).collect();
        // Sorted, so that those who count at once wait for each other in the same order.
        let add = sqlx::query!(
            "INSERT INTO orphan_tallies AS tally (resource_kind, direction, found, repaired)
            SELECT kind, direction, sum(found)::bigint, sum(repaired)::bigint
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS more (kind, direction, found, repaired)
            GROUP BY kind, direction ORDER BY kind, direction
            ON CONFLICT (resource_kind, direction) DO UPDATE
            SET found = tally.found + excluded.found, repaired = tally.repaired + excluded.repaired",
            &kinds as &[&str],
            &directions as &[&str],
            &found,
            &repaired,
        );
        add.execute(&self.pool).await.map(drop).map_err(unreadable)
    }

    async fn tallies(&self) -> Result<Vec<Tally>, ScanError> {
        let tallies = sqlx::query!("SELECT resource_kind, direction, found, repaired FROM orphan_tallies");
        let tallies = tallies.fetch_all(&self.pool).await.map_err(unreadable)?.into_iter();
        // Kinds of a newer version are none of ours.
        Ok(tallies
            .filter_map(|row| {
                let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == row.resource_kind)?;
                let direction = Direction::from_word(&row.direction)?;
                let (found, repaired) = (row.found.unsigned_abs(), row.repaired.unsigned_abs());
                Some(Tally { kind, direction, found, repaired })
            })
            .collect())
    }
}

/// Ids as PostgreSQL can be asked for them: no row has one with U+0000 in it.
fn texts(ids: &[Arc<str>]) -> Vec<&str> {
    ids.iter().map(|id| &**id).filter(|id| !id.contains('\0')).collect()
}

fn unreadable(error: sqlx::Error) -> ScanError {
    ScanError::Rows(error.into())
}

impl From<ScannedRow> for Row {
    fn from(row: ScannedRow) -> Self {
        let user = row.creator_user_id.map(Principal::user);
        Self {
            id: row.id.into(),
            tenant: row.tenant.map(Into::into),
            agents: row.agents.into_iter().map(Into::into).collect(),
            creator: user.or_else(|| row.creator_service_account_id.map(Principal::service_account)),
            made_at: row.created_at,
        }
    }
}
