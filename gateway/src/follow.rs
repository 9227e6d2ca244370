//! Keeps this process's view of what operators turn while gateways run fresh: switches and routes.
//!
//! What is turned is known here as soon as its notification arrives, a moment later. Where none does,
//! because the database's front does not pass notifications on, all is read again every so often, and once a second
//! while nobody can listen: no view is older than that and one read, as long as the database answers.

use std::{error::Error, time::Duration};
use tokio::{task::JoinHandle, time::timeout};

/// How long it waits, at most, before it tries to listen again.
const DEAF: Duration = Duration::from_secs(1);

/// Something that is kept for all gateways, and this process's view of it.
#[async_trait::async_trait]
pub trait Followed: Send + Sync + 'static {
    /// Hears that it was changed.
    type Ear: Send;
    /// It could not be read or listened to.
    type Error: Error + Send + Sync + 'static;
    /// What it is, for people to read.
    const WHAT: &'static str;

    /// Reads it as it stands now into the view.
    async fn read(&self) -> Result<(), Self::Error>;

    /// Begins to listen: whatever is changed from now on is heard.
    async fn listen(&self) -> Result<Self::Ear, Self::Error>;

    /// Waits until it was changed, or until nothing can be heard any more.
    async fn hear(ear: &mut Self::Ear) -> Result<(), Self::Error>;
}

/// Follows it until it is dropped.
pub struct Follower(JoinHandle<()>);

impl Follower {
    /// Reads it, and goes on to do so whenever it is changed, or might have been: every `refresh` at least.
    pub async fn start<F: Followed>(followed: F, refresh: Duration) -> Result<Self, F::Error> {
        followed.read().await?;
        Ok(Self(tokio::spawn(async move {
            loop {
                let lost = follow(&followed, refresh).await;
                let cause = lost.source().map(ToString::to_string);
                tracing::warn!(error = %lost, cause, "{} are not heard of; they are read", F::WHAT);
                tokio::time::sleep(refresh.min(DEAF)).await;
                if let Err(error) = followed.read().await {
                    tracing::warn!(%error, "{} could not be read; they stand as they stood", F::WHAT);
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
async fn follow<F: Followed>(followed: &F, refresh: Duration) -> F::Error {
    let mut ear = match followed.listen().await {
        Ok(ear) => ear,
        Err(error) => return error,
    };
    loop {
        // What was turned before anybody listened is read, and what is turned after that is heard.
        if let Err(error) = followed.read().await {
            return error;
        }
        if let Err(error) = timeout(refresh, F::hear(&mut ear)).await.unwrap_or(Ok(())) {
            return error;
        }
    }
}
