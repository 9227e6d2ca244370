//! What operators ask of the rows, in memory.

use crate::{
    MemoryStore,
    tables::{AgentRow, ApiKeyRow, Tables, TaskRow},
};
use async_trait::async_trait;
use authz::{Id, Kind};
use dual_write::{Intent, Row, RowScan, ScanError, Tally};
use std::{ops::Bound, sync::Arc};

#[async_trait]
impl RowScan for MemoryStore {
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Row>, ScanError> {
        let (tables, limit) = (self.tables(), usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(match kind {
            Kind::Tenant => Vec::new(),
            Kind::Agent => tables.agents.range(behind(after)).map(|(_, row)| row.into()).take(limit).collect(),
            Kind::Task => tables.tasks.range(behind(after)).map(|(_, row)| row.into()).take(limit).collect(),
            Kind::ApiKey => {
                tables.api_keys.range(behind(after)).map(|(_, row)| tables.scanned(row)).take(limit).collect()
            }
        })
    }

    async fn rows(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Row>, ScanError> {
        let (tables, ids) = (self.tables(), ids.iter().map(Arc::clone));
        Ok(match kind {
            Kind::Tenant => Vec::new(),
            Kind::Agent => ids.filter_map(|id| Some(tables.agents.get(&Id::new(id))?.into())).collect(),
            Kind::Task => ids.filter_map(|id| Some(tables.tasks.get(&Id::new(id))?.into())).collect(),
            Kind::ApiKey => ids.filter_map(|id| Some(tables.scanned(tables.api_keys.get(&Id::new(id))?))).collect(),
        })
    }

    async fn estimate(&self, kind: Kind) -> Result<u64, ScanError> {
        let tables = self.tables();
        Ok(match kind {
            Kind::Tenant => 0,
            Kind::Agent => tables.agents.len() as u64,
            Kind::Task => tables.tasks.len() as u64,
            Kind::ApiKey => tables.api_keys.len() as u64,
        })
    }

    async fn intents(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Intent>, ScanError> {
        let tables = self.tables();
        let owed = tables.owed.values().map(|(owed, due_at)| Intent::register(&owed.registration, *due_at, *due_at));
        let intents = tables.intents.values().cloned().chain(owed);
        Ok(intents.filter(|intent| intent.resource.kind == kind && ids.contains(&intent.resource.id)).collect())
    }

    async fn oldest_intents(&self, limit: u32) -> Result<Vec<Intent>, ScanError> {
        let mut intents: Vec<_> = self.tables().intents.values().cloned().collect();
        intents.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        intents.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(intents)
    }

    async fn tally(&self, more: &[Tally]) -> Result<(), ScanError> {
        let mut tables = self.tables();
        for tally in more {
            let (found, repaired) = tables.tallies.entry((tally.kind, tally.direction)).or_default();
            (*found, *repaired) = (*found + tally.found, *repaired + tally.repaired);
        }
        Ok(())
    }

    async fn tallies(&self) -> Result<Vec<Tally>, ScanError> {
        let tables = self.tables();
        let tally = |(of, counts): (&_, &_)| {
            let ((kind, direction), (found, repaired)) = (*of, *counts);
            Tally { kind, direction, found, repaired }
        };
        Ok(tables.tallies.iter().map(tally).collect())
    }
}

fn behind<R>(after: Option<&str>) -> (Bound<Id<R>>, Bound<Id<R>>) {
    (after.map_or(Bound::Unbounded, |after| Bound::Excluded(Id::new(after))), Bound::Unbounded)
}

impl Tables {
    /// An API key lives in the tenant of its agent.
    fn scanned(&self, row: &ApiKeyRow) -> Row {
        let ApiKeyRow { key, creator, .. } = row;
        Row {
            id: key.id.to_text(),
            tenant: self.agents.get(&key.agent_id).map(|agent| agent.tenant.to_text()),
            agents: vec![key.agent_id.to_text()],
            creator: creator.clone(),
            made_at: Some(key.created_at),
        }
    }
}

impl From<&AgentRow> for Row {
    fn from(row: &AgentRow) -> Self {
        let (id, made_at) = (row.agent.id.to_text(), Some(row.agent.created_at));
        Self { id, tenant: Some(row.tenant.to_text()), agents: Vec::new(), creator: row.creator.clone(), made_at }
    }
}

impl From<&TaskRow> for Row {
    fn from(row: &TaskRow) -> Self {
        let (id, agents) = (row.task.id.to_text(), vec![row.agent.to_text()]);
        let (tenant, creator) = (Some(row.tenant.to_text()), row.creator.clone());
        Self { id, tenant, agents, creator, made_at: row.task.created_at }
    }
}
