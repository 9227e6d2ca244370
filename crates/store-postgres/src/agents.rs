//! Agents on PostgreSQL.

use crate::{
    PgStore,
    fault::Fault,
    held::Sql,
    ledger::{self, Commit},
    list::{Item, Key, List, Narrowed, Table},
    tasks::creator_of,
};
use agents::{AcpType, Agent, AgentId, AgentStore, Deleted, InputType, NewAgent, Order, Query, Status, StoreError};
use authz::{
    ConsistencyToken, Ending, Gone, Guarded, Id, Kind, Named, Page, Permit, PrincipalKind, Registered, ResourceRef,
    Scope, Task, Tenant,
    action::{Create, Delete, Read},
};
use chrono::{DateTime, Utc};
use dual_write::Intent;
use serde_json::Value;

/// A row of `agents`. Times that are missing are 1970.
#[derive(sqlx::FromRow)]
pub(crate) struct AgentRow {
    id: String,
    name: String,
    description: String,
    status: String,
    acp_type: String,
    status_reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    registration_metadata: Option<Value>,
    registered_at: Option<DateTime<Utc>>,
    agent_input_type: Option<String>,
    production_deployment_id: Option<String>,
    acp_url: Option<String>,
}

/// A checked statement for whole agents: what stands before the columns of `item`, and what behind.
macro_rules! agents {
    ($before:literal, $behind:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            AgentRow,
            $before
                + r#" item.id AS "id!", item.name AS "name!", item.description AS "description!",
                    item.status::text AS "status!", item.acp_type AS "acp_type!", item.status_reason,
                    COALESCE(item.created_at, 'epoch'::timestamptz) AS "created_at!",
                    COALESCE(item.updated_at, 'epoch'::timestamptz) AS "updated_at!", item.registration_metadata,
                    item.registered_at, item.agent_input_type::text AS agent_input_type,
                    item.production_deployment_id, item.acp_url "#
                + $behind
            $(, $argument)*
        )
    };
}

const TABLE: Table = Table {
    name: "agents",
    columns: "item.id, item.name, item.description, item.status::text, item.acp_type, item.status_reason, \
        COALESCE(item.created_at, 'epoch'::timestamptz) AS created_at, \
        COALESCE(item.updated_at, 'epoch'::timestamptz) AS updated_at, item.registration_metadata, \
        item.registered_at, item.agent_input_type::text, item.production_deployment_id, item.acp_url",
    present: "item.status <> 'DELETED'",
    kind: Kind::Agent,
    resource: "item.id",
};

#[async_trait::async_trait]
impl AgentStore for PgStore {
    async fn get(&self, permits: &[&Permit<authz::Agent, Read>]) -> Result<Vec<Agent>, StoreError> {
        let ids: Vec<_> = permits.iter().map(|permit| permit.id().as_str()).collect();
        let rows = agents!(
            "SELECT",
            "FROM agents AS item WHERE item.id = ANY((SELECT $1::text[])::text[]) AND item.status <> 'DELETED'",
            &ids as &[&str]
        );
        let rows = rows.fetch_all(&self.pool).await.map_err(Fault::from)?;
        Ok(rows.into_iter().map(Agent::try_from).collect::<Result<_, _>>()?)
    }

    async fn id_by_name(&self, tenant: &Id<Tenant>, name: &str) -> Result<Option<Named<authz::Agent>>, StoreError> {
        let found = sqlx::query!(
            "SELECT id, created_at, zed_token FROM agents WHERE tenant = $1 AND name = $2 AND status <> 'DELETED'",
            tenant.as_str(),
            name
        );
        let found = found.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        Ok(found.map(|row| Named::made_at(Id::new(row.id), row.created_at, row.zed_token.map(ConsistencyToken::new))))
    }

    async fn page(&self, scope: &Scope<authz::Agent, Read>, query: &Query) -> Result<Page<Agent>, StoreError> {
        let list = List {
            table: &TABLE,
            key: key(query.order),
            window: &query.window,
            filter: &|sql| filter(sql, query),
            narrowed: narrowed(query),
            after: &|agent| query.order.after(agent),
        };
        Ok(list.page(&self.pool, scope.extent()).await?)
    }

