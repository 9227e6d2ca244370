//! The rows.

use agents::{Agent, AgentId};
use api_keys::{ApiKey, ApiKeyId, Digest};
use authz::{ConsistencyToken, Id, IntentId, Kind, Principal, PrincipalKind, ResourceRef, Tenant};
use authz_router::Route;
use checkpoints::{Blob, Checkpoint, PendingWrite};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use conversations::{Event, Message, State};
use dual_write::{Change, Direction, Intent, Mode, Owed, Switch};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};
use tasks::{Task, TaskId};
use trackers::Tracker;

/// An agent, the tenant it lives in, who made it, and how fresh to ask about it.
pub(crate) struct AgentRow {
    pub(crate) tenant: Id<Tenant>,
    pub(crate) creator: Option<Principal>,
    pub(crate) token: Option<ConsistencyToken>,
    pub(crate) agent: Agent,
}

/// An API key, what is kept of the key itself, and who made it, where no permit is needed.
pub(crate) struct ApiKeyRow {
    pub(crate) key: ApiKey,
    pub(crate) digest: Digest,
    pub(crate) creator: Option<Principal>,
}

/// A task, the tenant it lives in, the agent that works on it, who made it, where no permit is needed, and how fresh to
/// ask about it.
pub(crate) struct TaskRow {
    pub(crate) tenant: Id<Tenant>,
    pub(crate) creator: Option<Principal>,
    pub(crate) token: Option<ConsistencyToken>,
    pub(crate) agent: AgentId,
    pub(crate) task: Task,
}

/// Where a checkpoint is: its thread, namespace and id.
pub(crate) type Place = (TaskId, String, String);

/// The thread, namespace, channel and version of a blob.
pub(crate) type BlobKey = (TaskId, String, String, String);

/// The checkpoint a write is pending on, and the write's task and index.
pub(crate) type WriteKey = (Place, String, i32);

#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) agents: BTreeMap<AgentId, AgentRow>,
    pub(crate) api_keys: BTreeMap<ApiKeyId, ApiKeyRow>,
    pub(crate) tasks: BTreeMap<TaskId, TaskRow>,
    pub(crate) trackers: BTreeMap<String, Tracker>,
    pub(crate) checkpoints: BTreeMap<Place, Checkpoint>,
    pub(crate) blobs: BTreeMap<BlobKey, Blob>,
    pub(crate) writes: BTreeMap<WriteKey, PendingWrite>,
    pub(crate) messages: BTreeMap<String, Message>,
    pub(crate) states: BTreeMap<String, State>,
    pub(crate) intents: BTreeMap<IntentId, Intent>,
    pub(crate) tallies: BTreeMap<(Kind, Direction), (u64, u64)>,
    /// Registrations that are owed, and when they are due.
    pub(crate) owed: BTreeMap<ResourceRef, (Owed, DateTime<Utc>)>,
    pub(crate) switches: BTreeMap<(Kind, Option<Arc<str>>), Switch>,
    pub(crate) changes: Vec<Change>,
    pub(crate) routes: BTreeMap<(Kind, Option<Arc<str>>), Route>,
    pub(crate) route_changes: Vec<authz_router::Change>,
    events: BTreeMap<i64, Event>,
    /// The sequence ids of events, by id.
    sequence_ids: HashMap<String, i64>,
    last_event: i64,
    last_change: Option<DateTime<Utc>>,
}

impl Tables {
    /// The time of a change, in whole microseconds, and later than the one before: what changed later
    /// says so, however coarse the clock.
    pub(crate) fn now(&mut self) -> DateTime<Utc> {
        let clock = Utc::now();
        let clock = clock.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(clock);
        let now = self.last_change.map_or(clock, |last| clock.max(last + TimeDelta::microseconds(1)));
        self.last_change = Some(now);
        now
    }

    /// Whether dual writes are off for an account.
    pub(crate) fn is_off(&self, kind: Kind, account: Option<&Arc<str>>) -> bool {
        let own = account.and_then(|account| self.switches.get(&(kind, Some(Arc::clone(account)))));
        own.or_else(|| self.switches.get(&(kind, None))).is_some_and(|switch| switch.mode == Mode::Off)
    }

    /// The sequence id of a new event.
    pub(crate) const fn next_event(&mut self) -> i64 {
        self.last_event += 1;
        self.last_event
    }

    pub(crate) fn add_event(&mut self, event: Event) {
        self.sequence_ids.insert(event.id.clone(), event.sequence_id);
        self.events.insert(event.sequence_id, event);
    }

    /// The event with this id.
    pub(crate) fn event(&self, id: &str) -> Option<&Event> {
        self.events.get(self.sequence_ids.get(id)?)
    }

    /// The events behind a sequence id, oldest first.
    pub(crate) fn events_behind(&self, last: i64) -> impl Iterator<Item = &Event> {
        self.events.range((Bound::Excluded(last), Bound::Unbounded)).map(|(_, event)| event)
    }

    pub(crate) fn forget_events(&mut self, gone: impl Fn(&Event) -> bool) {
        for (_, event) in self.events.extract_if(.., |_, event| gone(event)) {
            self.sequence_ids.remove(&event.id);
        }
    }

    /// Forgets the checkpoints, blobs and writes of a thread.
    pub(crate) fn forget_thread(&mut self, thread: &TaskId) {
        self.checkpoints.retain(|(of, ..), _| of != thread);
        self.blobs.retain(|(of, ..), _| of != thread);
        self.writes.retain(|((of, ..), ..), _| of != thread);
    }
}

/// The maker of a row as rows keep it: a user or a service account.
pub(crate) fn kept_creator(creator: Option<Principal>) -> Option<Principal> {
    creator.filter(|creator| creator.kind() != PrincipalKind::Agent)
}
