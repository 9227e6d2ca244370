//! Trackers in memory.

use crate::{
    MemoryStore, Trouble,
    json::storable,
    page::{page, settled, visible},
    tables::Tables,
};
use async_trait::async_trait;
use authz::{
    Guarded, Page, Permit, Scope, Task,
    action::{Execute, Read},
};
use std::collections::BTreeSet;
use trackers::{Change, Commit, Located, Query, StoreError, Tracker, TrackerStore};

#[async_trait]
impl TrackerStore for MemoryStore {
    async fn locate(&self, id: &str) -> Result<Option<Guarded<Tracker, Task, Read>>, StoreError> {
        if !storable(id) {
            return Err(StoreError::Unstorable);
        }
        let found = self.tables().trackers.get(id).cloned();
        Ok(found.map(|tracker| Guarded::new(tracker.task_id.clone(), tracker)))
    }

    async fn locate_all(&self, ids: &[&str]) -> Result<Vec<Located>, StoreError> {
        if !ids.iter().all(|id| storable(id)) {
            return Err(StoreError::Unstorable);
        }
        let ids: BTreeSet<_> = ids.iter().copied().collect();
        let tables = self.tables();
        let found = ids.into_iter().filter_map(|id| tables.trackers.get(id).cloned());
        Ok(found.map(Tracker::located).collect())
    }

    async fn page(&self, scope: &Scope<Task, Read>, query: &Query) -> Result<Page<Tracker>, StoreError> {
        let extent = settled(scope).await?;
        let tables = self.tables();
        let wanted = tables.trackers.values().filter(|tracker| {
            query.task.as_ref().is_none_or(|task| tracker.task_id == *task)
                && query.agent.as_ref().is_none_or(|agent| tracker.agent_id == *agent)
        });
        let seen = visible(wanted, &extent, |tracker| tracker.task_id.as_str())?;
        Ok(page(seen, &query.window, |tracker| query.order.after(tracker)))
    }

    async fn of_tasks(&self, tasks: &[&Permit<Task, Read>]) -> Result<Vec<Tracker>, StoreError> {
        let tables = self.tables();
        let of_tasks = |tracker: &&Tracker| tasks.iter().any(|permit| *permit.id() == tracker.task_id);
        let mut found: Vec<_> = tables.trackers.values().filter(of_tasks).cloned().collect();
        found.sort_by(|left, right| (&left.task_id, &left.id).cmp(&(&right.task_id, &right.id)));
        Ok(found)
    }

    async fn commit(
        &self,
        task: &Permit<Task, Execute>,
        id: &str,
        commit: Commit,
    ) -> Result<Option<Tracker>, StoreError> {
        if !storable(id) || !commit_storable(&commit) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        let Some(old) = tables.trackers.get(id).filter(|tracker| tracker.task_id == *task.id()) else {
            return Ok(None);
        };
        if let Some(event) = &commit.last_processed_event_id {
            tables.accepts(old, event)?;
        }
        let (old, mut new) = (old.clone(), old.clone());
        new.status = commit.status.apply(new.status);
        new.status_reason = commit.status_reason.apply(new.status_reason);
        new.last_processed_event_id = commit.last_processed_event_id.or(new.last_processed_event_id);
        if new != old {
            new.updated_at = tables.now();
            tables.trackers.insert(id.to_owned(), new.clone());
        }
        Ok(Some(new))
    }
}

impl Tables {
    /// Whether the cursor of `tracker` may move to an event.
    fn accepts(&self, tracker: &Tracker, id: &str) -> Result<(), StoreError> {
        let of_tracker =
            self.event(id).filter(|event| event.task_id == tracker.task_id && event.agent_id == tracker.agent_id);
        let Some(event) = of_tracker else { return Err(StoreError::UnknownEvent { id: id.to_owned() }) };
        let stands_on = tracker.last_processed_event_id.as_deref().and_then(|last| self.event(last));
        if stands_on.is_some_and(|last| event.sequence_id < last.sequence_id) {
            return Err(StoreError::Backwards { id: id.to_owned() });
        }
        Ok(())
    }
}

fn commit_storable(commit: &Commit) -> bool {
    let set = |change: &Change| match change {
        Change::Set(text) => storable(text),
        Change::Keep | Change::Clear => true,
    };
    commit.last_processed_event_id.as_deref().is_none_or(storable) && set(&commit.status) && set(&commit.status_reason)
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(Box::new(trouble))
    }
}
