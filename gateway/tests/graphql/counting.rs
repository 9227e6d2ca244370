//! Ports that write down what they are called for, and then do it.

use crate::calls::Calls;
use agents::{Agent, AgentId, AgentStore, Deleted, NewAgent};
use api_keys::{AgentKey, ApiKey, ApiKeyId, ApiKeyStore, Bearer, Digest, KeyType, NewApiKey};
use async_trait::async_trait;
use authz::{
    Action, After, Authorizer, Check, Consistency, ConsistencyToken, Decision, Ending, EngineError, Guarded, Holder,
    Id, IntentId, Kind, Lookup, Named, Page, Permit, Principal, Registered, Registration, Relationship, ResourceRef,
    Scope, Task as TaskKind, Tenant,
    action::{Create, Delete, Execute, Read, Update},
};
use checkpoints::{Checkpoint, CheckpointStore, Contents, Key, NewCheckpoint, NewWrites};
use chrono::{DateTime, TimeDelta, Utc};
use conversations::{Event, EventQuery, EventStore, NewEvent};
use dual_write::{Backlog, Intent, Ledger, LedgerError, Owed, Stage};
use std::sync::Arc;
use tasks::{NewTask, Patch, Task, TaskStore, Transition};
use trackers::{Commit, Tracker, TrackerStore};

/// A port, and where its calls are written down.
pub struct Counted<P: ?Sized> {
    pub port: Arc<P>,
    pub calls: Calls,
}

#[async_trait]
impl Authorizer for Counted<dyn Authorizer> {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.calls.note("engine.check");
        self.calls.asks(consistency);
        self.calls.trouble("engine.check").await.map_err(EngineError::Unavailable)?;
        self.port.check(principal, checks, consistency).await
    }
    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.calls.note("engine.lookup");
        self.calls.asks(consistency);
        self.calls.trouble("engine.lookup").await.map_err(EngineError::Unavailable)?;
        self.port.lookup(principal, kind, action, most, consistency).await
    }
    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.calls.note("engine.register");
        self.port.register(registration).await.map(|_| self.calls.given())
    }
    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.calls.note("engine.deregister");
        self.port.deregister(resource).await.map(|_| self.calls.given())
    }
    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.calls.note("engine.grant");
        self.port.grant(relationships).await.map(|_| self.calls.given())
    }
    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.calls.note("engine.revoke");
        self.port.revoke(relationships).await.map(|_| self.calls.given())
    }
    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.calls.note("engine.holders");
        self.port.holders(resources).await
    }
}

#[async_trait]
impl TaskStore for Counted<dyn TaskStore> {
    async fn get(&self, permits: &[&Permit<TaskKind, Read>]) -> Result<Vec<Task>, tasks::StoreError> {
        self.calls.note("tasks.get");
        self.port.get(permits).await
    }
    async fn id_by_name(&self, tenant: &Id<Tenant>, name: &str) -> Result<Option<Named<TaskKind>>, tasks::StoreError> {
        self.calls.note("tasks.id_by_name");
        self.port.id_by_name(tenant, name).await
    }
    async fn page(&self, scope: &Scope<TaskKind, Read>, query: &tasks::Query) -> Result<Page<Task>, tasks::StoreError> {
        self.calls.note("tasks.page");
        self.port.page(scope, query).await
    }
    async fn create(
        &self,
        agent: &Permit<authz::Agent, Execute>,
        new: NewTask,
        registered: Registered,
    ) -> Result<Task, tasks::StoreError> {
        self.calls.note("tasks.create");
        self.port.create(agent, new, registered).await
    }
    async fn update(&self, permit: &Permit<TaskKind, Update>, patch: Patch) -> Result<Option<Task>, tasks::StoreError> {
        self.calls.note("tasks.update");
        self.port.update(permit, patch).await
    }
    async fn transition(&self, transition: &Transition<'_>) -> Result<Option<Task>, tasks::StoreError> {
        self.calls.note("tasks.transition");
        self.port.transition(transition).await
    }
    async fn delete(
        &self,
        permit: &Permit<TaskKind, Delete>,
        ending: &Ending,
    ) -> Result<Option<Task>, tasks::StoreError> {
        self.calls.note("tasks.delete");
        self.port.delete(permit, ending).await
    }
}

