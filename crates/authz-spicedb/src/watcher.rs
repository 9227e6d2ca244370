//! A watch that does not end: it goes on where a lost connection has ended, or says that it cannot.

use crate::{Change, SpiceDb};
use async_trait::async_trait;
use authz::{ConsistencyToken, EngineError};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures::StreamExt as _;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Who is told of changes, such as a cache of decisions. It is told one thing after the other.
#[async_trait]
pub trait Follower: Send + Sync {
    /// These relationships were changed: whoever asks at least as fresh as `through` knows of it. Told in the order of the
    /// changes, each at least once.
    async fn changed(&self, changes: &[Change], through: &ConsistencyToken);

    /// Nothing else was changed up to this moment.
    async fn caught_up(&self, _through: &ConsistencyToken) {}

    /// Changes may have gone untold: whatever is remembered from before is to be let go of. Told at a start from
    /// now, and where it was not possible to go on.
    async fn missed(&self);

    /// The connection is lost. Changes are told late, until there is another one; what was missed meanwhile is
    /// told then.
    async fn interrupted(&self, error: &EngineError);
}

/// Watches as long as it is kept.
///
/// A connection that dies without a word is noticed within a minute, and one that dies behind a proxy within six.
pub struct Watcher(JoinHandle<()>);

impl Watcher {
    /// Begins to watch, within a runtime: from a moment up to which `follower` knows of everything, or from now.
    #[must_use = "it ends when it is dropped"]
    pub fn start(engine: SpiceDb, follower: Arc<dyn Follower>, from: Option<ConsistencyToken>) -> Self {
        Self(tokio::spawn(follow(engine, follower, from)))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long to wait before the next attempt, from one to the next.
fn pauses() -> impl Iterator<Item = Duration> + Send {
    let growing = ExponentialBuilder::default().with_min_delay(Duration::from_millis(100));
    growing.with_max_delay(Duration::from_secs(10)).without_max_times().with_jitter().build()
}

async fn follow(engine: SpiceDb, follower: Arc<dyn Follower>, mut reached: Option<ConsistencyToken>) {
    let mut pause = pauses();
    loop {
        let error = match &reached {
            None => match engine.moment().await {
                Ok(moment) => {
                    // What is remembered from now on is of a later moment, all changes after which are told.
                    reached = Some(moment);
                    follower.missed().await;
                    continue;
                }
                Err(error) => error,
            },
            Some(from) => {
                let mut changes = engine.watch(Some(from));
                loop {
                    match changes.next().await {
                        Some(Ok(changes)) => {
                            pause = pauses();
                            if !changes.made.is_empty() {
                                follower.changed(&changes.made, &changes.through).await;
                            } else if !changes.untold {
                                follower.caught_up(&changes.through).await;
                            }
                            if changes.untold {
                                follower.missed().await;
                            }
                            reached = Some(changes.through);
                        }
                        Some(Err(error)) => break error,
                        None => break EngineError::Unavailable("the watch has ended".into()),
                    }
                }
            }
        };
        if !error.is_transient() {
            // It will not go on from there.
            reached = None;
        }
        follower.interrupted(&error).await;
        tokio::time::sleep(pause.next().unwrap_or_default()).await;
    }
}
