//! Events on PostgreSQL.

use crate::{PgStore, fault::Fault};
use authz::{
    Agent, Guarded, Id, Permit, Task,
    action::{Read, Update},
};
use conversations::{Event, EventQuery, EventStore, NewEvent, StoreError};

#[async_trait::async_trait]
impl EventStore for PgStore {
    async fn append(&self, task: &Permit<Task, Update>, new: NewEvent) -> Result<Event, StoreError> {
        // The lock comes before the sequence id is drawn, so that the events of a task become visible in
        // the order of their ids: a reader that has seen one never finds an earlier one later.
        let appended = sqlx::query!(
            "WITH task AS (
                SELECT id FROM tasks WHERE id = $1 AND status IS DISTINCT FROM 'DELETED' FOR NO KEY UPDATE
            )
            INSERT INTO events (id, task_id, agent_id, content)
            SELECT $2, link.task_id, link.agent_id, $4
            FROM task JOIN task_agents AS link ON link.task_id = task.id WHERE link.agent_id = $3
            RETURNING sequence_id, created_at",
            task.id().as_str(),
            new.id,
            new.agent.as_str(),
            new.content
        );
        let appended = appended.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        let appended = appended.ok_or(StoreError::NoSuchParent)?;
        Ok(Event {
            id: new.id,
            sequence_id: appended.sequence_id,
            task_id: task.id().clone(),
            agent_id: new.agent,
            content: new.content,
            created_at: appended.created_at,
        })
    }

    async fn locate(&self, id: &str) -> Result<Option<Guarded<Event, Task, Read>>, StoreError> {
        let found = sqlx::query!(
            "SELECT id, sequence_id, task_id, agent_id, content, created_at FROM events WHERE id = $1",
            id
        );
        let found = found.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        Ok(found.map(|row| {
            let task_id = Id::new(row.task_id);
            let event = Event {
                id: row.id,
                sequence_id: row.sequence_id,
                task_id: task_id.clone(),
                agent_id: Id::new(row.agent_id),
                content: row.content,
                created_at: row.created_at,
            };
            Guarded::new(task_id, event)
        }))
    }

    async fn page(
        &self,
        task: &Permit<Task, Read>,
        agent: &Permit<Agent, Read>,
        query: &EventQuery,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        // The first row says whether there is a place to start; it comes also when no event follows.
        let rows = sqlx::query!(
            r#"WITH start AS (
                SELECT sequence_id FROM events WHERE id = $3 AND task_id = $1 AND agent_id = $2
                UNION ALL SELECT 0 WHERE $3::text IS NULL
            )
            SELECT event.id AS "id?", event.sequence_id AS "sequence_id?", event.content,
                event.created_at AS "created_at?"
            FROM start LEFT JOIN LATERAL (
                SELECT * FROM events
                WHERE task_id = $1 AND agent_id = $2 AND sequence_id > start.sequence_id
                ORDER BY sequence_id LIMIT $4
            ) AS event ON true
            ORDER BY event.sequence_id"#,
            task.id().as_str(),
            agent.id().as_str(),
            query.after,
            query.limit.map(i64::from)
        );
        let rows = rows.fetch_all(&self.pool).await.map_err(Fault::from)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let events = rows.into_iter().filter_map(|row| {
            Some(Event {
                id: row.id?,
                sequence_id: row.sequence_id?,
                task_id: task.id().clone(),
                agent_id: agent.id().clone(),
                content: row.content,
                created_at: row.created_at?,
            })
        });
        Ok(Some(events.collect()))
    }
}
