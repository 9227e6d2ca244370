//! Messages on PostgreSQL.

use crate::{
    PgStore,
    fault::Fault,
    held::Sql,
    list::{Item, Key, List, Narrowed, Table},
};
use authz::{
    Extent, Guarded, Id, Kind, Page, Permit, Task,
    action::{Read, Update},
};
use chrono::{DateTime, Utc};
use conversations::{
    Likeness, Message, MessageOrder, MessageQuery, MessageStore, NewMessage, Revision, StoreError, StreamingStatus,
};
use serde_json::{Map, Value};
use sqlx::{PgConnection, types::Json};
use std::collections::HashMap;

/// A row of `messages`.
#[derive(sqlx::FromRow)]
pub(crate) struct MessageRow {
    id: String,
    task_id: String,
    content: Json<Map<String, Value>>,
    streaming_status: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

const TABLE: Table = Table {
    name: "messages",
    columns: "item.id, item.task_id, item.content, item.streaming_status, item.created_at, item.updated_at",
    present: "true",
    kind: Kind::Task,
    resource: "item.task_id",
};

#[async_trait::async_trait]
impl MessageStore for PgStore {
    async fn append(&self, task: &Permit<Task, Update>, new: Vec<NewMessage>) -> Result<Vec<Message>, StoreError> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = new.iter().map(|new| new.id.as_str()).collect();
        let contents: Vec<_> = new.iter().map(|new| Json(&new.content)).collect();
        let statuses: Vec<_> = new.iter().map(|new| new.streaming_status.map(StreamingStatus::as_str)).collect();
        let times: Vec<_> = new.iter().map(|new| new.at).collect();
        let appended = sqlx::query!(
            "WITH task AS (
                SELECT id FROM tasks WHERE id = $1 AND status IS DISTINCT FROM 'DELETED' FOR KEY SHARE
            )
            INSERT INTO messages (task_id, id, content, streaming_status, created_at, updated_at)
            SELECT task.id, new.id, new.content, new.streaming_status, new.at, new.at
            FROM task, unnest($2::text[], $3::jsonb[], $4::text[], $5::timestamptz[])
                AS new (id, content, streaming_status, at)",
            task.id().as_str(),
            &ids as &[&str],
            &contents as &[Json<&Map<String, Value>>],
            &statuses as &[Option<&str>],
            &times
        );
        let appended = appended.execute(&self.pool).await.map_err(Fault::from)?;
        if appended.rows_affected() == 0 {
            return Err(StoreError::NoSuchParent);
        }
        let made = |new: NewMessage| Message {
            id: new.id,
            task_id: task.id().clone(),
            content: new.content,
            streaming_status: new.streaming_status,
            created_at: new.at,
            updated_at: new.at,
        };
        Ok(new.into_iter().map(made).collect())
    }

    async fn locate(&self, id: &str) -> Result<Option<Guarded<Message, Task, Read>>, StoreError> {
        let found = sqlx::query_as!(
            MessageRow,
            r#"SELECT id, task_id, content AS "content: _", streaming_status, created_at, updated_at
            FROM messages WHERE id = $1"#,
            id
        );
        let found = found.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        let message = found.map(Message::try_from).transpose()?;
        Ok(message.map(|message| Guarded::new(message.task_id.clone(), message)))
    }

    async fn page(&self, task: &Permit<Task, Read>, query: &MessageQuery) -> Result<Page<Message>, StoreError> {
        let list = List {
            table: &TABLE,
            key: key(query.order),
            window: &query.window,
            filter: &|sql| {
                sql.push(" AND item.task_id = ").push_bind(task.id().as_str());
                filter(sql, query);
            },
            narrowed: Narrowed::Handful,
            after: &|message| query.order.after(message),
        };
        // The filter is the scope: the one task that is permitted.
        Ok(list.page(&self.pool, &Extent::Everything).await?)
    }

    async fn revise(&self, task: &Permit<Task, Update>, changes: Vec<Revision>) -> Result<Vec<Message>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = changes.iter().map(|change| change.id.as_str()).collect();
        let mut transaction = self.pool.begin().await.map_err(Fault::from)?;
        lock(&mut transaction, task, &ids).await?;
        let mut revised = rewrite(&mut transaction, task, &changes, &ids).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(ids.into_iter().filter_map(|id| revised.remove(id)).collect())
    }
}

