//! States in memory.

use crate::{
    MemoryStore, Trouble,
    json::{all_storable, same_object, storable},
    page::{page, settled, visible},
};
use async_trait::async_trait;
use authz::{
    Guarded, Page, Permit, Scope, Task,
    action::{Delete, Read, Update},
};
use conversations::{NewState, State, StateQuery, StateStore, StoreError};
use serde_json::{Map, Value};

#[async_trait]
impl StateStore for MemoryStore {
    async fn create(&self, task: &Permit<Task, Update>, new: NewState) -> Result<State, StoreError> {
        if !storable(&new.id) || !storable(new.agent.as_str()) || !all_storable(&new.state) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        if tables.tasks.get(task.id()).is_none_or(|row| row.agent != new.agent) {
            return Err(StoreError::NoSuchParent);
        }
        if tables.states.values().any(|state| state.task_id == *task.id() && state.agent_id == new.agent) {
            return Err(StoreError::StateExists);
        }
        if tables.states.contains_key(&new.id) {
            return Err(Trouble::IdTaken.into());
        }
        let now = tables.now();
        let state = State {
            id: new.id,
            task_id: task.id().clone(),
            agent_id: new.agent,
            state: new.state,
            created_at: now,
            updated_at: now,
        };
        tables.states.insert(state.id.clone(), state.clone());
        Ok(state)
    }

    async fn locate(&self, id: &str) -> Result<Option<Guarded<State, Task, Read>>, StoreError> {
        if !storable(id) {
            return Err(StoreError::Unstorable);
        }
        let found = self.tables().states.get(id).cloned();
        Ok(found.map(|state| Guarded::new(state.task_id.clone(), state)))
    }

    async fn page(&self, scope: &Scope<Task, Read>, query: &StateQuery) -> Result<Page<State>, StoreError> {
        let extent = settled(scope).await?;
        let tables = self.tables();
        let wanted = tables.states.values().filter(|state| {
            query.task.as_ref().is_none_or(|task| state.task_id == *task)
                && query.agent.as_ref().is_none_or(|agent| state.agent_id == *agent)
        });
        let seen = visible(wanted, &extent, |state| state.task_id.as_str())?;
        Ok(page(seen, &query.window, |state| query.order.after(state)))
    }

    async fn replace(
        &self,
        task: &Permit<Task, Update>,
        id: &str,
        state: Map<String, Value>,
    ) -> Result<Option<State>, StoreError> {
        if !storable(id) || !all_storable(&state) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        let now = tables.now();
        let Some(row) = tables.states.get_mut(id).filter(|row| row.task_id == *task.id()) else { return Ok(None) };
        if !same_object(&row.state, &state) {
            row.updated_at = now;
        }
        row.state = state;
        Ok(Some(row.clone()))
    }

    async fn delete(&self, task: &Permit<Task, Delete>, id: &str) -> Result<Option<State>, StoreError> {
        if !storable(id) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        let ours = tables.states.get(id).is_some_and(|row| row.task_id == *task.id());
        Ok(if ours { tables.states.remove(id) } else { None })
    }
}
