//! Trackers on PostgreSQL.

use crate::{
    PgStore,
    fault::Fault,
    held::Sql,
    list::{Item, Key, List, Narrowed, Table},
};
use authz::{
    Guarded, Id, Kind, Page, Permit, Scope, Task,
    action::{Execute, Read},
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trackers::{Commit, Located, Order, Query, StoreError, Tracker, TrackerStore};

/// A row of `agent_task_tracker`. Times that are missing are 1970.
#[derive(sqlx::FromRow)]
pub(crate) struct TrackerRow {
    id: String,
    agent_id: String,
    task_id: String,
    status: Option<String>,
    status_reason: Option<String>,
    last_processed_event_id: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A checked statement for whole trackers: what stands before the columns of `item`, and what behind.
macro_rules! trackers {
    ($before:literal, $behind:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            TrackerRow,
            $before
                + r#" item.id, item.agent_id, item.task_id, item.status, item.status_reason,
                    item.last_processed_event_id, COALESCE(item.created_at, 'epoch'::timestamptz) AS "created_at!",
                    COALESCE(item.updated_at, 'epoch'::timestamptz) AS "updated_at!" "#
                + $behind
            $(, $argument)*
        )
    };
}

const TABLE: Table = Table {
    name: "agent_task_tracker",
    columns: "item.id, item.agent_id, item.task_id, item.status, item.status_reason, item.last_processed_event_id, \
        COALESCE(item.created_at, 'epoch'::timestamptz) AS created_at, \
        COALESCE(item.updated_at, 'epoch'::timestamptz) AS updated_at",
    present: "true",
    kind: Kind::Task,
    resource: "item.task_id",
};

#[async_trait::async_trait]
impl TrackerStore for PgStore {
    async fn locate(&self, id: &str) -> Result<Option<Guarded<Tracker, Task, Read>>, StoreError> {
        // The primary key lets other tasks have a tracker of the same id. None but an older system made such.
        let found = trackers!(
            "SELECT",
            "FROM agent_task_tracker AS item WHERE item.id = $1 ORDER BY item.agent_id, item.task_id LIMIT 1",
            id
        );
        let found = found.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        Ok(found.map(Tracker::from).map(|tracker| Guarded::new(tracker.task_id.clone(), tracker)))
    }

    async fn locate_all(&self, ids: &[&str]) -> Result<Vec<Located>, StoreError> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let found = trackers!(
            "SELECT DISTINCT ON (item.id)",
            "FROM agent_task_tracker AS item WHERE item.id = ANY($1) ORDER BY item.id, item.agent_id, item.task_id",
            &ids
        );
        let found = found.fetch_all(&self.pool).await.map_err(Fault::from)?;
        let trackers = found.into_iter().map(Tracker::from);
        Ok(trackers.map(Tracker::located).collect())
    }

    async fn page(&self, scope: &Scope<Task, Read>, query: &Query) -> Result<Page<Tracker>, StoreError> {
        let list = List {
            table: &TABLE,
            key: key(query.order),
            window: &query.window,
            filter: &|sql| filter(sql, query),
            narrowed: narrowed(query),
            after: &|tracker| query.order.after(tracker),
        };
        Ok(list.page(&self.pool, scope.extent()).await?)
    }

    async fn of_tasks(&self, tasks: &[&Permit<Task, Read>]) -> Result<Vec<Tracker>, StoreError> {
        let ids: Vec<_> = tasks.iter().map(|permit| permit.id().as_str()).collect();
        let rows = trackers!(
            "SELECT",
            r#"FROM agent_task_tracker AS item WHERE item.task_id = ANY((SELECT $1::text[])::text[])
            ORDER BY item.task_id COLLATE "C", item.id COLLATE "C""#,
            &ids as &[&str]
        );
        Ok(rows.fetch_all(&self.pool).await.map_err(Fault::from)?.into_iter().map(Tracker::from).collect())
    }

    async fn commit(
        &self,
        task: &Permit<Task, Execute>,
        id: &str,
        commit: Commit,
    ) -> Result<Option<Tracker>, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(Fault::from)?;
        let Some(tracker) = lock(&mut transaction, task, id).await? else { return Ok(None) };
        // Read after the lock was had: an earlier snapshot might not hold the event that the cursor has
        // meanwhile been moved to, and take it for gone.
        if let Some(event) = &commit.last_processed_event_id {
            admit(&mut transaction, &tracker, event).await?;
        }
        let committed = store(&mut transaction, tracker, commit).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(Some(committed))
    }
}

