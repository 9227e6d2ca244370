//! API keys in memory.

use crate::{
    MemoryStore, Trouble,
    json::storable,
    page::{page, settled, visible},
    tables::{ApiKeyRow, kept_creator},
};
use api_keys::{AgentKey, ApiKey, ApiKeyId, ApiKeyStore, Bearer, Digest, KeyType, NewApiKey, Query, StoreError};
use async_trait::async_trait;
use authz::{
    After, Agent, Direction, Ending, Guarded, Id, Page, Permit, Registered, ResourceRef, Scope, Start, Tenant, Window,
    action::{Create, Delete, Read, Update},
};
use dual_write::Intent;

#[async_trait]
impl ApiKeyStore for MemoryStore {
    async fn bearer(&self, digest: &Digest) -> Result<Option<Bearer>, StoreError> {
        let tables = self.tables();
        let found = tables.api_keys.values().find(|row| row.digest == *digest);
        let agent = found.and_then(|row| tables.agents.get(&row.key.agent_id));
        Ok(agent.map(|row| Bearer { agent: row.agent.id.clone(), tenant: row.tenant.clone() }))
    }

    async fn get(&self, permit: &Permit<authz::ApiKey, Read>) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.tables().api_keys.get(permit.id()).map(|row| row.key.clone()))
    }

    async fn id_by_name(
        &self,
        tenant: &Id<Tenant>,
        agent: AgentKey<'_>,
        name: &str,
        key_type: KeyType,
    ) -> Result<Option<ApiKeyId>, StoreError> {
        let (AgentKey::Id(typed) | AgentKey::Name(typed)) = agent;
        if !storable(typed) || !storable(name) {
            return Err(StoreError::Unstorable);
        }
        let tables = self.tables();
        let named = |row: &&ApiKeyRow| row.key.name == name && row.key.key_type == key_type;
        let of_agent = |row: &&ApiKeyRow| match agent {
            AgentKey::Id(id) => row.key.agent_id.as_str() == id,
            AgentKey::Name(name) => tables
                .agents
                .get(&row.key.agent_id)
                .is_some_and(|agent| agent.tenant == *tenant && agent.agent.name == name),
        };
        Ok(tables.api_keys.values().filter(named).find(of_agent).map(|row| row.key.id.clone()))
    }

    async fn page(&self, scope: &Scope<authz::ApiKey, Read>, query: &Query) -> Result<Page<ApiKey>, StoreError> {
        let extent = settled(scope).await?;
        let tables = self.tables();
        let keys = tables.api_keys.values().map(|row| &row.key);
        let wanted = keys.filter(|key| query.agent.as_ref().is_none_or(|agent| key.agent_id == *agent));
        let seen = visible(wanted, &extent, |key| key.id.as_str())?;
        Ok(page(seen, &query.window, ApiKey::place))
    }

    async fn of_agents(
        &self,
        agents: &[&Permit<Agent, Update>],
        after: Option<&After>,
        limit: u32,
    ) -> Result<Vec<Page<ApiKey>>, StoreError> {
        let start = after.cloned().map_or(Start::First, Start::After);
        let window = Window { limit, start, direction: Direction::Ascending };
        let tables = self.tables();
        let of_agent = |agent: &&Permit<Agent, Update>| {
            let keys = tables.api_keys.values().map(|row| &row.key).filter(|key| key.agent_id == *agent.id());
            page(keys.collect(), &window, ApiKey::place)
        };
        Ok(agents.iter().map(of_agent).collect())
    }

    async fn create(
        &self,
        agent: &Permit<Agent, Create>,
        new: NewApiKey,
        registered: Registered,
    ) -> Result<ApiKey, StoreError> {
        if !storable(&new.name) || !storable(&new.prefix) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        if tables.agents.get(agent.id()).is_none_or(|row| row.tenant != new.tenant) {
            return Err(StoreError::NoSuchAgent);
        }
        let mut of_agent = tables.api_keys.values().map(|row| &row.key).filter(|key| key.agent_id == *agent.id());
        if of_agent.any(|key| key.name == new.name && key.key_type == new.key_type) {
            return Err(StoreError::NameTaken { name: new.name });
        }
        if tables.api_keys.values().any(|row| row.digest == new.digest) {
            return Err(StoreError::KeyTaken);
        }
        if tables.api_keys.contains_key(&new.id) {
            return Err(Trouble::IdTaken.into());
        }
        if !tables.settle_open(registered.intent()) {
            return Err(StoreError::Superseded);
        }
        let creator = kept_creator(new.creator.clone());
        tables.owe(registered.owed());
        let key = ApiKey {
            creator: Guarded::new(new.id.clone(), kept_creator(new.creator)),
            id: new.id,
            agent_id: agent.id().clone(),
            name: new.name,
            key_type: new.key_type,
            prefix: new.prefix,
            created_at: tables.now(),
        };
        tables.api_keys.insert(key.id.clone(), ApiKeyRow { key: key.clone(), digest: new.digest, creator });
        Ok(key)
    }

    async fn delete(
        &self,
        permit: &Permit<authz::ApiKey, Delete>,
        ending: &Ending,
    ) -> Result<Option<ApiKey>, StoreError> {
        let mut tables = self.tables();
        let Some(row) = tables.api_keys.remove(permit.id()) else { return Ok(None) };
        tables.end(Intent::deregister(ResourceRef::of(permit.id()), ending, Some(row.key.created_at)));
        Ok(Some(row.key))
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(Box::new(trouble))
    }
}
