//! States on PostgreSQL.

use crate::{
    PgStore,
    fault::Fault,
    held::Sql,
    list::{Item, Key, List, Narrowed, Table},
};
use authz::{
    Guarded, Id, Kind, Page, Permit, Scope, Task,
    action::{Delete, Read, Update},
};
use chrono::{DateTime, Utc};
use conversations::{NewState, State, StateOrder, StateQuery, StateStore, StoreError};
use serde_json::{Map, Value};
use sqlx::types::Json;

/// A row of `task_states`.
#[derive(sqlx::FromRow)]
pub(crate) struct StateRow {
    id: String,
    task_id: String,
    agent_id: String,
    state: Json<Map<String, Value>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A checked statement for whole states: what stands before the columns of `item`, and what behind.
macro_rules! states {
    ($before:literal, $behind:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            StateRow,
            $before
                + r#" item.id, item.task_id, item.agent_id, item.state AS "state: _", item.created_at,
                    item.updated_at "#
                + $behind
            $(, $argument)*
        )
    };
}

const TABLE: Table = Table {
    name: "task_states",
    columns: "item.id, item.task_id, item.agent_id, item.state, item.created_at, item.updated_at",
    present: "true",
    kind: Kind::Task,
    resource: "item.task_id",
};

#[async_trait::async_trait]
impl StateStore for PgStore {
    async fn create(&self, task: &Permit<Task, Update>, new: NewState) -> Result<State, StoreError> {
        let made = states!(
            "WITH task AS (
                SELECT id FROM tasks WHERE id = $1 AND status IS DISTINCT FROM 'DELETED' FOR KEY SHARE
            )
            INSERT INTO task_states AS item (id, task_id, agent_id, state)
            SELECT $2, link.task_id, link.agent_id, $4
            FROM task JOIN task_agents AS link ON link.task_id = task.id WHERE link.agent_id = $3
            RETURNING",
            "",
            task.id().as_str(),
            new.id,
            new.agent.as_str(),
            Json(&new.state) as _
        );
        let made = made.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        made.map(State::from).ok_or(StoreError::NoSuchParent)
    }

    async fn locate(&self, id: &str) -> Result<Option<Guarded<State, Task, Read>>, StoreError> {
        let found = states!("SELECT", "FROM task_states AS item WHERE item.id = $1", id);
        let found = found.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        Ok(found.map(State::from).map(|state| Guarded::new(state.task_id.clone(), state)))
    }

    async fn page(&self, scope: &Scope<Task, Read>, query: &StateQuery) -> Result<Page<State>, StoreError> {
        let list = List {
            table: &TABLE,
            key: key(query.order),
            window: &query.window,
            filter: &|sql| filter(sql, query),
            narrowed: narrowed(query),
            after: &|state| query.order.after(state),
        };
        Ok(list.page(&self.pool, scope.extent()).await?)
    }

    async fn replace(
        &self,
        task: &Permit<Task, Update>,
        id: &str,
        state: Map<String, Value>,
    ) -> Result<Option<State>, StoreError> {
        let replaced = states!(
            "UPDATE task_states AS item
            SET state = $3,
                updated_at = CASE WHEN item.state = $3 THEN item.updated_at ELSE clock_timestamp() END
            WHERE item.id = $1 AND item.task_id = $2
            RETURNING",
            "",
            id,
            task.id().as_str(),
            Json(&state) as _
        );
        Ok(replaced.fetch_optional(&self.pool).await.map_err(Fault::from)?.map(State::from))
    }

    async fn delete(&self, task: &Permit<Task, Delete>, id: &str) -> Result<Option<State>, StoreError> {
        let deleted = states!(
            "DELETE FROM task_states AS item WHERE item.id = $1 AND item.task_id = $2 RETURNING",
            "",
            id,
            task.id().as_str()
        );
        Ok(deleted.fetch_optional(&self.pool).await.map_err(Fault::from)?.map(State::from))
    }
}

const fn key(order: StateOrder) -> Key {
    match order {
        StateOrder::Id => Key::Text("item.id COLLATE \"C\""),
        StateOrder::CreatedAt => Key::Time("item.created_at"),
        StateOrder::UpdatedAt => Key::Time("item.updated_at"),
    }
}

fn narrowed(query: &StateQuery) -> Narrowed {
    match (&query.task, &query.agent) {
        (Some(_), _) => Narrowed::Handful,
        (None, Some(_)) => Narrowed::Indexed,
        (None, None) => Narrowed::Little,
    }
}

fn filter(sql: &mut Sql, query: &StateQuery) {
    if let Some(task) = &query.task {
        sql.push(" AND item.task_id = ").push_bind(task.as_str());
    }
    if let Some(agent) = &query.agent {
        sql.push(" AND item.agent_id = ").push_bind(agent.as_str());
    }
}

impl Item for State {
    type Row = StateRow;

    fn resource(&self) -> &str {
        self.task_id.as_str()
    }
}

impl From<StateRow> for State {
    fn from(row: StateRow) -> Self {
        Self {
            id: row.id,
            task_id: Id::new(row.task_id),
            agent_id: Id::new(row.agent_id),
            state: row.state.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
