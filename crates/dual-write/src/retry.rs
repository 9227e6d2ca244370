//! Trying again, and when not to.

use crate::Op;
use authz::{EngineError, Kind};
use backon::{ExponentialBuilder, Retryable as _};
use std::time::Duration;
use tokio::time::Instant;

/// How a write to the engine is retried: only when it may help, a few times, ever more slowly and
/// never in step with others (agentex's policy: 3 retries, exponential backoff with jitter).
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Retries after the first attempt.
    pub retries: usize,
    /// The first delay.
    pub base: Duration,
    /// The longest delay.
    pub cap: Duration,
    /// Whether delays are spread at random.
    pub jitter: bool,
    /// How long one attempt may take before it counts as failed, though it may have applied.
    pub attempt_timeout: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 3,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(2),
            jitter: true,
            attempt_timeout: Duration::from_secs(5),
        }
    }
}

/// Something that happened to a dual write, for whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A write to the engine begins; retries are attempts too.
    Attempt,
    /// It failed in a way that another attempt may mend, and another follows.
    Retry {
        /// The class of the error.
        class: &'static str,
    },
    /// It applied.
    Success,
    /// It failed for good.
    Failure {
        /// The class of the last error.
        class: &'static str,
    },
    /// The circuit is open: no write was tried.
    Refused,
    /// The making or ending that the writes were part of is over, for its caller.
    Over {
        /// Whether the thing was made, or its relationships are gone.
        done: bool,
        /// How long it took, all in all.
        took: Duration,
    },
    /// In shadow, the engine was told and then knew otherwise.
    Mismatch,
}

/// Hears what happens to dual writes. Counters are behind it.
pub trait Observer: Send + Sync {
    /// `event` happened to a write of `op` on a resource of `kind`.
    fn observe(&self, op: Op, kind: Kind, event: Event);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: Op, _: Kind, _: Event) {}
}

impl RetryPolicy {
    /// Runs `write` under this policy. No attempt begins after `deadline`, nor runs on beyond it.
    pub async fn run<T, F>(
        &self,
        deadline: Option<Instant>,
        observe: impl Fn(Event),
        mut write: impl FnMut() -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(self.base)
            .with_max_delay(self.cap)
            .with_max_times(self.retries);
        if self.jitter {
            delays = delays.with_jitter();
        }
        let attempt = || {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let time = left.map_or(self.attempt_timeout, |left| left.min(self.attempt_timeout));
            let work = (!time.is_zero()).then(|| {
                observe(Event::Attempt);
                write()
            });
            async move {
                let Some(work) = work else { return Err(EngineError::TimedOut) };
                tokio::time::timeout(time, work).await.unwrap_or(Err(EngineError::TimedOut))
            }
        };
        let in_time = |delay: Duration| deadline.is_none_or(|deadline| Instant::now() + delay < deadline);
        let written = attempt
            .retry(delays)
            .when(EngineError::is_transient)
            .adjust(|_, delay| delay.filter(|delay| in_time(*delay)))
            .notify(|error: &EngineError, _| observe(Event::Retry { class: error.class() }))
            .await;
        match &written {
            Ok(_) => observe(Event::Success),
            Err(error) => observe(Event::Failure { class: error.class() }),
        }
        written
    }
}
