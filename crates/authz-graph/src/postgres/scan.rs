//! All that the graph has heard of, in the order of ids.

use super::{GraphEngine, columns::storable, unavailable};
use async_trait::async_trait;
use authz::{EngineError, Kind, Known, RegistrationScan, Relation, Relationship, RelationshipScan, ResourceRef};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// What `relationships` say of one resource.
struct KnownRow {
    id: String,
    owned: bool,
    runtime: bool,
    tenants: Option<Vec<String>>,
    parents: Option<Vec<String>>,
    since: Option<DateTime<Utc>>,
}

/// A checked statement for what is known: since when, and of which.
macro_rules! known {
    ($since:literal, $which:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            KnownRow,
            r#"SELECT resource_id AS "id!", bool_or(relation = 'owner') AS "owned!", bool_or(relation = 'runtime') AS "runtime!",
                array_agg(subject_id) FILTER (WHERE relation = 'tenant') AS "tenants?: Vec<String>",
                array_agg(subject_id) FILTER (WHERE relation = 'parent_agent') AS "parents?: Vec<String>", "#
                + $since + r#" AS "since?" FROM relationships WHERE resource_kind = $1 AND "# + $which
            $(, $argument)*
        )
    };
}

#[async_trait]
impl RegistrationScan for GraphEngine {
    /// Reads the primary key only: the time, which is not in it, is left out.
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Known>, EngineError> {
        let page = known!(
            "NULL::timestamptz",
            "resource_id > $2 GROUP BY resource_id ORDER BY resource_id LIMIT $3",
            kind.as_str(),
            after.unwrap_or_default(),
            i64::from(limit)
        );
        Ok(page.fetch_all(&self.pool).await.map_err(unavailable)?.into_iter().map(Known::from).collect())
    }

    async fn known(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Known>, EngineError> {
        let ids: Vec<_> = ids.iter().map(|id| storable(id)).collect();
        let known =
            known!("max(created_at)", "resource_id = ANY($2) GROUP BY resource_id", kind.as_str(), &ids as &[&str]);
        Ok(known.fetch_all(&self.pool).await.map_err(unavailable)?.into_iter().map(Known::from).collect())
    }
}

impl From<KnownRow> for Known {
    fn from(row: KnownRow) -> Self {
        let sorted = |subjects: Option<Vec<String>>| {
            let mut subjects: Vec<Arc<str>> = subjects.into_iter().flatten().map(Into::into).collect();
            subjects.sort();
            subjects
        };
        Self {
            id: row.id.into(),
            owned: row.owned,
            runtime: row.runtime,
            tenants: sorted(row.tenants),
            parents: sorted(row.parents),
            since: row.since,
        }
    }
}

#[async_trait]
impl RelationshipScan for GraphEngine {
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Relationship>, EngineError> {
        let page = sqlx::query!(
            "SELECT resource_id, relation, subject_kind, subject_id FROM relationships
             WHERE resource_kind = $1 AND resource_id > $2 AND resource_id <= (
                 SELECT max(resource_id) FROM (
                     SELECT DISTINCT resource_id FROM relationships
                     WHERE resource_kind = $1 AND resource_id > $2 ORDER BY resource_id LIMIT $3
                 ) AS page
             ) ORDER BY resource_id",
            kind.as_str(),
            after.unwrap_or_default(),
            i64::from(limit)
        );
        let rows = page.fetch_all(&self.pool).await.map_err(unavailable)?;
        // A newer gateway may write relations that are not known here: they would allow nothing.
        let relationships = rows.into_iter().filter_map(|row| {
            Some(Relationship {
                resource: ResourceRef { kind, id: row.resource_id.into() },
                relation: Relation::from_word(&row.relation)?,
                subject_kind: row.subject_kind.into(),
                subject_id: row.subject_id.into(),
            })
        });
        Ok(relationships.collect())
    }
}
