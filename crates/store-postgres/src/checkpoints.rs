//! Checkpoints on PostgreSQL, in the tables of LangGraph's own saver.

use crate::{PgStore, fault::Fault, held::Sql};
use authz::{
    Id, Permit, Task,
    action::{Delete, Read, Update},
};
use bytes::Bytes;
use checkpoints::{
    Blob, Checkpoint, CheckpointStore, Contents, Key, NewCheckpoint, NewWrites, PendingWrite, Query, StoreError,
    channel_versions,
};
use serde_json::Value;
use std::collections::HashSet;

/// A row of `checkpoints`, and the place in the question that it answers.
#[derive(sqlx::FromRow)]
struct CheckpointRow {
    place: i64,
    thread_id: String,
    checkpoint_ns: String,
    checkpoint_id: String,
    parent_checkpoint_id: Option<String>,
    checkpoint: Value,
    metadata: Value,
}

#[async_trait::async_trait]
impl CheckpointStore for PgStore {
    async fn find(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Checkpoint>>, StoreError> {
        let threads: Vec<_> = keys.iter().map(|key| key.thread.id().as_str()).collect();
        let namespaces: Vec<_> = keys.iter().map(|key| key.namespace).collect();
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        let rows = sqlx::query_as!(
            CheckpointRow,
            r#"SELECT key.place AS "place!", item.thread_id, item.checkpoint_ns, item.checkpoint_id,
                item.parent_checkpoint_id, item.checkpoint, item.metadata
            FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS key (thread, namespace, id, place)
            JOIN checkpoints AS item ON item.thread_id = key.thread AND item.checkpoint_ns = key.namespace
                AND item.checkpoint_id = COALESCE(key.id, (
                    SELECT latest.checkpoint_id FROM checkpoints AS latest
                    WHERE latest.thread_id = key.thread AND latest.checkpoint_ns = key.namespace
                    ORDER BY latest.checkpoint_id COLLATE "C" DESC LIMIT 1
                ))"#,
            &threads as &[&str],
            &namespaces as &[&str],
            &ids as &[Option<&str>]
        );
        let mut found: Vec<_> = keys.iter().map(|_| None).collect();
        for row in rows.fetch_all(&self.pool).await.map_err(Fault::from)? {
            put_at(&mut found, row.place, |slot| *slot = Some(row.into()));
        }
        Ok(found)
    }

    async fn contents(&self, threads: &[&Permit<Task, Read>], of: &[&Checkpoint]) -> Result<Vec<Contents>, StoreError> {
        let permitted: HashSet<_> = threads.iter().map(|permit| permit.id()).collect();
        let mut contents: Vec<_> = of.iter().map(|_| Contents::default()).collect();
        let mut wanted = Wanted::default();
        for (place, checkpoint) in (1..).zip(of).filter(|(_, checkpoint)| permitted.contains(&checkpoint.thread_id)) {
            wanted.add(place, checkpoint);
        }
        if wanted.writes.places.is_empty() {
            return Ok(contents);
        }
        let rows = sqlx::query!(
            r#"SELECT wanted.place AS "place!", item.channel AS "channel!", item.version AS "version?", item.type AS kind,
                item.blob, NULL AS "task_id?", NULL::integer AS "index?", NULL AS "task_path?"
            FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])
                AS wanted (place, thread, namespace, channel, version)
            JOIN checkpoint_blobs AS item ON item.thread_id = wanted.thread AND item.checkpoint_ns = wanted.namespace
                AND item.channel = wanted.channel AND item.version = wanted.version
            UNION ALL
            SELECT wanted.place, item.channel, NULL, item.type, item.blob, item.task_id, item.idx, item.task_path
            FROM unnest($6::bigint[], $7::text[], $8::text[], $9::text[]) AS wanted (place, thread, namespace, id)
            JOIN checkpoint_writes AS item ON item.thread_id = wanted.thread AND item.checkpoint_ns = wanted.namespace
                AND item.checkpoint_id = wanted.id"#,
            &wanted.blobs.places,
            &wanted.blobs.threads as &[&str],
            &wanted.blobs.namespaces as &[&str],
            &wanted.channels,
            &wanted.versions,
            &wanted.writes.places,
            &wanted.writes.threads as &[&str],
            &wanted.writes.namespaces as &[&str],
            &wanted.ids as &[&str]
        );
        for row in rows.fetch_all(&self.pool).await.map_err(Fault::from)? {
            put_at(&mut contents, row.place, |contents| match (row.version, row.task_id, row.index) {
                (Some(version), ..) => contents.blobs.push(Blob {
                    channel: row.channel,
                    version,
                    kind: row.kind.unwrap_or_default(),
                    bytes: row.blob.map(Bytes::from),
                }),
                (None, Some(task_id), Some(index)) => contents.writes.push(PendingWrite {
                    task_id,
                    index,
                    channel: row.channel,
                    kind: row.kind,
                    bytes: row.blob.unwrap_or_default().into(),
                    task_path: row.task_path.unwrap_or_default(),
                }),
                (None, ..) => (),
            });
        }
        for contents in &mut contents {
            contents.blobs.sort_by(|a, b| (&a.channel, &a.version).cmp(&(&b.channel, &b.version)));
            contents.writes.sort_by(|a, b| (&a.task_id, a.index).cmp(&(&b.task_id, b.index)));
        }
        Ok(contents)
    }

    async fn list(&self, threads: &[&Permit<Task, Read>], query: &Query) -> Result<Vec<Vec<Checkpoint>>, StoreError> {
        let ids: Vec<_> = threads.iter().map(|permit| permit.id().as_str()).collect();
        let mut sql = Sql::new("SELECT thread.place, item.* FROM unnest(");
        sql.push_bind(&ids).push("::text[]) WITH ORDINALITY AS thread (id, place) CROSS JOIN LATERAL (");
        of_thread(&mut sql, query);
        sql.push(") AS item ORDER BY thread.place, ").push(LATEST_FIRST);
        let rows = sql.build_query_as::<CheckpointRow>().fetch_all(&self.pool).await.map_err(Fault::from)?;
        let mut found: Vec<_> = threads.iter().map(|_| Vec::new()).collect();
        for row in rows {
            put_at(&mut found, row.place, |list| list.push(row.into()));
        }
        Ok(found)
    }

    async fn put(&self, thread: &Permit<Task, Update>, new: NewCheckpoint) -> Result<bool, StoreError> {
        let blobs = &new.blobs;
        // Blobs go in by their key, so that two puts of the same blobs wait for each other in one order only.
        // The task's row is held, so that what is put goes with it when somebody deletes it meanwhile.
        let put = sqlx::query_scalar!(
            r#"WITH thread AS (
                SELECT id FROM tasks WHERE id = $1 AND status IS DISTINCT FROM 'DELETED' FOR KEY SHARE
            ), blobs AS (
                INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
                SELECT thread.id, $2, new.channel, new.version, new.kind, new.blob
                FROM thread CROSS JOIN unnest($7::text[], $8::text[], $9::text[], $10::bytea[])
                    WITH ORDINALITY AS new (channel, version, kind, blob, place)
                ORDER BY new.channel, new.version, new.place
                ON CONFLICT DO NOTHING
            ), put AS (
                INSERT INTO checkpoints
                    (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
                SELECT thread.id, $2, $3, $4, $5, $6 FROM thread
                ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id)
                    DO UPDATE SET checkpoint = EXCLUDED.checkpoint, metadata = EXCLUDED.metadata
            )
            SELECT EXISTS (SELECT FROM thread) AS "there!""#,
            thread.id().as_str(),
            new.namespace,
            new.id,
            new.parent_id,
            Value::Object(new.checkpoint),
            Value::Object(new.metadata),
            &column(blobs, |blob| blob.channel.as_str()) as &[&str],
            &column(blobs, |blob| blob.version.as_str()) as &[&str],
            &column(blobs, |blob| blob.kind.as_str()) as &[&str],
            &column(blobs, |blob| blob.bytes.as_deref()) as &[Option<&[u8]>]
        );
        Ok(put.fetch_one(&self.pool).await.map_err(Fault::from)?)
    }

    async fn put_writes(&self, thread: &Permit<Task, Update>, new: NewWrites) -> Result<bool, StoreError> {
        let writes = &new.writes;
        let put = sqlx::query_scalar!(
            r#"WITH thread AS (
                SELECT id FROM tasks WHERE id = $1 AND status IS DISTINCT FROM 'DELETED' FOR KEY SHARE
            ), put AS (
                INSERT INTO checkpoint_writes
                    (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob, task_path)
                SELECT DISTINCT ON (new.task_id, new.idx)
                    thread.id, $2, $3, new.task_id, new.idx, new.channel, new.kind, new.blob, new.task_path
                FROM thread CROSS JOIN unnest($4::text[], $5::integer[], $6::text[], $7::text[], $8::bytea[], $9::text[])
                    WITH ORDINALITY AS new (task_id, idx, channel, kind, blob, task_path, place)
                ORDER BY new.task_id, new.idx, CASE WHEN $10 THEN -new.place ELSE new.place END
                ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
                    DO UPDATE SET channel = EXCLUDED.channel, type = EXCLUDED.type, blob = EXCLUDED.blob WHERE $10
            )
            SELECT EXISTS (SELECT FROM thread) AS "there!""#,
            thread.id().as_str(),
            new.namespace,
            new.checkpoint_id,
            &column(writes, |write| write.task_id.as_str()) as &[&str],
            &column(writes, |write| write.index),
            &column(writes, |write| write.channel.as_str()) as &[&str],
            &column(writes, |write| write.kind.as_deref()) as &[Option<&str>],
            &column(writes, |write| write.bytes.as_ref()) as &[&[u8]],
            &column(writes, |write| write.task_path.as_str()) as &[&str],
            new.upsert
        );
        Ok(put.fetch_one(&self.pool).await.map_err(Fault::from)?)
    }

    async fn delete_thread(&self, thread: &Permit<Task, Delete>) -> Result<(), StoreError> {
        let delete = sqlx::query!(
            "WITH writes AS (DELETE FROM checkpoint_writes WHERE thread_id = $1),
                blobs AS (DELETE FROM checkpoint_blobs WHERE thread_id = $1)
            DELETE FROM checkpoints WHERE thread_id = $1",
            thread.id().as_str()
        );
        delete.execute(&self.pool).await.map_err(Fault::from)?;
        Ok(())
    }
}

