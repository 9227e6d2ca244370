//! Tasks on PostgreSQL.

use crate::{
    PgStore,
    fault::Fault,
    held::Sql,
    ledger::{self, Commit},
    list::{Item, Key, List, Narrowed, Table},
};
use authz::{
    Agent, ConsistencyToken, Ending, Guarded, Id, Kind, Named, Page, Permit, Principal, PrincipalKind, Registered,
    ResourceRef, Scope, Tenant,
    action::{Delete, Execute, Read, Update},
};
use chrono::{DateTime, Utc};
use dual_write::Intent;
use serde_json::Value;
use sqlx::PgPool;
use tasks::{CREATED, NewTask, Order, Patch, Query, Status, StoreError, Task, TaskId, TaskStore, Transition};

/// A row of `tasks`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct TaskRow {
    id: String,
    name: Option<String>,
    status: Option<String>,
    status_reason: Option<String>,
    created_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
    cleaned_at: Option<DateTime<Utc>>,
    params: Option<Value>,
    task_metadata: Option<Value>,
    creator_user_id: Option<String>,
    creator_service_account_id: Option<String>,
}

/// A checked statement for whole tasks: what stands before the columns of `item`, and what behind.
macro_rules! tasks {
    ($before:literal, $behind:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            TaskRow,
            $before
                + r#" item.id AS "id!", item.name, item.status::text AS status, item.status_reason, item.created_at,
                    item.updated_at, item.cleaned_at, item.params, item.task_metadata, item.creator_user_id,
                    item.creator_service_account_id "#
                + $behind
            $(, $argument)*
        )
    };
}

const TABLE: Table = Table {
    name: "tasks",
    columns: "item.id, item.name, item.status::text, item.status_reason, item.created_at, item.updated_at, \
        item.cleaned_at, item.params, item.task_metadata, item.creator_user_id, item.creator_service_account_id",
    present: "item.status <> 'DELETED'",
    kind: Kind::Task,
    resource: "item.id",
};

#[async_trait::async_trait]
impl TaskStore for PgStore {
    async fn get(&self, permits: &[&Permit<authz::Task, Read>]) -> Result<Vec<Task>, StoreError> {
        Ok(self.reads.get(permits.iter().map(|permit| permit.id().as_str().to_owned()).collect()).await?)
    }

    async fn id_by_name(&self, tenant: &Id<Tenant>, name: &str) -> Result<Option<Named<authz::Task>>, StoreError> {
        let found = sqlx::query!(
            "SELECT id, created_at, zed_token FROM tasks WHERE tenant = $1 AND name = $2 AND status IS DISTINCT FROM 'DELETED'",
            tenant.as_str(),
            name
        );
        let found = found.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        Ok(found.map(|row| Named::made_at(Id::new(row.id), row.created_at, row.zed_token.map(ConsistencyToken::new))))
    }

    async fn page(&self, scope: &Scope<authz::Task, Read>, query: &Query) -> Result<Page<Task>, StoreError> {
        let list = List {
            table: &TABLE,
            key: key(query.order),
            window: &query.window,
            filter: &|sql| filter(sql, query),
            narrowed: narrowed(query),
            after: &|task| query.order.after(task),
        };
        Ok(list.page(&self.pool, scope.extent()).await?)
    }

