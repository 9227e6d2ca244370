//! How the indexes of engines stand, on PostgreSQL. They are made known with the routes.

use crate::{PgStore, routes::CHANNEL};
use authz::ConsistencyToken;
use authz_index::{Index, IndexError, IndexStore};

/// A row of the table.
struct Row {
    epoch: i64,
    reached: String,
    complete: bool,
    spoiled: bool,
    old: bool,
}

impl From<Row> for Index {
    fn from(Row { epoch, reached, complete, spoiled, old }: Row) -> Self {
        Self { epoch, reached: ConsistencyToken::new(reached), complete, spoiled, old }
    }
}

#[async_trait::async_trait]
impl IndexStore for PgStore {
    async fn index(&self, engine: &str) -> Result<Option<Index>, IndexError> {
        // SpiceDB remembers a day, as it comes.
        let row = sqlx::query_as!(
            Row,
            r#"SELECT epoch, reached, complete, spoiled, changed_at < now() - interval '12 hours' AS "old!"
            FROM relationship_indexes WHERE engine = $1"#,
            engine
        );
        Ok(row.fetch_optional(&self.pool).await.map_err(failed)?.map(Index::from))
    }

    async fn begin(&self, engine: &str, reached: &ConsistencyToken) -> Result<Index, IndexError> {
        let row = sqlx::query_as!(
            Row,
            r#"WITH told AS (SELECT pg_notify($3, ''))
            INSERT INTO relationship_indexes (engine, reached) SELECT $1, $2 FROM told
            ON CONFLICT (engine) DO UPDATE
            SET epoch = DEFAULT, reached = excluded.reached, complete = false, spoiled = false, changed_at = now()
            RETURNING epoch, reached, complete, spoiled, false AS "old!""#,
            engine,
            reached.as_str(),
            CHANNEL
        );
        Ok(row.fetch_one(&self.pool).await.map_err(failed)?.into())
    }

    async fn reach(&self, engine: &str, epoch: i64, reached: &ConsistencyToken) -> Result<bool, IndexError> {
        let done = sqlx::query!(
            "UPDATE relationship_indexes SET reached = $3, changed_at = now() WHERE engine = $1 AND epoch = $2",
            engine,
            epoch,
            reached.as_str()
        );
        Ok(done.execute(&self.pool).await.map_err(failed)?.rows_affected() > 0)
    }

    async fn settle(&self, engine: &str, epoch: i64, complete: bool) -> Result<bool, IndexError> {
        let done = sqlx::query_scalar!(
            r#"WITH told AS (SELECT pg_notify($4, ''))
            UPDATE relationship_indexes SET complete = $3, spoiled = spoiled OR NOT $3, changed_at = now() FROM told
            WHERE engine = $1 AND epoch = $2 AND NOT ($3 AND spoiled) RETURNING true AS "it!""#,
            engine,
            epoch,
            complete,
            CHANNEL
        );
        Ok(done.fetch_optional(&self.pool).await.map_err(failed)?.is_some())
    }

    async fn end(&self, engine: &str) -> Result<bool, IndexError> {
        let done = sqlx::query_scalar!(
            r#"WITH told AS (SELECT pg_notify($2, ''))
            DELETE FROM relationship_indexes USING told WHERE engine = $1 RETURNING true AS "it!""#,
            engine,
            CHANNEL
        );
        Ok(done.fetch_optional(&self.pool).await.map_err(failed)?.is_some())
    }
}

fn failed(error: sqlx::Error) -> IndexError {
    IndexError(error.into())
}
