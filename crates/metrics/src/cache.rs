//! The decision cache's instruments.

use crate::{
    handles::add,
    registry::cache::{
        CACHE_EVICTION_DURATION, CACHE_EVICTIONS, CACHE_HITS, CACHE_LEASES, CACHE_MISSES, CACHE_UNANSWERED,
    },
};
use metrics::{counter, histogram};
use std::time::Duration;
use traced::in_trace;
use tracing::{Span, field::Empty};

/// Where an answer was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// In this process.
    Process,
    /// In Redis.
    Redis,
}

impl Layer {
    /// Every layer there is.
    pub const ALL: &'static [&'static str] = &[Self::Process.as_str(), Self::Redis.as_str()];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Redis => "redis",
        }
    }
}

/// Counts answers that were kept.
pub fn cache_hits(layer: Layer, hits: usize) {
    if hits > 0 {
        add(&CACHE_HITS, [layer.as_str()], hits as u64);
    }
}

/// Counts answers that were not, or not as a whole.
pub fn cache_misses(misses: usize) {
    add(&CACHE_MISSES, [], misses as u64);
}

/// Counts a change after which answers were let go of.
pub fn cache_evicted() {
    counter!(CACHE_EVICTIONS.name).increment(1);
}

/// Says how long it took until every gateway had let go, and whether one of them had to be waited out.
pub fn cache_told(waited_out: bool, took: Duration) {
    let outcome = if waited_out { "waited_out" } else { "heard" };
    histogram!(CACHE_EVICTION_DURATION.name, "outcome" => outcome).record(took);
}

/// Counts a lease that began, because there was none or it had lapsed.
pub fn cache_lease_began() {
    counter!(CACHE_LEASES.name).increment(1);
}

/// Counts a question that Redis did not answer in time.
pub fn cache_unanswered() {
    counter!(CACHE_UNANSWERED.name).increment(1);
}

/// A span of what Redis is asked by this command. None of what is asked for no trace, such as to renew a lease: it would
/// be a trace of its own, many times a second.
#[must_use]
pub fn asks_redis(command: &str) -> Span {
    if !in_trace() {
        return Span::none();
    }
    tracing::debug_span!(
        "redis",
        otel.name = command,
        otel.kind = "client",
        otel.status_code = Empty,
        error.r#type = Empty,
        db.system.name = "redis",
        db.operation.name = command,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::{Level, error_span};

    #[test]
    fn only_what_belongs_to_a_trace_has_a_span_of_what_redis_is_asked() {
        let all = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(std::io::sink).finish();
        tracing::subscriber::with_default(all, || {
            assert!(asks_redis("GET").is_none(), "asked on nobody's behalf");
            error_span!(target: traced::UNTRACED, "request").in_scope(|| assert!(asks_redis("GET").is_none()));
            error_span!("request").in_scope(|| {
                assert!(!asks_redis("GET").is_disabled());
                asks_redis("GET").in_scope(|| assert!(in_trace()));
            });
        });
    }
}