/// The order of a list of checkpoints.
const LATEST_FIRST: &str = "item.checkpoint_id COLLATE \"C\" DESC, item.checkpoint_ns COLLATE \"C\"";

/// Writes the query for the checkpoints of one thread that `query` finds.
fn of_thread(sql: &mut Sql, query: &Query) {
    sql.push(
        "SELECT item.thread_id, item.checkpoint_ns, item.checkpoint_id, item.parent_checkpoint_id, item.checkpoint, \
            item.metadata FROM checkpoints AS item WHERE item.thread_id = thread.id",
    );
    if let Some(namespace) = &query.namespace {
        sql.push(" AND item.checkpoint_ns = ").push_bind(namespace);
    }
    if let Some(before) = &query.before {
        sql.push(" AND item.checkpoint_id COLLATE \"C\" < ").push_bind(before);
    }
    if let Some((id, namespace)) = &query.after {
        // The first condition is what the index can start at.
        sql.push(" AND item.checkpoint_id COLLATE \"C\" <= ").push_bind(id);
        sql.push(" AND (item.checkpoint_id COLLATE \"C\" < ").push_bind(id);
        sql.push(" OR item.checkpoint_ns COLLATE \"C\" > ").push_bind(namespace).push(")");
    }
    if let Some(metadata) = &query.metadata {
        sql.push(" AND item.metadata @> ").push_bind(Value::Object(metadata.clone()));
    }
    sql.push(" ORDER BY ").push(LATEST_FIRST).push(" LIMIT ").push_bind(i64::from(query.limit));
}

