//! Checkpoints in memory.

use crate::{
    MemoryStore,
    json::{all_storable, matches, storable},
    tables::{Place, Tables},
};
use async_trait::async_trait;
use authz::{
    Permit, Task,
    action::{Delete, Read, Update},
};
use checkpoints::{
    Blob, Checkpoint, CheckpointStore, Contents, Key, NewCheckpoint, NewWrites, PendingWrite, Query, StoreError,
    channel_versions,
};
use serde_json::Value;
use std::{cmp::Reverse, collections::btree_map::Entry};
use tasks::TaskId;

#[async_trait]
impl CheckpointStore for MemoryStore {
    async fn find(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Checkpoint>>, StoreError> {
        if !keys.iter().all(|key| storable(key.namespace) && key.id.is_none_or(storable)) {
            return Err(StoreError::Unstorable);
        }
        let tables = self.tables();
        Ok(keys.iter().map(|key| tables.checkpoint(key).cloned()).collect())
    }

    async fn contents(&self, threads: &[&Permit<Task, Read>], of: &[&Checkpoint]) -> Result<Vec<Contents>, StoreError> {
        let tables = self.tables();
        let permitted = |of: &Checkpoint| threads.iter().any(|thread| *thread.id() == of.thread_id);
        let contents = |of: &&Checkpoint| if permitted(of) { tables.contents(of) } else { Contents::default() };
        Ok(of.iter().map(contents).collect())
    }

    async fn list(&self, threads: &[&Permit<Task, Read>], query: &Query) -> Result<Vec<Vec<Checkpoint>>, StoreError> {
        if !query_storable(query) {
            return Err(StoreError::Unstorable);
        }
        let tables = self.tables();
        Ok(threads.iter().map(|thread| tables.list(thread.id(), query)).collect())
    }

    async fn put(&self, thread: &Permit<Task, Update>, new: NewCheckpoint) -> Result<bool, StoreError> {
        if !checkpoint_storable(&new) {
            return Err(StoreError::Unstorable);
        }
        let (mut tables, thread) = (self.tables(), thread.id());
        if !tables.tasks.contains_key(thread) {
            return Ok(false);
        }
        for blob in new.blobs {
            let key = (thread.clone(), new.namespace.clone(), blob.channel.clone(), blob.version.clone());
            tables.blobs.entry(key).or_insert(blob);
        }
        let (checkpoint, metadata) = (Value::Object(new.checkpoint), Value::Object(new.metadata));
        match tables.checkpoints.entry((thread.clone(), new.namespace.clone(), new.id.clone())) {
            Entry::Occupied(mut old) => {
                let old = old.get_mut();
                (old.checkpoint, old.metadata) = (checkpoint, metadata);
            }
            Entry::Vacant(place) => {
                let NewCheckpoint { namespace, id, parent_id, .. } = new;
                let thread_id = thread.clone();
                place.insert(Checkpoint { thread_id, namespace, id, parent_id, checkpoint, metadata });
            }
        }
        Ok(true)
    }

    async fn put_writes(&self, thread: &Permit<Task, Update>, new: NewWrites) -> Result<bool, StoreError> {
        let texts = [&new.namespace, &new.checkpoint_id];
        if !texts.into_iter().all(|text| storable(text)) || !new.writes.iter().all(write_storable) {
            return Err(StoreError::Unstorable);
        }
        let mut tables = self.tables();
        if !tables.tasks.contains_key(thread.id()) {
            return Ok(false);
        }
        let place: Place = (thread.id().clone(), new.namespace, new.checkpoint_id);
        for write in new.writes {
            match tables.writes.entry((place.clone(), write.task_id.clone(), write.index)) {
                Entry::Vacant(free) => {
                    free.insert(write);
                }
                Entry::Occupied(mut old) if new.upsert => {
                    let task_path = std::mem::take(&mut old.get_mut().task_path);
                    old.insert(PendingWrite { task_path, ..write });
                }
                Entry::Occupied(_) => {}
            }
        }
        Ok(true)
    }

    async fn delete_thread(&self, thread: &Permit<Task, Delete>) -> Result<(), StoreError> {
        self.tables().forget_thread(thread.id());
        Ok(())
    }
}

impl Tables {
    fn checkpoint(&self, key: &Key<'_>) -> Option<&Checkpoint> {
        let place = |id: &str| (key.thread.id().clone(), key.namespace.to_owned(), id.to_owned());
        if let Some(id) = key.id {
            return self.checkpoints.get(&place(id));
        }
        let of_namespace = |(thread, namespace, _): &Place| thread == key.thread.id() && namespace == key.namespace;
        let from_first = self.checkpoints.range(place("")..);
        from_first.take_while(|(place, _)| of_namespace(place)).last().map(|(_, checkpoint)| checkpoint)
    }