    async fn create(
        &self,
        agent: &Permit<Agent, Execute>,
        new: NewTask,
        registered: Registered,
    ) -> Result<Task, StoreError> {
        // An agent that is not there leaves the intent open, for its maker to undo.
        let created = tasks!(
            "WITH agent AS (
                SELECT id, tenant FROM agents WHERE id = $1 AND tenant = $2 AND status <> 'DELETED'
            ), settled AS (
                DELETE FROM intents USING agent WHERE intents.id = $11 AND intents.stage = 'open' RETURNING intents.id
            ), item AS (
                INSERT INTO tasks (id, name, status, status_reason, params, task_metadata, tenant, creator_user_id,
                    creator_service_account_id, zed_token)
                SELECT $3, $4, 'RUNNING', $5, $6, $7, agent.tenant, $8, $9, $12 FROM agent, settled
                RETURNING *
            ), linked AS (
                INSERT INTO task_agents (task_id, agent_id) SELECT item.id, agent.id FROM item, agent
            ), tracked AS (
                INSERT INTO agent_task_tracker (id, task_id, agent_id) SELECT $10, item.id, agent.id FROM item, agent
            )
            SELECT",
            "FROM item",
            agent.id().as_str(),
            new.tenant.as_str(),
            new.id.as_str(),
            new.name,
            CREATED,
            new.params.map(Value::Object),
            new.metadata.map(Value::Object),
            creator_of(new.creator.as_ref(), PrincipalKind::User),
            creator_of(new.creator.as_ref(), PrincipalKind::ServiceAccount),
            new.tracker_id,
            registered.intent().as_str(),
            registered.token().map(ConsistencyToken::as_str),
        );
        let refused = |fault: Fault| {
            let name = new.name.clone().filter(|_| fault.is_name_taken());
            name.map_or_else(|| fault.into(), |name| StoreError::NameTaken { name })
        };
        let mut commit = Commit::begin(&self.pool, &registered).await.map_err(Fault::from)?;
        let created = created.fetch_optional(commit.connection()).await.map_err(Fault::from).map_err(refused)?;
        commit.end(created.is_some()).await.map_err(Fault::from)?;
        match created {
            Some(created) => Ok(created.try_into()?),
            None if ledger::is_open(&self.pool, registered.intent()).await? => Err(StoreError::NoSuchAgent),
            None => Err(StoreError::Superseded),
        }
    }

    async fn update(&self, permit: &Permit<authz::Task, Update>, patch: Patch) -> Result<Option<Task>, StoreError> {
        // Params that are no object have no keys to keep. Without a change no row is written.
        let before_and_after = tasks!(
            "WITH before AS (
                SELECT * FROM tasks WHERE id = $1 AND status IS DISTINCT FROM 'DELETED' FOR UPDATE
            ), patched AS (
                SELECT id, COALESCE(task_metadata_of.new, task_metadata) AS task_metadata,
                    COALESCE(CASE WHEN jsonb_typeof(params) = 'object' THEN params ELSE '{}' END || $2, params) AS params
                FROM before, (SELECT $3::jsonb AS new) AS task_metadata_of
            ), after AS (
                UPDATE tasks
                SET params = patched.params, task_metadata = patched.task_metadata, updated_at = clock_timestamp()
                FROM before JOIN patched USING (id)
                WHERE tasks.id = before.id AND (patched.params, patched.task_metadata)
                    IS DISTINCT FROM (before.params, before.task_metadata)
                RETURNING tasks.*
            )
            SELECT",
            "FROM (SELECT * FROM before UNION ALL SELECT * FROM after) AS item",
            permit.id().as_str(),
            patch.merge_params.filter(|params| !params.is_empty()).map(Value::Object),
            patch.metadata.map(Value::Object),
        );
        Ok(whole(before_and_after.fetch_all(&self.pool).await)?.pop())
    }

    async fn transition(&self, transition: &Transition<'_>) -> Result<Option<Task>, StoreError> {
        let to = transition.to();
        let sources: Vec<_> = to.sources().iter().map(|status| status.as_str()).collect();
        let before_and_after = tasks!(
            "WITH before AS (
                SELECT * FROM tasks WHERE id = $1 AND status IS DISTINCT FROM 'DELETED' FOR UPDATE
            ), after AS (
                UPDATE tasks
                SET status = $2::text::taskstatus, status_reason = $3, updated_at = clock_timestamp()
                FROM before
                WHERE tasks.id = before.id AND before.status::text = ANY($4)
                RETURNING tasks.*
            )
            SELECT",
            "FROM (SELECT * FROM before UNION ALL SELECT * FROM after) AS item",
            transition.task().as_str(),
            to.as_str(),
            transition.reason(),
            &sources as &[&str],
        );
        let mut tasks = whole(before_and_after.fetch_all(&self.pool).await)?.into_iter();
        match (tasks.next(), tasks.next()) {
            (_, Some(moved)) => Ok(Some(moved)),
            (Some(Task { status: Some(from), .. }), None) => Err(StoreError::WrongStatus { from, to }),
            (Some(_), None) => Err(Fault::Corrupt("the task has no status".into()).into()),
            (None, None) => Ok(None),
        }
    }

    async fn delete(&self, permit: &Permit<authz::Task, Delete>, ending: &Ending) -> Result<Option<Task>, StoreError> {
        let id = permit.id().as_str();
        let mut transaction = self.pool.begin().await.map_err(Fault::from)?;
        // The lock keeps new children out, and the next statement sees those that came before it.
        let doomed = tasks!(
            "SELECT",
            "FROM tasks AS item WHERE item.id = $1 AND item.status IS DISTINCT FROM 'DELETED' FOR UPDATE",
            id
        );
        let Some(doomed) = whole(doomed.fetch_all(&mut *transaction).await)?.pop() else { return Ok(None) };
        let remove = sqlx::query!(
            "WITH agents_of AS (DELETE FROM task_agents WHERE task_id = $1),
                trackers AS (DELETE FROM agent_task_tracker WHERE task_id = $1),
                events_of AS (DELETE FROM events WHERE task_id = $1),
                checkpoints_of AS (DELETE FROM checkpoints WHERE thread_id = $1),
                blobs AS (DELETE FROM checkpoint_blobs WHERE thread_id = $1),
                writes AS (DELETE FROM checkpoint_writes WHERE thread_id = $1)
            DELETE FROM tasks WHERE id = $1",
            id
        );
        remove.execute(&mut *transaction).await.map_err(Fault::from)?;
        let intent = Intent::deregister(ResourceRef::of(permit.id()), ending, doomed.created_at);
        ledger::end(&mut *transaction, &intent).await.map_err(Fault::from)?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(Some(doomed))
    }
}

