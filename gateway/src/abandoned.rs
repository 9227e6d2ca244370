//! Work that nobody waits for any more: a request beyond its deadline, or whose caller has hung up.
//!
//! Dropping a request drops what it was waiting for, and leaves the database at work on a statement whose
//! answer nobody reads. The connections that come back right after a request was abandoned are therefore
//! looked at, and one that is still busy is closed, which ends its statement. Until then nothing is looked at:
//! a connection of a request that was answered costs nothing.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// How long after a request was abandoned its connections may still come back.
const WINDOW: Duration = Duration::from_secs(1);

/// When a request was last abandoned.
#[derive(Clone, Debug)]
pub struct Abandoned {
    start: Instant,
    /// In milliseconds since the start, plus the window; 0 when none was.
    until: Arc<AtomicU64>,
}

impl Default for Abandoned {
    fn default() -> Self {
        Self { start: Instant::now(), until: Arc::default() }
    }
}

impl Abandoned {
    /// Whether a request was abandoned a moment ago.
    #[must_use]
    pub fn lately(&self) -> bool {
        self.since() < self.until.load(Ordering::Acquire)
    }

    /// The same work, noted if it is dropped before its end.
    pub fn watch<F: Future>(&self, work: F) -> Watched<F> {
        Watched { abandoned: self.clone(), work: Box::pin(work), ended: false }
    }

    fn note(&self) {
        let window = u64::try_from(WINDOW.as_millis()).unwrap_or_default();
        self.until.fetch_max(self.since() + window, Ordering::AcqRel);
    }

    fn since(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
    }
}

/// Work that is noted if it is dropped before its end.
#[derive(Debug)]
pub struct Watched<F> {
    abandoned: Abandoned,
    work: Pin<Box<F>>,
    ended: bool,
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let polled = self.work.as_mut().poll(context);
        self.ended = polled.is_ready();
        polled
    }
}

/// Before the work is dropped, and with it the connections that it holds.
impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        if !self.ended {
            self.abandoned.note();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    /// Says, when it is dropped, whether that was noted before.
    struct Seen(Abandoned, Arc<AtomicU64>);

    impl Drop for Seen {
        fn drop(&mut self) {
            self.1.store(u64::from(self.0.lately()), Ordering::Release);
        }
    }

    #[tokio::test]
    async fn what_ends_is_not_abandoned() {
        let abandoned = Abandoned::default();
        abandoned.watch(ready(())).await;
        assert!(!abandoned.lately());
    }

    #[tokio::test]
    async fn what_is_dropped_is_noted_before_what_it_holds_goes() {
        let (abandoned, noted) = (Abandoned::default(), Arc::new(AtomicU64::new(7)));
        let held = Seen(abandoned.clone(), Arc::clone(&noted));
        let work = abandoned.watch(async move {
            let _held = held;
            pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(1), work).await.is_err());
        assert_eq!(noted.load(Ordering::Acquire), 1);
    }
}