    /// What goes with a checkpoint. Sorted, because the tables are.
    fn contents(&self, of: &Checkpoint) -> Contents {
        let mut versions = channel_versions(&of.checkpoint);
        versions.sort_unstable();
        let blob = |(channel, version)| self.blobs.get(&(of.thread_id.clone(), of.namespace.clone(), channel, version));
        let place: Place = (of.thread_id.clone(), of.namespace.clone(), of.id.clone());
        let writes = self.writes.range((place.clone(), String::new(), i32::MIN)..);
        let writes = writes.take_while(|((on, ..), _)| *on == place);
        Contents {
            blobs: versions.into_iter().filter_map(blob).cloned().collect(),
            writes: writes.map(|(_, write)| write.clone()).collect(),
        }
    }

    fn list(&self, thread: &TaskId, query: &Query) -> Vec<Checkpoint> {
        let from_first = self.checkpoints.range((thread.clone(), String::new(), String::new())..);
        let of_thread = from_first.take_while(|((of, ..), _)| of == thread).map(|(_, checkpoint)| checkpoint);
        let mut found: Vec<_> = of_thread.filter(|checkpoint| meets(checkpoint, query)).collect();
        found.sort_by_key(|checkpoint| latest_first(&checkpoint.id, &checkpoint.namespace));
        found.into_iter().take(query.limit as usize).cloned().collect()
    }
}

/// The order of lists.
const fn latest_first<'a>(id: &'a str, namespace: &'a str) -> (Reverse<&'a str>, &'a str) {
    (Reverse(id), namespace)
}

fn meets(checkpoint: &Checkpoint, query: &Query) -> bool {
    let place = latest_first(&checkpoint.id, &checkpoint.namespace);
    query.namespace.as_ref().is_none_or(|namespace| checkpoint.namespace == *namespace)
        && query.before.as_ref().is_none_or(|before| checkpoint.id < *before)
        && query.after.as_ref().is_none_or(|(id, namespace)| place > latest_first(id, namespace))
        && matches(Some(&checkpoint.metadata), query.metadata.as_ref())
}

fn query_storable(query: &Query) -> bool {
    let after = query.after.iter().flat_map(|(id, namespace)| [id, namespace]);
    let mut texts = query.namespace.iter().chain(&query.before).chain(after);
    texts.all(|text| storable(text)) && query.metadata.as_ref().is_none_or(all_storable)
}

fn checkpoint_storable(new: &NewCheckpoint) -> bool {
    let mut texts = [&new.namespace, &new.id].into_iter().chain(&new.parent_id);
    texts.all(|text| storable(text))
        && all_storable(&new.checkpoint)
        && all_storable(&new.metadata)
        && new.blobs.iter().all(blob_storable)
}

fn blob_storable(blob: &Blob) -> bool {
    [&blob.channel, &blob.version, &blob.kind].into_iter().all(|text| storable(text))
}

fn write_storable(write: &PendingWrite) -> bool {
    let mut texts = [&write.task_id, &write.channel, &write.task_path].into_iter().chain(&write.kind);
    texts.all(|text| storable(text))
}
