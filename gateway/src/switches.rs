//! This process's view of the switches of dual writes. While the database does not answer and no view can be
//! fresh, nothing can be made or ended either.

use crate::follow::Followed;
use dual_write::{Ear, SwitchError, SwitchStore, Switches};
use std::sync::Arc;

/// The switches, where they are kept and as they are known here.
pub struct FollowedSwitches {
    /// Where they are kept.
    pub store: Arc<dyn SwitchStore>,
    /// As they are known here.
    pub known: Arc<Switches>,
}

#[async_trait::async_trait]
impl Followed for FollowedSwitches {
    type Ear = Box<dyn Ear>;
    type Error = SwitchError;
    const WHAT: &'static str = "switches of dual writes";

    async fn read(&self) -> Result<(), SwitchError> {
        read(&*self.store, &self.known).await
    }

    async fn listen(&self) -> Result<Self::Ear, SwitchError> {
        self.store.listen().await
    }

    async fn hear(ear: &mut Self::Ear) -> Result<(), SwitchError> {
        ear.hear().await
    }
}

/// Reads the switches as they stand now.
pub async fn read(store: &dyn SwitchStore, switches: &Switches) -> Result<(), SwitchError> {
    switches.replace(store.switches().await?);
    Ok(())
}