/// Keeps the messages as they are for the rest of the transaction, or names the first that is not of the
/// task. They are taken in one order by everybody, so nobody waits in a circle.
async fn lock(connection: &mut PgConnection, task: &Permit<Task, Update>, ids: &[&str]) -> Result<(), StoreError> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM messages WHERE task_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
        task.id().as_str(),
        ids as &[&str]
    );
    let locked = locked.fetch_all(connection).await.map_err(Fault::from)?;
    match ids.iter().find(|id| !locked.iter().any(|locked| locked == **id)) {
        Some(missing) => Err(StoreError::NoSuchMessage { id: (*missing).to_owned() }),
        None => Ok(()),
    }
}

async fn rewrite(
    connection: &mut PgConnection,
    task: &Permit<Task, Update>,
    changes: &[Revision],
    ids: &[&str],
) -> Result<HashMap<String, Message>, Fault> {
    let contents: Vec<_> = changes.iter().map(|change| Json(&change.content)).collect();
    let statuses: Vec<_> = changes.iter().map(|change| change.streaming_status.map(StreamingStatus::as_str)).collect();
    let rewritten = sqlx::query_as!(
        MessageRow,
        r#"UPDATE messages AS item
        SET content = change.content, streaming_status = change.streaming_status,
            updated_at = CASE
                WHEN (item.content, item.streaming_status) IS DISTINCT FROM (change.content, change.streaming_status)
                THEN clock_timestamp() ELSE item.updated_at
            END
        FROM (
            SELECT given.id, given.content, COALESCE(given.streaming_status, old.streaming_status) AS streaming_status
            FROM unnest($2::text[], $3::jsonb[], $4::text[]) AS given (id, content, streaming_status)
            JOIN messages AS old ON old.id = given.id
        ) AS change
        WHERE item.id = change.id AND item.task_id = $1
        RETURNING item.id, item.task_id, item.content AS "content: _", item.streaming_status, item.created_at,
            item.updated_at"#,
        task.id().as_str(),
        ids as &[&str],
        &contents as &[Json<&Map<String, Value>>],
        &statuses as &[Option<&str>]
    );
    let rewritten = rewritten.fetch_all(connection).await?;
    rewritten.into_iter().map(|row| Ok((row.id.clone(), row.try_into()?))).collect()
}

const fn key(order: MessageOrder) -> Key {
    match order {
        MessageOrder::CreatedAt => Key::Time("item.created_at"),
        MessageOrder::UpdatedAt => Key::Time("item.updated_at"),
        MessageOrder::Id => Key::Text("item.id COLLATE \"C\""),
    }
}

fn filter(sql: &mut Sql, query: &MessageQuery) {
    if !query.like.is_empty() {
        sql.push(" AND ");
        any(sql, &query.like);
    }
    if !query.unlike.is_empty() {
        sql.push(" AND NOT ");
        any(sql, &query.unlike);
    }
}

/// Whether the row is like any of these. Never null, so that the opposite is the opposite.
fn any(sql: &mut Sql, likenesses: &[Likeness]) {
    sql.push("(false");
    for likeness in likenesses {
        sql.push(" OR (true");
        for (path, value) in &likeness.content {
            sql.push(" AND COALESCE(item.content #> ").push_bind(path).push(", 'null'::jsonb) = ").push_bind(value);
        }
        if let Some(status) = likeness.streaming_status {
            sql.push(" AND item.streaming_status IS NOT DISTINCT FROM ").push_bind(status.as_str());
        }
        sql.push(")");
    }
    sql.push(")");
}

impl Item for Message {
    type Row = MessageRow;

    fn resource(&self) -> &str {
        self.task_id.as_str()
    }
}

impl TryFrom<MessageRow> for Message {
    type Error = Fault;

    fn try_from(row: MessageRow) -> Result<Self, Fault> {
        let known = |word: String| {
            StreamingStatus::from_word(&word).ok_or_else(|| Fault::unknown_word("streaming_status", &word))
        };
        Ok(Self {
            id: row.id,
            task_id: Id::new(row.task_id),
            content: row.content.0,
            streaming_status: row.streaming_status.map(known).transpose()?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
