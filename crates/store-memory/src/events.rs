//! Events in memory.

use crate::{
    MemoryStore, Trouble,
    json::{storable, value_storable},
};
use async_trait::async_trait;
use authz::{
    Agent, Guarded, Permit, Task,
    action::{Read, Update},
};
use conversations::{Event, EventQuery, EventStore, NewEvent, StoreError};

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, task: &Permit<Task, Update>, new: NewEvent) -> Result<Event, StoreError> {
        if !storable(&new.id) || !new.content.as_ref().is_none_or(value_storable) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        if tables.tasks.get(task.id()).is_none_or(|row| row.agent != new.agent) {
            return Err(StoreError::NoSuchParent);
        }
        if tables.event(&new.id).is_some() {
            return Err(Trouble::IdTaken.into());
        }
        let event = Event {
            id: new.id,
            sequence_id: tables.next_event(),
            task_id: task.id().clone(),
            agent_id: new.agent,
            content: new.content,
            created_at: tables.now(),
        };
        tables.add_event(event.clone());
        Ok(event)
    }

    async fn locate(&self, id: &str) -> Result<Option<Guarded<Event, Task, Read>>, StoreError> {
        if !storable(id) {
            return Err(StoreError::Unstorable);
        }
        let found = self.tables().event(id).cloned();
        Ok(found.map(|event| Guarded::new(event.task_id.clone(), event)))
    }

    async fn page(
        &self,
        task: &Permit<Task, Read>,
        agent: &Permit<Agent, Read>,
        query: &EventQuery,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        let tables = self.tables();
        let wanted = |event: &&Event| event.task_id == *task.id() && event.agent_id == *agent.id();
        let last = match &query.after {
            None => i64::MIN,
            Some(id) if !storable(id) => return Err(StoreError::Unstorable),
            Some(id) => match tables.event(id).filter(wanted) {
                Some(last) => last.sequence_id,
                None => return Ok(None),
            },
        };
        let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
        let found = tables.events_behind(last).filter(wanted);
        Ok(Some(found.take(limit).cloned().collect()))
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(Box::new(trouble))
    }
}
