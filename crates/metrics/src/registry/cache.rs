//! The decision cache's instruments: what was kept, and how it is let go of.

use super::{Instrument, Label, SECONDS, counter, histogram};
use crate::Layer;
use metrics::Unit;

/// Answers that were kept.
pub const CACHE_HITS: Instrument = counter(
    "taskgate_cache_hits_total",
    &[Label::of("layer", Layer::ALL)],
    "Decisions and lists that were kept, by where.",
);
/// Answers that the engine was asked for.
pub const CACHE_MISSES: Instrument = counter(
    "taskgate_cache_misses_total",
    &[],
    "Decisions that were not kept, or not as a whole, so that the engine was asked.",
);
/// Changes after which answers were let go of.
pub const CACHE_EVICTIONS: Instrument =
    counter("taskgate_cache_evictions_total", &[], "Changes after which kept answers were let go of.");
/// How long it took until every gateway had let go.
pub const CACHE_EVICTION_DURATION: Instrument = histogram(
    "taskgate_cache_eviction_duration_seconds",
    SECONDS,
    Unit::Seconds,
    &[Label::of("outcome", &["heard", "waited_out"])],
    "How long a write waited until every gateway had let go of what it changed; waited_out when one did not say so.",
);
/// Leases that began.
pub const CACHE_LEASES: Instrument = counter(
    "taskgate_cache_leases_total",
    &[],
    "Times this gateway began to trust what it keeps: at its start, and whenever it had lost Redis.",
);
/// Questions that Redis did not answer in time.
pub const CACHE_UNANSWERED: Instrument = counter(
    "taskgate_cache_unanswered_total",
    &[],
    "Questions that Redis did not answer in time, so that the engine was asked.",
);

/// All of them.
pub const ALL: &[Instrument] =
    &[CACHE_HITS, CACHE_MISSES, CACHE_EVICTIONS, CACHE_EVICTION_DURATION, CACHE_LEASES, CACHE_UNANSWERED];
