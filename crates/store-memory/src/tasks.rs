//! Tasks in memory.

use crate::{
    MemoryStore, Trouble,
    json::{all_storable, matches, same, storable},
    page::{page, settled, visible},
    tables::{Tables, TaskRow, kept_creator},
};
use async_trait::async_trait;
use authz::{
    Agent, Ending, Guarded, Id, Named, Page, Permit, Registered, ResourceRef, Scope, Tenant,
    action::{Delete, Execute, Read, Update},
};
use chrono::{DateTime, Utc};
use dual_write::Intent;
use serde_json::{Map, Value};
use tasks::{CREATED, NewTask, Patch, Query, Status, StoreError, Task, TaskStore, Transition};
use trackers::Tracker;

#[async_trait]
impl TaskStore for MemoryStore {
    async fn get(&self, permits: &[&Permit<authz::Task, Read>]) -> Result<Vec<Task>, StoreError> {
        let tables = self.tables();
        let rows = permits.iter().filter_map(|permit| tables.tasks.get(permit.id()));
        Ok(rows.map(|row| row.task.clone()).collect())
    }

    async fn id_by_name(&self, tenant: &Id<Tenant>, name: &str) -> Result<Option<Named<authz::Task>>, StoreError> {
        if !storable(name) {
            return Err(StoreError::Unstorable);
        }
        let tables = self.tables();
        let found = tables.task_named(tenant, name);
        Ok(found.map(|row| Named::made_at(row.task.id.clone(), row.task.created_at, row.token.clone())))
    }

    async fn page(&self, scope: &Scope<authz::Task, Read>, query: &Query) -> Result<Page<Task>, StoreError> {
        let texts_are_storable = query.agent_name.as_deref().is_none_or(storable);
        if !texts_are_storable || !query.metadata.as_ref().is_none_or(all_storable) {
            return Err(StoreError::Unstorable);
        }
        let extent = settled(scope).await?;
        let tables = self.tables();
        let wanted = tables.tasks.values().filter(|row| tables.meets(row, query)).map(|row| &row.task);
        let seen = visible(wanted, &extent, |task| task.id.as_str())?;
        Ok(page(seen, &query.window, |task| query.order.after(task)))
    }

    async fn create(
        &self,
        agent: &Permit<Agent, Execute>,
        new: NewTask,
        registered: Registered,
    ) -> Result<Task, StoreError> {
        if !new_storable(&new) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        if tables.agents.get(agent.id()).is_none_or(|row| row.tenant != new.tenant) {
            return Err(StoreError::NoSuchAgent);
        }
        if let Some(name) = new.name.as_ref().filter(|name| tables.task_named(&new.tenant, name).is_some()) {
            return Err(StoreError::NameTaken { name: name.clone() });
        }
        if tables.tasks.contains_key(&new.id) || tables.trackers.contains_key(&new.tracker_id) {
            return Err(Trouble::IdTaken.into());
        }
        if !tables.settle_open(registered.intent()) {
            return Err(StoreError::Superseded);
        }
        tables.owe(registered.owed());
        let (agent, tenant, now) = (agent.id().clone(), new.tenant.clone(), tables.now());
        let tracker = Tracker {
            id: new.tracker_id.clone(),
            agent_id: agent.clone(),
            task_id: new.id.clone(),
            status: None,
            status_reason: None,
            last_processed_event_id: None,
            created_at: now,
            updated_at: now,
        };
        let (creator, token) = (kept_creator(new.creator.clone()), registered.token().cloned());
        let task = made(new, now);
        tables.trackers.insert(tracker.id.clone(), tracker);
        tables.tasks.insert(task.id.clone(), TaskRow { tenant, creator, token, agent, task: task.clone() });
        Ok(task)
    }