    async fn create(
        &self,
        permit: &Permit<Tenant, Create>,
        new: NewAgent,
        registered: Registered,
    ) -> Result<Agent, StoreError> {
        let created = agents!(
            "WITH settled AS (
                DELETE FROM intents WHERE id = $11 AND stage = 'open' RETURNING id
            ), item AS (
                INSERT INTO agents (id, tenant, name, description, status, acp_type, acp_url, registration_metadata,
                    registered_at, agent_input_type, creator_user_id, creator_service_account_id, zed_token)
                SELECT $1, $2, $3, $4, 'READY', $5, $6, $7, now(), $8::text::agentinputtype, $9, $10, $12 FROM settled
                RETURNING *
            )
            SELECT",
            "FROM item",
            new.id.as_str(),
            permit.id().as_str(),
            new.name,
            new.description,
            new.acp_type.as_str(),
            new.acp_url,
            new.registration_metadata.map(Value::Object),
            new.input_type.map(label),
            creator_of(new.creator.as_ref(), PrincipalKind::User),
            creator_of(new.creator.as_ref(), PrincipalKind::ServiceAccount),
            registered.intent().as_str(),
            registered.token().map(ConsistencyToken::as_str),
        );
        let refused = |fault: Fault| {
            if fault.is_name_taken() { StoreError::NameTaken { name: new.name.clone() } } else { fault.into() }
        };
        let mut commit = Commit::begin(&self.pool, &registered).await.map_err(Fault::from)?;
        let created = created.fetch_optional(commit.connection()).await.map_err(Fault::from).map_err(refused)?;
        commit.end(created.is_some()).await.map_err(Fault::from)?;
        Ok(created.ok_or(StoreError::Superseded)?.try_into()?)
    }

    async fn delete(
        &self,
        permit: &Permit<authz::Agent, Delete>,
        ending: &Ending,
    ) -> Result<Option<Deleted>, StoreError> {
        let (id, resource) = (permit.id().as_str(), ResourceRef::of(permit.id()));
        let mut transaction = self.pool.begin().await.map_err(Fault::from)?;
        // The lock keeps new keys out, and later statements see those that came before it.
        let doomed = agents!(
            "SELECT",
            "FROM agents AS item WHERE item.id = $1 AND item.status <> 'DELETED' FOR NO KEY UPDATE",
            id
        );
        let Some(doomed) = doomed.fetch_optional(&mut *transaction).await.map_err(Fault::from)? else {
            return Ok(None);
        };
        // Marked, and not removed: its tasks point at it, and are not the agent's to take along.
        let mark =
            sqlx::query!("UPDATE agents SET status = 'DELETED', updated_at = clock_timestamp() WHERE id = $1", id);
        mark.execute(&mut *transaction).await.map_err(Fault::from)?;
        let keys = sqlx::query!("DELETE FROM api_keys WHERE agent_id = $1 RETURNING id, created_at", id);
        let keys = keys.fetch_all(&mut *transaction).await.map_err(Fault::from)?;
        let gone = |id: String, made_at| Gone { resource: ResourceRef { kind: Kind::ApiKey, id: id.into() }, made_at };
        let keys: Vec<_> = keys.into_iter().map(|key| gone(key.id, key.created_at)).collect();
        let intent = Intent::deregister(resource, ending, Some(doomed.created_at));
        ledger::end(&mut *transaction, &intent).await.map_err(Fault::from)?;
        for Gone { resource, made_at } in &keys {
            let intent = Intent::deregister(resource.clone(), &ending.of_part(resource), Some(*made_at));
            ledger::end(&mut *transaction, &intent).await.map_err(Fault::from)?;
        }
        transaction.commit().await.map_err(Fault::from)?;
        Ok(Some(Deleted { agent: doomed.try_into()?, keys }))
    }

    async fn of_tasks(&self, tasks: &[&Permit<Task, Read>]) -> Result<Vec<(Id<Task>, AgentId)>, StoreError> {
        let ids: Vec<_> = tasks.iter().map(|permit| permit.id().as_str()).collect();
        let links = sqlx::query!(
            "SELECT link.task_id, link.agent_id FROM task_agents AS link JOIN agents AS agent ON agent.id = link.agent_id
            WHERE link.task_id = ANY((SELECT $1::text[])::text[]) AND agent.status <> 'DELETED' ORDER BY link.task_id, link.agent_id",
            &ids as &[&str]
        );
        let links = links.fetch_all(&self.pool).await.map_err(Fault::from)?;
        Ok(links.into_iter().map(|link| (Id::new(link.task_id), Id::new(link.agent_id))).collect())
    }
}

/// The database's label for an input type.
const fn label(input: InputType) -> &'static str {
    match input {
        InputType::Text => "TEXT",
        InputType::Json => "JSON",
    }
}

const fn key(order: Order) -> Key {
    match order {
        Order::UpdatedAt => Key::Time("COALESCE(item.updated_at, 'epoch'::timestamptz)"),
        Order::CreatedAt => Key::Birth("COALESCE(item.created_at, 'epoch'::timestamptz)"),
        Order::Name => Key::Text("item.name COLLATE \"C\""),
        Order::Id => Key::Text("item.id COLLATE \"C\""),
    }
}

fn narrowed(query: &Query) -> Narrowed {
    if query.task.is_some() { Narrowed::Handful } else { Narrowed::Little }
}

fn filter(sql: &mut Sql, query: &Query) {
    if let Some(task) = &query.task {
        sql.push(" AND EXISTS (SELECT FROM task_agents AS link WHERE link.agent_id = item.id AND link.task_id = ");
        sql.push_bind(task.as_str()).push(")");
    }
}

impl Item for Agent {
    type Row = AgentRow;

    fn resource(&self) -> &str {
        self.id.as_str()
    }
}

impl TryFrom<AgentRow> for Agent {
    type Error = Fault;

    fn try_from(row: AgentRow) -> Result<Self, Fault> {
        let id = AgentId::new(row.id);
        let input = row.agent_input_type.as_deref();
        Ok(Self {
            name: row.name,
            description: row.description,
            status: word("status", &row.status, Status::from_word)?,
            acp_type: word("acp_type", &row.acp_type, AcpType::from_word)?,
            status_reason: row.status_reason,
            created_at: row.created_at,
            updated_at: row.updated_at,
            registration_metadata: row.registration_metadata.filter(|metadata| !metadata.is_null()),
            registered_at: row.registered_at,
            input_type: input.map(|input| word("agent_input_type", input, InputType::from_word)).transpose()?,
            production_deployment_id: row.production_deployment_id,
            acp_url: Guarded::new(id.clone(), row.acp_url),
            id,
        })
    }
}

fn word<T>(column: &str, word: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
    read(word).ok_or_else(|| Fault::unknown_word(column, word))
}