async fn lock(connection: &mut PgConnection, task: &Permit<Task, Execute>, id: &str) -> Result<Option<Tracker>, Fault> {
    let locked = trackers!(
        "SELECT",
        "FROM agent_task_tracker AS item WHERE item.id = $1 AND item.task_id = $2
        ORDER BY item.agent_id LIMIT 1 FOR UPDATE",
        id,
        task.id().as_str()
    );
    Ok(locked.fetch_optional(connection).await?.map(Tracker::from))
}

/// Whether the cursor may move to `event`.
async fn admit(connection: &mut PgConnection, tracker: &Tracker, event: &str) -> Result<(), StoreError> {
    let found = sqlx::query!(
        r#"SELECT
            (SELECT sequence_id FROM events WHERE id = $1 AND task_id = $3 AND agent_id = $4) AS target,
            (SELECT sequence_id FROM events WHERE id = $2) AS current"#,
        event,
        tracker.last_processed_event_id,
        tracker.task_id.as_str(),
        tracker.agent_id.as_str()
    );
    let found = found.fetch_one(connection).await.map_err(Fault::from)?;
    match (found.target, found.current) {
        (None, _) => Err(StoreError::UnknownEvent { id: event.to_owned() }),
        (Some(target), Some(current)) if target < current => Err(StoreError::Backwards { id: event.to_owned() }),
        (Some(_), _) => Ok(()),
    }
}

/// Writes the commit down, if it changes anything.
async fn store(connection: &mut PgConnection, tracker: Tracker, commit: Commit) -> Result<Tracker, Fault> {
    let mut committed = Tracker {
        status: commit.status.apply(tracker.status.clone()),
        status_reason: commit.status_reason.apply(tracker.status_reason.clone()),
        last_processed_event_id: commit.last_processed_event_id.or_else(|| tracker.last_processed_event_id.clone()),
        ..tracker.clone()
    };
    if committed == tracker {
        return Ok(tracker);
    }
    let stored = sqlx::query_scalar!(
        r#"UPDATE agent_task_tracker
        SET status = $4, status_reason = $5, last_processed_event_id = $6, updated_at = clock_timestamp()
        WHERE id = $1 AND task_id = $2 AND agent_id = $3
        RETURNING updated_at AS "updated_at!""#,
        committed.id,
        committed.task_id.as_str(),
        committed.agent_id.as_str(),
        committed.status,
        committed.status_reason,
        committed.last_processed_event_id
    );
    committed.updated_at = stored.fetch_one(connection).await?;
    Ok(committed)
}

const fn key(order: Order) -> Key {
    match order {
        Order::UpdatedAt => Key::Time("COALESCE(item.updated_at, 'epoch'::timestamptz)"),
        Order::CreatedAt => Key::Time("COALESCE(item.created_at, 'epoch'::timestamptz)"),
        Order::Id => Key::Text("item.id COLLATE \"C\""),
    }
}

fn narrowed(query: &Query) -> Narrowed {
    match (&query.task, &query.agent) {
        (Some(_), _) => Narrowed::Handful,
        (None, Some(_)) => Narrowed::Indexed,
        (None, None) => Narrowed::Little,
    }
}

fn filter(sql: &mut Sql, query: &Query) {
    if let Some(task) = &query.task {
        sql.push(" AND item.task_id = ").push_bind(task.as_str());
    }
    if let Some(agent) = &query.agent {
        sql.push(" AND item.agent_id = ").push_bind(agent.as_str());
    }
}

impl Item for Tracker {
    type Row = TrackerRow;

    fn resource(&self) -> &str {
        self.task_id.as_str()
    }
}

impl From<TrackerRow> for Tracker {
    fn from(row: TrackerRow) -> Self {
        Self {
            id: row.id,
            agent_id: Id::new(row.agent_id),
            task_id: Id::new(row.task_id),
            status: row.status,
            status_reason: row.status_reason,
            last_processed_event_id: row.last_processed_event_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