/// The rows of these tasks that are there, in no order.
pub(crate) async fn rows(pool: &PgPool, ids: &[String]) -> Result<Vec<TaskRow>, sqlx::Error> {
    // The ids are read through a subquery so that the planner cannot see how many there are: the generic
    // plan then costs what a planned one does, and PostgreSQL keeps it.
    let rows = tasks!(
        "SELECT",
        "FROM tasks AS item WHERE item.id = ANY((SELECT $1::text[])::text[]) AND item.status IS DISTINCT FROM 'DELETED'",
        ids
    );
    rows.fetch_all(pool).await
}

fn whole(rows: Result<Vec<TaskRow>, sqlx::Error>) -> Result<Vec<Task>, Fault> {
    rows?.into_iter().map(Task::try_from).collect()
}

/// The creator's id, when it is of `kind`: the row has a column for each.
pub(crate) fn creator_of(creator: Option<&Principal>, kind: PrincipalKind) -> Option<&str> {
    creator.filter(|creator| creator.kind() == kind).map(Principal::id)
}

const fn key(order: Order) -> Key {
    match order {
        Order::UpdatedAt => Key::Time("COALESCE(item.updated_at, 'epoch'::timestamptz)"),
        Order::CreatedAt => Key::Birth("COALESCE(item.created_at, 'epoch'::timestamptz)"),
        Order::Name => Key::Text("COALESCE(item.name, '') COLLATE \"C\""),
        // As in the index: a cast from enum to text is not immutable.
        Order::Status => Key::Text(
            "(CASE item.status \
                WHEN 'CANCELED' THEN 'CANCELED' WHEN 'COMPLETED' THEN 'COMPLETED' WHEN 'FAILED' THEN 'FAILED' \
                WHEN 'INTERRUPTED' THEN 'INTERRUPTED' WHEN 'RUNNING' THEN 'RUNNING' \
                WHEN 'TERMINATED' THEN 'TERMINATED' WHEN 'TIMED_OUT' THEN 'TIMED_OUT' ELSE '' END) COLLATE \"C\"",
        ),
        Order::Id => Key::Text("item.id COLLATE \"C\""),
    }
}

fn narrowed(query: &Query) -> Narrowed {
    let indexed = query.agent.is_some() || query.agent_name.is_some() || query.metadata.is_some();
    if indexed { Narrowed::Indexed } else { Narrowed::Little }
}

fn filter(sql: &mut Sql, query: &Query) {
    if let Some(agent) = &query.agent {
        sql.push(" AND EXISTS (SELECT FROM task_agents AS link WHERE link.task_id = item.id AND link.agent_id = ");
        sql.push_bind(agent.as_str()).push(")");
    }
    if let Some(name) = &query.agent_name {
        sql.push(
            " AND EXISTS (SELECT FROM task_agents AS link JOIN agents AS agent ON agent.id = link.agent_id \
                WHERE link.task_id = item.id AND agent.status <> 'DELETED' AND agent.name COLLATE \"C\" = ",
        );
        sql.push_bind(name).push(")");
    }
    if let Some(status) = query.status {
        sql.push(" AND item.status = '").push(status.as_str()).push("'");
    }
    if let Some(metadata) = &query.metadata {
        sql.push(" AND item.task_metadata @> ").push_bind(Value::Object(metadata.clone()));
    }
}

impl Item for Task {
    type Row = TaskRow;

    fn resource(&self) -> &str {
        self.id.as_str()
    }
}

impl TaskRow {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl TryFrom<TaskRow> for Task {
    type Error = Fault;

    fn try_from(row: TaskRow) -> Result<Self, Fault> {
        let id = TaskId::new(row.id);
        let status =
            row.status.map(|word| Status::from_word(&word).ok_or_else(|| Fault::unknown_word("status", &word)));
        let user = row.creator_user_id.map(Principal::user);
        let creator = user.or_else(|| row.creator_service_account_id.map(Principal::service_account));
        Ok(Self {
            creator: Guarded::new(id.clone(), creator),
            id,
            name: row.name,
            status: status.transpose()?,
            status_reason: row.status_reason,
            created_at: row.created_at,
            updated_at: row.updated_at,
            cleaned_at: row.cleaned_at,
            params: row.params.filter(|params| !params.is_null()),
            metadata: row.task_metadata.filter(|metadata| !metadata.is_null()),
        })
    }
}
