//! The dual write's instruments: a row and its relationships, written one after the other.

use super::{Instrument, Label, OUTCOME, RESOURCE, SECONDS, counter, gauge, histogram};
use ::dual_write::Direction;
use authz::EngineError;
use metrics::Unit;

const OP: Label = Label::of("op", &["register", "deregister"]);
const EXCEPTION: Label = Label::of("exception_class", EngineError::CLASSES);
const DIRECTION: Label = Label::of("direction", &[Direction::Row.as_str(), Direction::Registration.as_str()]);

/// Writes to the authorization engine that began; retries are attempts too.
pub const ATTEMPTS: Instrument = counter(
    "task_fgac_dual_write_attempts_total",
    &[OP, RESOURCE],
    "Writes to the authorization engine that began; retries are attempts too.",
)
.in_statsd("task_fgac_dual_write.attempt");
/// Writes that applied.
pub const SUCCESSES: Instrument = counter(
    "task_fgac_dual_write_successes_total",
    &[OP, RESOURCE],
    "Writes to the authorization engine that applied.",
)
.in_statsd("task_fgac_dual_write.success");
/// Attempts that failed and were followed by another.
pub const RETRIES: Instrument = counter(
    "task_fgac_dual_write_retries_total",
    &[OP, RESOURCE, EXCEPTION],
    "Attempts that failed and were followed by another.",
)
.in_statsd("task_fgac_dual_write.retry");
/// Writes that failed for good.
pub const FAILURES: Instrument = counter(
    "task_fgac_dual_write_failures_total",
    &[OP, RESOURCE, EXCEPTION],
    "Writes to the authorization engine that failed for good, after their retries.",
)
.in_statsd("task_fgac_dual_write.failure");
/// Makings that were refused because the circuit was open.
pub const REFUSALS: Instrument = counter(
    "task_fgac_dual_write_refusals_total",
    &[OP, RESOURCE],
    "Makings that were refused at once, because the engine has been failing and the circuit is open.",
);
/// Shadowed writes that the engine then knew otherwise.
pub const MISMATCHES: Instrument = counter(
    "task_fgac_dual_write_mismatches_total",
    &[OP, RESOURCE],
    "Writes in shadow after which the engine knew something else than it was told.",
);
/// How long makings and endings took.
pub const DURATION: Instrument = histogram(
    "task_fgac_dual_write_duration_seconds",
    SECONDS,
    Unit::Seconds,
    &[OP, RESOURCE, OUTCOME],
    "How long making or ending a thing took on both sides, retries and undoing included.",
);
/// Intents that are not settled.
pub const INTENTS_PENDING: Instrument = gauge(
    "task_fgac_dual_write_intents_pending",
    Unit::Count,
    &[],
    "Dual writes that have begun and are not settled, in the whole deployment. Every gateway says the same: take the maximum.",
)
.shared();
/// The age of the oldest of them.
pub const OLDEST_INTENT_AGE: Instrument = gauge(
    "task_fgac_dual_write_oldest_intent_age_seconds",
    Unit::Seconds,
    &[],
    "How long ago the oldest dual write that is not settled began; 0 when all are. Every gateway says the same.",
)
.shared();
/// Sweeps of the reconciler.
pub const SWEEPS: Instrument = counter(
    "task_fgac_dual_write_sweeps_total",
    &[OUTCOME],
    "Times this gateway's reconciler looked for what was overdue.",
);
/// What became of intents that were overdue.
pub const SWEPT_INTENTS: Instrument = counter(
    "task_fgac_dual_write_swept_intents_total",
    &[Label::of("outcome", &["settled", "undone", "registered", "left"])],
    "Overdue intents that the reconciler settled, undid for now, or had to leave, and owed registrations that it made.",
);
/// Orphans that comparisons have found.
pub const ORPHANS_FOUND: Instrument = counter(
    "task_fgac_dual_write_orphans_found_total",
    &[DIRECTION, RESOURCE],
    "Orphans that comparisons have found: rows without registration, registrations without row. Found twice counts twice. Every gateway says the same.",
)
.shared();
/// Orphans that were repaired.
pub const ORPHANS_REPAIRED: Instrument = counter(
    "task_fgac_dual_write_orphans_repaired_total",
    &[DIRECTION, RESOURCE],
    "Orphans that were repaired. Every gateway says the same.",
)
.shared();

/// All of them.
pub const ALL: &[Instrument] = &[
    ATTEMPTS,
    SUCCESSES,
    RETRIES,
    FAILURES,
    REFUSALS,
    MISMATCHES,
    DURATION,
    INTENTS_PENDING,
    OLDEST_INTENT_AGE,
    SWEEPS,
    SWEPT_INTENTS,
    ORPHANS_FOUND,
    ORPHANS_REPAIRED,
];