/// The checkpoints that somebody wants the blobs or the writes of, column by column.
#[derive(Default)]
struct Columns<'a> {
    places: Vec<i64>,
    threads: Vec<&'a str>,
    namespaces: Vec<&'a str>,
}

/// What is looked for to go with some checkpoints.
#[derive(Default)]
struct Wanted<'a> {
    blobs: Columns<'a>,
    channels: Vec<String>,
    versions: Vec<String>,
    writes: Columns<'a>,
    ids: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, place: i64, checkpoint: &'a Checkpoint) {
        self.places.push(place);
        self.threads.push(checkpoint.thread_id.as_str());
        self.namespaces.push(&checkpoint.namespace);
    }
}

impl<'a> Wanted<'a> {
    fn add(&mut self, place: i64, checkpoint: &'a Checkpoint) {
        self.writes.add(place, checkpoint);
        self.ids.push(&checkpoint.id);
        for (channel, version) in channel_versions(&checkpoint.checkpoint) {
            self.blobs.add(place, checkpoint);
            self.channels.push(channel);
            self.versions.push(version);
        }
    }
}

/// Lets `put` at the element in this place, counted from one as `WITH ORDINALITY` does.
fn put_at<T>(slots: &mut [T], place: i64, put: impl FnOnce(&mut T)) {
    if let Some(slot) = usize::try_from(place - 1).ok().and_then(|place| slots.get_mut(place)) {
        put(slot);
    }
}

/// One column of some rows.
fn column<'a, T, C>(rows: &'a [T], of: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(of).collect()
}

impl From<CheckpointRow> for Checkpoint {
    fn from(row: CheckpointRow) -> Self {
        Self {
            thread_id: Id::new(row.thread_id),
            namespace: row.checkpoint_ns,
            id: row.checkpoint_id,
            parent_id: row.parent_checkpoint_id,
            checkpoint: row.checkpoint,
            metadata: row.metadata,
        }
    }
}
