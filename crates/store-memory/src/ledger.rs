//! The ledger of intents in memory: beside the rows, under the same lock.

use crate::{MemoryStore, tables::Tables};
use async_trait::async_trait;
use authz::{IntentId, Registration, ResourceRef};
use chrono::{DateTime, TimeDelta, Utc};
use dual_write::{Backlog, Intent, Ledger, LedgerError, Owed, Stage};

#[async_trait]
impl Ledger for MemoryStore {
    async fn open(&self, intent: &Intent) -> Result<(), LedgerError> {
        self.tables().note(intent.clone());
        Ok(())
    }

    async fn close(&self, id: &IntentId) -> Result<bool, LedgerError> {
        let mut tables = self.tables();
        let Some(intent) = tables.open_intent(id) else { return Ok(false) };
        intent.stage = Stage::Undoing;
        Ok(true)
    }

    async fn postpone(&self, id: &IntentId, stage: Stage, due_at: DateTime<Utc>) -> Result<(), LedgerError> {
        if let Some(intent) = self.tables().intents.get_mut(id) {
            (intent.stage, intent.due_at) = (stage, due_at);
        }
        Ok(())
    }

    async fn settle(&self, id: &IntentId) -> Result<(), LedgerError> {
        self.tables().intents.remove(id);
        Ok(())
    }

    async fn claim(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Intent>, LedgerError> {
        let now = Utc::now();
        let mut tables = self.tables();
        let is_due =
            |intent: &&Intent| intent.due_at <= now && !tables.is_off(intent.resource.kind, intent.account.as_ref());
        let mut due: Vec<_> = tables.intents.values().filter(is_due).map(|i| (i.due_at, i.id.clone())).collect();
        due.sort();
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let claim = |(_, id)| {
            let intent = tables.intents.get_mut(&id)?;
            intent.attempts += 1;
            intent.due_at = now + lease;
            Some(intent.clone())
        };
        Ok(due.into_iter().filter_map(claim).collect())
    }

    async fn claim_owed(&self, limit: u32, lease: TimeDelta) -> Result<Vec<Owed>, LedgerError> {
        let now = Utc::now();
        let mut tables = self.tables();
        let is_due = |(resource, (owed, due_at)): &(&ResourceRef, &(Owed, DateTime<Utc>))| {
            *due_at <= now && !tables.is_off(resource.kind, Some(&owed.registration.tenant))
        };
        let mut due: Vec<_> = tables.owed.iter().filter(is_due).map(|(of, (_, at))| (*at, of.clone())).collect();
        due.sort();
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let claim = |(_, resource)| {
            let (owed, due_at) = tables.owed.get_mut(&resource)?;
            owed.attempts += 1;
            *due_at = now + lease;
            Some(owed.clone())
        };
        Ok(due.into_iter().filter_map(claim).collect())
    }

    async fn settle_owed(&self, resource: &ResourceRef) -> Result<bool, LedgerError> {
        Ok(self.tables().owed.remove(resource).is_some())
    }

    async fn backlog(&self) -> Result<Backlog, LedgerError> {
        let tables = self.tables();
        let oldest = tables.intents.values().map(|intent| intent.opened_at).min();
        // Nobody else writes here, so nothing is newer.
        Ok(Backlog { pending: tables.intents.len() as u64, oldest, newer: 0, owed: tables.owed.len() as u64 })
    }
}

impl Tables {
    /// Writes an intent down, if it is not.
    pub(crate) fn note(&mut self, intent: Intent) {
        self.intents.entry(intent.id.clone()).or_insert(intent);
    }

    /// Writes down the intent of an ending, and forgets what was owed. If anything was, a reconciler may be about to
    /// register it, and the relationships are made to go twice.
    pub(crate) fn end(&mut self, mut intent: Intent) {
        intent.twice |= self.owed.remove(&intent.resource).is_some();
        self.note(intent);
    }

    /// Notes what a row owes, if it owes anything.
    pub(crate) fn owe(&mut self, owed: Option<&Registration>) {
        if let Some(registration) = owed.cloned() {
            let owed = Owed { registration, attempts: 0 };
            self.owed.insert(owed.registration.resource.clone(), (owed, Utc::now()));
        }
    }

    /// Settles an intent that is open: whether it was.
    pub(crate) fn settle_open(&mut self, id: &IntentId) -> bool {
        self.open_intent(id).is_some() && self.intents.remove(id).is_some()
    }

    fn open_intent(&mut self, id: &IntentId) -> Option<&mut Intent> {
        self.intents.get_mut(id).filter(|intent| intent.stage == Stage::Open)
    }
}