#[async_trait]
impl AgentStore for Counted<dyn AgentStore> {
    async fn get(&self, permits: &[&Permit<authz::Agent, Read>]) -> Result<Vec<Agent>, agents::StoreError> {
        self.calls.note("agents.get");
        self.port.get(permits).await
    }
    async fn id_by_name(
        &self,
        tenant: &Id<Tenant>,
        name: &str,
    ) -> Result<Option<Named<authz::Agent>>, agents::StoreError> {
        self.calls.note("agents.id_by_name");
        self.port.id_by_name(tenant, name).await
    }
    async fn page(
        &self,
        scope: &Scope<authz::Agent, Read>,
        query: &agents::Query,
    ) -> Result<Page<Agent>, agents::StoreError> {
        self.calls.note("agents.page");
        self.port.page(scope, query).await
    }
    async fn create(
        &self,
        permit: &Permit<Tenant, Create>,
        new: NewAgent,
        registered: Registered,
    ) -> Result<Agent, agents::StoreError> {
        self.calls.note("agents.create");
        self.port.create(permit, new, registered).await
    }
    async fn delete(
        &self,
        permit: &Permit<authz::Agent, Delete>,
        ending: &Ending,
    ) -> Result<Option<Deleted>, agents::StoreError> {
        self.calls.note("agents.delete");
        self.port.delete(permit, ending).await
    }
    async fn of_tasks(
        &self,
        tasks: &[&Permit<TaskKind, Read>],
    ) -> Result<Vec<(Id<TaskKind>, AgentId)>, agents::StoreError> {
        self.calls.note("agents.of_tasks");
        self.port.of_tasks(tasks).await
    }
}

#[async_trait]
impl ApiKeyStore for Counted<dyn ApiKeyStore> {
    async fn bearer(&self, digest: &Digest) -> Result<Option<Bearer>, api_keys::StoreError> {
        self.calls.note("api_keys.bearer");
        self.port.bearer(digest).await
    }
    async fn get(&self, permit: &Permit<authz::ApiKey, Read>) -> Result<Option<ApiKey>, api_keys::StoreError> {
        self.calls.note("api_keys.get");
        self.port.get(permit).await
    }
    async fn id_by_name(
        &self,
        tenant: &Id<Tenant>,
        agent: AgentKey<'_>,
        name: &str,
        key_type: KeyType,
    ) -> Result<Option<ApiKeyId>, api_keys::StoreError> {
        self.calls.note("api_keys.id_by_name");
        self.port.id_by_name(tenant, agent, name, key_type).await
    }
    async fn page(
        &self,
        scope: &Scope<authz::ApiKey, Read>,
        query: &api_keys::Query,
    ) -> Result<Page<ApiKey>, api_keys::StoreError> {
        self.calls.note("api_keys.page");
        self.port.page(scope, query).await
    }
    async fn of_agents(
        &self,
        agents: &[&Permit<authz::Agent, Update>],
        after: Option<&After>,
        limit: u32,
    ) -> Result<Vec<Page<ApiKey>>, api_keys::StoreError> {
        self.calls.note("api_keys.of_agents");
        self.port.of_agents(agents, after, limit).await
    }
    async fn create(
        &self,
        agent: &Permit<authz::Agent, Create>,
        new: NewApiKey,
        registered: Registered,
    ) -> Result<ApiKey, api_keys::StoreError> {
        self.calls.note("api_keys.create");
        self.port.create(agent, new, registered).await
    }
    async fn delete(
        &self,
        permit: &Permit<authz::ApiKey, Delete>,
        ending: &Ending,
    ) -> Result<Option<ApiKey>, api_keys::StoreError> {
        self.calls.note("api_keys.delete");
        self.port.delete(permit, ending).await
    }
}

