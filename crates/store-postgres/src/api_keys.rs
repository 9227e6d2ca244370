//! API keys on PostgreSQL.

use crate::{
    PgStore,
    fault::Fault,
    held::Sql,
    ledger::{self, Commit},
    list::{Item, Key, List, Narrowed, Table},
    tasks::creator_of,
};
use api_keys::{AgentKey, ApiKey, ApiKeyId, ApiKeyStore, Bearer, Digest, KeyType, NewApiKey, Query, StoreError};
use authz::{
    After, Agent, ConsistencyToken, Ending, Guarded, Id, Kind, Page, Permit, Principal, PrincipalKind, Registered,
    ResourceRef, Scope, SortKey, Tenant,
    action::{Create, Delete, Read, Update},
};
use chrono::{DateTime, Utc};
use dual_write::Intent;
use std::collections::{BTreeSet, HashMap};

/// A row of `api_keys`, without the digest, which only goes in.
#[derive(sqlx::FromRow)]
pub(crate) struct ApiKeyRow {
    id: String,
    agent_id: String,
    name: String,
    #[sqlx(rename = "type")]
    key_type: String,
    prefix: String,
    created_at: DateTime<Utc>,
    creator_user_id: Option<String>,
    creator_service_account_id: Option<String>,
}

/// A checked statement for whole keys: what stands before the columns of `item`, and what behind.
macro_rules! keys {
    ($before:literal, $behind:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ApiKeyRow,
            $before
                + r#" item.id AS "id!", item.agent_id AS "agent_id!", item.name AS "name!", item.type AS "key_type!",
                    item.prefix AS "prefix!", item.created_at AS "created_at!", item.creator_user_id,
                    item.creator_service_account_id "#
                + $behind
            $(, $argument)*
        )
    };
}

const TABLE: Table = Table {
    name: "api_keys",
    columns: "item.id, item.agent_id, item.name, item.type, item.prefix, item.created_at, item.creator_user_id, \
        item.creator_service_account_id",
    present: "true",
    kind: Kind::ApiKey,
    resource: "item.id",
};

#[async_trait::async_trait]
impl ApiKeyStore for PgStore {
    async fn bearer(&self, digest: &Digest) -> Result<Option<Bearer>, StoreError> {
        Ok(self.bearers.find(*digest).await?)
    }

    async fn get(&self, permit: &Permit<authz::ApiKey, Read>) -> Result<Option<ApiKey>, StoreError> {
        let found = keys!("SELECT", "FROM api_keys AS item WHERE item.id = $1", permit.id().as_str());
        let found = found.fetch_optional(&self.pool).await.map_err(Fault::from)?;
        Ok(found.map(ApiKey::try_from).transpose()?)
    }

    async fn id_by_name(
        &self,
        tenant: &Id<Tenant>,
        agent: AgentKey<'_>,
        name: &str,
        key_type: KeyType,
    ) -> Result<Option<ApiKeyId>, StoreError> {
        let id = match agent {
            AgentKey::Id(agent) => {
                let id = sqlx::query_scalar!(
                    "SELECT id FROM api_keys WHERE agent_id = $1 AND name = $2 AND type = $3",
                    agent,
                    name,
                    key_type.as_str()
                );
                id.fetch_optional(&self.pool).await
            }
            AgentKey::Name(agent) => {
                let id = sqlx::query_scalar!(
                    "SELECT item.id FROM agents AS agent JOIN api_keys AS item ON item.agent_id = agent.id
                    WHERE agent.tenant = $1 AND agent.name = $2 AND agent.status <> 'DELETED'
                        AND item.name = $3 AND item.type = $4",
                    tenant.as_str(),
                    agent,
                    name,
                    key_type.as_str()
                );
                id.fetch_optional(&self.pool).await
            }
        };
        Ok(id.map_err(Fault::from)?.map(Id::new))
    }

    async fn page(&self, scope: &Scope<authz::ApiKey, Read>, query: &Query) -> Result<Page<ApiKey>, StoreError> {
        let list = List {
            table: &TABLE,
            key: Key::Time("item.created_at"),
            window: &query.window,
            filter: &|sql| filter(sql, query),
            narrowed: if query.agent.is_some() { Narrowed::Handful } else { Narrowed::Little },
            after: &|key| ApiKey::place(key),
        };
        Ok(list.page(&self.pool, scope.extent()).await?)
    }

