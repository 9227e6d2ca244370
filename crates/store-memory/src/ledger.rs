//! The ledger of intents in memory: beside the rows, under the same lock.

use crate::{MemoryStore, tables::Tables};
use async_trait::async_trait;
use authz::IntentId;
use chrono::{DateTime, TimeDelta, Utc};
use dual_write::{Backlog, Intent, Ledger, LedgerError, Stage};

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
        let mut due: Vec<_> = tables.intents.values_mut().filter(|intent| intent.due_at <= now).collect();
        due.sort_by_key(|intent| intent.due_at);
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let claimed = due.into_iter().map(|intent| {
            intent.attempts += 1;
            intent.due_at = now + lease;
            intent.clone()
        });
        Ok(claimed.collect())
    }

    async fn backlog(&self) -> Result<Backlog, LedgerError> {
        let tables = self.tables();
        let oldest = tables.intents.values().map(|intent| intent.opened_at).min();
        Ok(Backlog { pending: tables.intents.len() as u64, oldest })
    }
}

impl Tables {
    /// Writes an intent down, if it is not.
    pub(crate) fn note(&mut self, intent: Intent) {
        self.intents.entry(intent.id.clone()).or_insert(intent);
    }

    /// Settles an intent that is open: whether it was.
    pub(crate) fn settle_open(&mut self, id: &IntentId) -> bool {
        self.open_intent(id).is_some() && self.intents.remove(id).is_some()
    }

    fn open_intent(&mut self, id: &IntentId) -> Option<&mut Intent> {
        self.intents.get_mut(id).filter(|intent| intent.stage == Stage::Open)
    }
}
