//! Keeps this process's view of the switches of dual writes fresh.
//!
//! A switch that is turned is known here as soon as its notification arrives, a moment later. Where none does,
//! because the database's front does not pass notifications on, the switches are read again every
//! `dual_write.switch_refresh_ms`, and once a second while nobody can listen: no view is older than that and one
//! read, as long as the database answers. While it does not, nothing can be made or ended either.

use dual_write::{Ear, SwitchError, SwitchStore, Switches};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::timeout};

/// How long it waits, at most, before it tries to listen again.
const DEAF: Duration = Duration::from_secs(1);

/// Follows the switches until it is dropped.
pub struct Follower(JoinHandle<()>);

impl Follower {
    /// Reads the switches of `store` into `switches`, and goes on to do so whenever one is turned, or might have been.
    pub async fn start(
        store: Arc<dyn SwitchStore>,
        switches: Arc<Switches>,
        refresh: Duration,
    ) -> Result<Self, SwitchError> {
        read(&*store, &switches).await?;
        Ok(Self(tokio::spawn(async move {
            loop {
                let lost = follow(&*store, &switches, refresh).await;
                let cause = std::error::Error::source(&lost).map(ToString::to_string);
                tracing::warn!(error = %lost, cause, "switches of dual writes are not heard of; they are read");
                tokio::time::sleep(refresh.min(DEAF)).await;
                if let Err(error) = read(&*store, &switches).await {
                    tracing::warn!(%error, "switches of dual writes could not be read; they stand as they stood");
                }
            }
        })))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens, reads, and reads again whenever something is heard or the time is up, until that fails.
async fn follow(store: &dyn SwitchStore, switches: &Switches, refresh: Duration) -> SwitchError {
    let mut ear = match store.listen().await {
        Ok(ear) => ear,
        Err(error) => return error,
    };
    loop {
        // What was turned before anybody listened is read, and what is turned after that is heard.
        if let Err(error) = read(store, switches).await {
            return error;
        }
        if let Err(error) = hear(&mut *ear, refresh).await {
            return error;
        }
    }
}

async fn hear(ear: &mut dyn Ear, refresh: Duration) -> Result<(), SwitchError> {
    timeout(refresh, ear.hear()).await.unwrap_or(Ok(()))
}

/// Reads the switches as they stand now.
pub async fn read(store: &dyn SwitchStore, switches: &Switches) -> Result<(), SwitchError> {
    switches.replace(store.switches().await?);
    Ok(())
}