    async fn of_agents(
        &self,
        agents: &[&Permit<Agent, Update>],
        after: Option<&After>,
        limit: u32,
    ) -> Result<Vec<Page<ApiKey>>, StoreError> {
        let distinct: BTreeSet<_> = agents.iter().map(|permit| permit.id().as_str()).collect();
        let behind = match after.map(|after| &after.key) {
            None => None,
            Some(SortKey::Time(micros)) => DateTime::from_timestamp_micros(*micros),
            // Keys are sorted by a time: behind anything else there is nothing.
            Some(SortKey::Number(_) | SortKey::Text(_)) => return Ok(agents.iter().map(|_| Page::empty()).collect()),
        };
        let rows = keys!(
            "SELECT",
            r#"FROM unnest((SELECT $1::text[])) AS asked (agent)
            CROSS JOIN LATERAL (
                SELECT * FROM api_keys AS one
                WHERE one.agent_id = asked.agent
                    AND ($2::timestamptz IS NULL OR (one.created_at, one.id COLLATE "C") > ($2, $3::text))
                ORDER BY one.created_at, one.id COLLATE "C" LIMIT $4
            ) AS item
            ORDER BY item.agent_id, item.created_at, item.id COLLATE "C""#,
            &distinct.into_iter().collect::<Vec<_>>() as &[&str],
            behind,
            after.map(|after| &*after.id),
            i64::from(limit) + 1
        );
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows.fetch_all(&self.pool).await.map_err(Fault::from)? {
            let key = ApiKey::try_from(row)?;
            found.entry(key.agent_id.clone()).or_default().push(key);
        }
        let of_agent = |agent: &&Permit<_, _>| Page::cut(found.get(agent.id()).cloned().unwrap_or_default(), limit);
        Ok(agents.iter().map(of_agent).collect())
    }

    async fn create(
        &self,
        agent: &Permit<Agent, Create>,
        new: NewApiKey,
        registered: Registered,
    ) -> Result<ApiKey, StoreError> {
        // The lock keeps the agent there until the key is; one that is not there leaves the intent open.
        let created = keys!(
            "WITH agent AS (
                SELECT id FROM agents WHERE id = $1 AND tenant = $2 AND status <> 'DELETED' FOR SHARE
            ), settled AS (
                DELETE FROM intents USING agent WHERE intents.id = $10 AND intents.stage = 'open' RETURNING intents.id
            ), item AS (
                INSERT INTO api_keys (id, agent_id, name, type, prefix, digest, creator_user_id,
                    creator_service_account_id, zed_token)
                SELECT $3, agent.id, $4, $5, $6, $7, $8, $9, $11 FROM agent, settled
                RETURNING *
            )
            SELECT",
            "FROM item",
            agent.id().as_str(),
            new.tenant.as_str(),
            new.id.as_str(),
            new.name,
            new.key_type.as_str(),
            new.prefix,
            new.digest.as_bytes(),
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
        match created {
            Some(created) => Ok(created.try_into()?),
            None if ledger::is_open(&self.pool, registered.intent()).await? => Err(StoreError::NoSuchAgent),
            None => Err(StoreError::Superseded),
        }
    }

    async fn delete(
        &self,
        permit: &Permit<authz::ApiKey, Delete>,
        ending: &Ending,
    ) -> Result<Option<ApiKey>, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(Fault::from)?;
        let deleted = keys!("DELETE FROM api_keys AS item WHERE item.id = $1 RETURNING", "", permit.id().as_str());
        let Some(deleted) = deleted.fetch_optional(&mut *transaction).await.map_err(Fault::from)? else {
            return Ok(None);
        };
        let intent = Intent::deregister(ResourceRef::of(permit.id()), ending, Some(deleted.created_at));
        ledger::end(&mut *transaction, &intent).await.map_err(Fault::from)?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(Some(deleted.try_into()?))
    }
}

fn filter(sql: &mut Sql, query: &Query) {
    if let Some(agent) = &query.agent {
        sql.push(" AND item.agent_id = ").push_bind(agent.as_str());
    }
}

impl Item for ApiKey {
    type Row = ApiKeyRow;

    fn resource(&self) -> &str {
        self.id.as_str()
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = Fault;

    fn try_from(row: ApiKeyRow) -> Result<Self, Fault> {
        let id = ApiKeyId::new(row.id);
        let user = row.creator_user_id.map(Principal::user);
        let creator = user.or_else(|| row.creator_service_account_id.map(Principal::service_account));
        Ok(Self {
            creator: Guarded::new(id.clone(), creator),
            agent_id: Id::new(row.agent_id),
            name: row.name,
            key_type: KeyType::from_word(&row.key_type).ok_or_else(|| Fault::unknown_word("type", &row.key_type))?,
            prefix: row.prefix,
            created_at: row.created_at,
            id,
        })
    }
}
