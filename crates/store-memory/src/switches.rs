//! The switches of dual writes in memory.

use crate::MemoryStore;
use async_trait::async_trait;
use dual_write::{Change, Ear, Order, Switch, SwitchError, SwitchStore};
use tokio::sync::watch;

#[async_trait]
impl SwitchStore for MemoryStore {
    async fn switches(&self) -> Result<Vec<Switch>, SwitchError> {
        let mut switches: Vec<_> = self.tables().switches.values().cloned().collect();
        switches.sort_by(|a, b| (a.kind.as_str(), &a.account).cmp(&(b.kind.as_str(), &b.account)));
        Ok(switches)
    }

    async fn turn(&self, order: &Order) -> Result<Change, SwitchError> {
        let mut tables = self.tables();
        let switch = Switch {
            kind: order.kind,
            account: order.account.clone(),
            mode: order.mode,
            at: tables.now(),
            by: order.by.clone(),
            reason: order.reason.clone(),
        };
        let before = tables.switches.insert((switch.kind, switch.account.clone()), switch.clone());
        let change = Change { switch, from: before.map(|before| before.mode) };
        tables.changes.push(change.clone());
        drop(tables);
        self.turned.send_modify(|turned| *turned += 1);
        Ok(change)
    }

    async fn changes(&self, limit: u32) -> Result<Vec<Change>, SwitchError> {
        Ok(self.tables().changes.iter().rev().take(limit as usize).cloned().collect())
    }

    async fn listen(&self) -> Result<Box<dyn Ear>, SwitchError> {
        Ok(Box::new(Listening(self.turned.subscribe())))
    }
}

struct Listening(watch::Receiver<u64>);

#[async_trait]
impl Ear for Listening {
    async fn hear(&mut self) -> Result<(), SwitchError> {
        self.0.changed().await.map_err(|gone| SwitchError(gone.into()))
    }
}
