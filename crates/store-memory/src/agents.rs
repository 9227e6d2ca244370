//! Agents in memory.

use crate::{
    MemoryStore, Trouble,
    json::{all_storable, storable},
    page::{page, settled, visible},
    tables::{AgentRow, kept_creator},
};
use agents::{Agent, AgentId, AgentStore, Deleted, NewAgent, Query, Status, StoreError};
use async_trait::async_trait;
use authz::{
    Ending, Gone, Guarded, Id, Named, Page, Permit, Registered, ResourceRef, Scope, Task, Tenant,
    action::{Create, Delete, Read},
};
use chrono::{DateTime, Utc};
use dual_write::Intent;
use serde_json::Value;

#[async_trait]
impl AgentStore for MemoryStore {
    async fn get(&self, permits: &[&Permit<authz::Agent, Read>]) -> Result<Vec<Agent>, StoreError> {
        let tables = self.tables();
        let rows = permits.iter().filter_map(|permit| tables.agents.get(permit.id()));
        Ok(rows.map(|row| row.agent.clone()).collect())
    }

    async fn id_by_name(&self, tenant: &Id<Tenant>, name: &str) -> Result<Option<Named<authz::Agent>>, StoreError> {
        if !storable(name) {
            return Err(StoreError::Unstorable);
        }
        let tables = self.tables();
        let found = tables.agents.values().find(|row| row.tenant == *tenant && row.agent.name == name);
        Ok(found.map(|row| Named::made_at(row.agent.id.clone(), row.agent.created_at, row.token.clone())))
    }

    async fn page(&self, scope: &Scope<authz::Agent, Read>, query: &Query) -> Result<Page<Agent>, StoreError> {
        let extent = settled(scope).await?;
        let tables = self.tables();
        let of_task = query.task.as_ref().map(|task| tables.tasks.get(task).map(|row| &row.agent));
        let rows = tables.agents.values().map(|row| &row.agent);
        let wanted = rows.filter(|agent| of_task.is_none_or(|works| works == Some(&agent.id)));
        let seen = visible(wanted, &extent, |agent| agent.id.as_str())?;
        Ok(page(seen, &query.window, |agent| query.order.after(agent)))
    }

    async fn create(
        &self,
        permit: &Permit<Tenant, Create>,
        new: NewAgent,
        registered: Registered,
    ) -> Result<Agent, StoreError> {
        if !new_storable(&new) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        if tables.agents.values().any(|row| row.tenant == *permit.id() && row.agent.name == new.name) {
            return Err(StoreError::NameTaken { name: new.name });
        }
        if tables.agents.contains_key(&new.id) {
            return Err(Trouble::IdTaken.into());
        }
        if !tables.settle_open(registered.intent()) {
            return Err(StoreError::Superseded);
        }
        let creator = kept_creator(new.creator.clone());
        tables.owe(registered.owed());
        let agent = made(new, tables.now());
        let token = registered.token().cloned();
        let row = AgentRow { tenant: permit.id().clone(), creator, token, agent: agent.clone() };
        tables.agents.insert(agent.id.clone(), row);
        Ok(agent)
    }

    async fn delete(
        &self,
        permit: &Permit<authz::Agent, Delete>,
        ending: &Ending,
    ) -> Result<Option<Deleted>, StoreError> {
        let mut tables = self.tables();
        let Some(row) = tables.agents.remove(permit.id()) else { return Ok(None) };
        let ended = tables.api_keys.extract_if(.., |_, key| key.key.agent_id == row.agent.id);
        let gone = |key: api_keys::ApiKey| Gone { resource: ResourceRef::of(&key.id), made_at: key.created_at };
        let keys: Vec<_> = ended.map(|(_, key)| gone(key.key)).collect();
        tables.end(Intent::deregister(ResourceRef::of(permit.id()), ending, Some(row.agent.created_at)));
        for key in &keys {
            let ending = ending.of_part(&key.resource);
            tables.end(Intent::deregister(key.resource.clone(), &ending, Some(key.made_at)));
        }
        Ok(Some(Deleted { agent: row.agent, keys }))
    }

    async fn of_tasks(&self, tasks: &[&Permit<Task, Read>]) -> Result<Vec<(Id<Task>, AgentId)>, StoreError> {
        let tables = self.tables();
        let rows = tasks.iter().filter_map(|permit| tables.tasks.get(permit.id()));
        let rows = rows.filter(|row| tables.agents.contains_key(&row.agent));
        Ok(rows.map(|row| (row.task.id.clone(), row.agent.clone())).collect())
    }
}

fn new_storable(new: &NewAgent) -> bool {
    storable(&new.name)
        && storable(&new.description)
        && new.acp_url.as_deref().is_none_or(storable)
        && new.registration_metadata.as_ref().is_none_or(all_storable)
}

fn made(new: NewAgent, now: DateTime<Utc>) -> Agent {
    Agent {
        acp_url: Guarded::new(new.id.clone(), new.acp_url),
        id: new.id,
        name: new.name,
        description: new.description,
        status: Status::Ready,
        acp_type: new.acp_type,
        status_reason: None,
        created_at: now,
        updated_at: now,
        registration_metadata: new.registration_metadata.map(Value::Object),
        registered_at: Some(now),
        input_type: new.input_type,
        production_deployment_id: None,
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(Box::new(trouble))
    }
}