    async fn update(&self, permit: &Permit<authz::Task, Update>, patch: Patch) -> Result<Option<Task>, StoreError> {
        let objects = [&patch.merge_params, &patch.metadata];
        if !objects.into_iter().flatten().all(all_storable) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        let now = tables.now();
        let Some(row) = tables.tasks.get_mut(permit.id()) else { return Ok(None) };
        let changed_params = patch.merge_params.is_some_and(|patch| merge(&mut row.task.params, patch));
        let changed_metadata = patch.metadata.is_some_and(|new| replace(&mut row.task.metadata, Value::Object(new)));
        if changed_params || changed_metadata {
            row.task.updated_at = Some(now);
        }
        Ok(Some(row.task.clone()))
    }

    async fn transition(&self, transition: &Transition<'_>) -> Result<Option<Task>, StoreError> {
        if !storable(transition.reason()) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        let now = tables.now();
        let Some(row) = tables.tasks.get_mut(transition.task()) else { return Ok(None) };
        let to = transition.to();
        if let Some(from) = row.task.status.filter(|from| !to.sources().contains(from)) {
            return Err(StoreError::WrongStatus { from, to });
        }
        row.task.status = Some(to);
        row.task.status_reason = Some(transition.reason().to_owned());
        row.task.updated_at = Some(now);
        Ok(Some(row.task.clone()))
    }

    async fn delete(&self, permit: &Permit<authz::Task, Delete>, ending: &Ending) -> Result<Option<Task>, StoreError> {
        let mut tables = self.tables();
        let Some(row) = tables.tasks.remove(permit.id()) else { return Ok(None) };
        tables.trackers.retain(|_, tracker| tracker.task_id != row.task.id);
        tables.forget_events(|event| event.task_id == row.task.id);
        tables.messages.retain(|_, message| message.task_id != row.task.id);
        tables.states.retain(|_, state| state.task_id != row.task.id);
        tables.forget_thread(&row.task.id);
        tables.end(Intent::deregister(ResourceRef::of(permit.id()), ending, row.task.created_at));
        Ok(Some(row.task))
    }
}

impl Tables {
    fn task_named(&self, tenant: &Id<Tenant>, name: &str) -> Option<&TaskRow> {
        self.tasks.values().find(|row| row.tenant == *tenant && row.task.name.as_deref() == Some(name))
    }

    fn meets(&self, row: &TaskRow, query: &Query) -> bool {
        let agent_name = || self.agents.get(&row.agent).map(|row| row.agent.name.as_str());
        row.task.status.is_some()
            && query.agent.as_ref().is_none_or(|agent| row.agent == *agent)
            && query.agent_name.as_deref().is_none_or(|name| agent_name() == Some(name))
            && query.status.is_none_or(|status| row.task.status == Some(status))
            && matches(row.task.metadata.as_ref(), query.metadata.as_ref())
    }
}

fn new_storable(new: &NewTask) -> bool {
    new.name.as_deref().is_none_or(storable) && [&new.params, &new.metadata].into_iter().flatten().all(all_storable)
}

fn made(new: NewTask, now: DateTime<Utc>) -> Task {
    Task {
        creator: Guarded::new(new.id.clone(), kept_creator(new.creator)),
        id: new.id,
        name: new.name,
        status: Some(Status::Running),
        status_reason: Some(CREATED.to_owned()),
        created_at: Some(now),
        updated_at: Some(now),
        cleaned_at: None,
        params: new.params.map(Value::Object),
        metadata: new.metadata.map(Value::Object),
    }
}

/// Sets keys of `params`. Whether that changed anything.
fn merge(params: &mut Option<Value>, patch: Map<String, Value>) -> bool {
    if patch.is_empty() {
        return false;
    }
    let mut merged = params.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    merged.extend(patch);
    replace(params, Value::Object(merged))
}

/// Puts `new` where `old` was. Whether that changed anything.
fn replace(old: &mut Option<Value>, new: Value) -> bool {
    let changes = !old.as_ref().is_some_and(|old| same(old, &new));
    *old = Some(new);
    changes
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(Box::new(trouble))
    }
}