#[async_trait]
impl Ledger for Counted<dyn Ledger> {
    async fn open(&self, intent: &Intent) -> Result<(), LedgerError> {
        self.calls.note("ledger.open");
        self.port.open(intent).await
    }
    async fn close(&self, id: &IntentId) -> Result<bool, LedgerError> {
        self.calls.note("ledger.close");
        self.port.close(id).await
    }
    async fn postpone(&self, id: &IntentId, stage: Stage, due_at: DateTime<Utc>) -> Result<(), LedgerError> {
        self.calls.note("ledger.postpone");
        self.port.postpone(id, stage, due_at).await
    }
    async fn settle(&self, id: &IntentId) -> Result<(), LedgerError> {
        self.calls.note("ledger.settle");
        self.port.settle(id).await
    }
    async fn claim(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Intent>, LedgerError> {
        self.calls.note("ledger.claim");
        self.port.claim(limit, lease).await
    }
    async fn claim_owed(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Owed>, LedgerError> {
        self.calls.note("ledger.claim_owed");
        self.port.claim_owed(limit, lease).await
    }
    async fn settle_owed(&self, resource: &ResourceRef) -> Result<bool, LedgerError> {
        self.calls.note("ledger.settle_owed");
        self.port.settle_owed(resource).await
    }
    async fn backlog(&self) -> Result<Backlog, LedgerError> {
        self.calls.note("ledger.backlog");
        self.port.backlog().await
    }
}

#[async_trait]
impl TrackerStore for Counted<dyn TrackerStore> {
    async fn locate(&self, id: &str) -> Result<Option<Guarded<Tracker, TaskKind, Read>>, trackers::StoreError> {
        self.calls.note("trackers.locate");
        self.port.locate(id).await
    }
    async fn locate_all(&self, ids: &[&str]) -> Result<Vec<trackers::Located>, trackers::StoreError> {
        self.calls.note("trackers.locate_all");
        self.port.locate_all(ids).await
    }
    async fn page(
        &self,
        scope: &Scope<TaskKind, Read>,
        query: &trackers::Query,
    ) -> Result<Page<Tracker>, trackers::StoreError> {
        self.calls.note("trackers.page");
        self.port.page(scope, query).await
    }
    async fn of_tasks(&self, tasks: &[&Permit<TaskKind, Read>]) -> Result<Vec<Tracker>, trackers::StoreError> {
        self.calls.note("trackers.of_tasks");
        self.calls.trouble("trackers.of_tasks").await.map_err(trackers::StoreError::Unavailable)?;
        self.port.of_tasks(tasks).await
    }
    async fn commit(
        &self,
        task: &Permit<TaskKind, Execute>,
        id: &str,
        commit: Commit,
    ) -> Result<Option<Tracker>, trackers::StoreError> {
        self.calls.note("trackers.commit");
        self.port.commit(task, id, commit).await
    }
}

#[async_trait]
impl CheckpointStore for Counted<dyn CheckpointStore> {
    async fn find(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Checkpoint>>, checkpoints::StoreError> {
        self.calls.note("checkpoints.find");
        self.port.find(keys).await
    }
    async fn contents(
        &self,
        threads: &[&Permit<TaskKind, Read>],
        of: &[&Checkpoint],
    ) -> Result<Vec<Contents>, checkpoints::StoreError> {
        self.calls.note("checkpoints.contents");
        self.port.contents(threads, of).await
    }
    async fn list(
        &self,
        threads: &[&Permit<TaskKind, Read>],
        query: &checkpoints::Query,
    ) -> Result<Vec<Vec<Checkpoint>>, checkpoints::StoreError> {
        self.calls.note("checkpoints.list");
        self.port.list(threads, query).await
    }
    async fn put(
        &self,
        thread: &Permit<TaskKind, Update>,
        new: NewCheckpoint,
    ) -> Result<bool, checkpoints::StoreError> {
        self.calls.note("checkpoints.put");
        self.port.put(thread, new).await
    }
    async fn put_writes(
        &self,
        thread: &Permit<TaskKind, Update>,
        new: NewWrites,
    ) -> Result<bool, checkpoints::StoreError> {
        self.calls.note("checkpoints.put_writes");
        self.port.put_writes(thread, new).await
    }
    async fn delete_thread(&self, thread: &Permit<TaskKind, Delete>) -> Result<(), checkpoints::StoreError> {
        self.calls.note("checkpoints.delete_thread");
        self.port.delete_thread(thread).await
    }
}

#[async_trait]
impl EventStore for Counted<dyn EventStore> {
    async fn append(&self, task: &Permit<TaskKind, Update>, new: NewEvent) -> Result<Event, conversations::StoreError> {
        self.calls.note("events.append");
        self.port.append(task, new).await
    }
    async fn locate(&self, id: &str) -> Result<Option<Guarded<Event, TaskKind, Read>>, conversations::StoreError> {
        self.calls.note("events.locate");
        self.port.locate(id).await
    }
    async fn page(
        &self,
        task: &Permit<TaskKind, Read>,
        agent: &Permit<authz::Agent, Read>,
        query: &EventQuery,
    ) -> Result<Option<Vec<Event>>, conversations::StoreError> {
        self.calls.note("events.page");
        self.port.page(task, agent, query).await
    }
}
