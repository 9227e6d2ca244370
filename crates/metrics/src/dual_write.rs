//! The dual write's instruments: what an observer of it hears, and what the reconciler finds.

use crate::registry::dual_write::{
    ATTEMPTS, DURATION, FAILURES, INTENTS_PENDING, MISMATCHES, OLDEST_INTENT_AGE, ORPHANS_FOUND, ORPHANS_REPAIRED,
    REFUSALS, RETRIES, SUCCESSES, SWEEPS, SWEPT_INTENTS,
};
use ::dual_write::{Backlog, Event, Observer, Op, Swept, Tally};
use authz::Kind;
use chrono::{DateTime, Utc};
use metrics::{counter, gauge, histogram};

/// Counts what happens to dual writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct DualWriteCounts;

impl Observer for DualWriteCounts {
    fn observe(&self, op: Op, kind: Kind, event: Event) {
        let (op, resource) = (op.as_str(), kind.as_str());
        match event {
            Event::Attempt => counter!(ATTEMPTS.name, "op" => op, "resource" => resource).increment(1),
            Event::Success => counter!(SUCCESSES.name, "op" => op, "resource" => resource).increment(1),
            Event::Refused => counter!(REFUSALS.name, "op" => op, "resource" => resource).increment(1),
            Event::Mismatch => counter!(MISMATCHES.name, "op" => op, "resource" => resource).increment(1),
            Event::Retry { class } => {
                counter!(RETRIES.name, "op" => op, "resource" => resource, "exception_class" => class).increment(1);
            }
            Event::Failure { class } => {
                counter!(FAILURES.name, "op" => op, "resource" => resource, "exception_class" => class).increment(1);
            }
            Event::Over { done, took } => {
                let outcome = if done { "done" } else { "failed" };
                histogram!(DURATION.name, "op" => op, "resource" => resource, "outcome" => outcome).record(took);
            }
        }
    }
}

/// Says how much is not settled at `now`.
pub fn backlog(backlog: &Backlog, now: DateTime<Utc>) {
    // However many there are, a gauge need not count them to the last one.
    #[expect(clippy::cast_precision_loss, reason = "a gauge holds nothing else")]
    gauge!(INTENTS_PENDING.name).set(backlog.pending as f64);
    let age = backlog.oldest.map_or(0.0, |oldest| (now - oldest).as_seconds_f64().max(0.0));
    gauge!(OLDEST_INTENT_AGE.name).set(age);
}

/// Counts a sweep of the reconciler; `None` when it failed.
pub fn swept(swept: Option<&Swept>) {
    let outcome = if swept.is_some() { "done" } else { "failed" };
    counter!(SWEEPS.name, "outcome" => outcome).increment(1);
    let Swept { settled, undone, registered, left } = swept.copied().unwrap_or_default();
    for (outcome, intents) in [("settled", settled), ("undone", undone), ("registered", registered), ("left", left)] {
        counter!(SWEPT_INTENTS.name, "outcome" => outcome).increment(intents.into());
    }
}

/// Says how many orphans have been found and repaired since the deployment was made, zeros included.
pub fn tallies(tallies: &[Tally]) {
    for (instrument, count) in
        [(ORPHANS_FOUND, (|tally| tally.found) as fn(&Tally) -> u64), (ORPHANS_REPAIRED, |tally| tally.repaired)]
    {
        for labels in instrument.series() {
            let is_of = |tally: &&Tally| {
                let words = [tally.direction.as_str(), tally.kind.as_str()];
                labels.iter().all(|label| words.contains(&label.value()))
            };
            let count = tallies.iter().find(is_of).map_or(0, count);
            counter!(instrument.name, labels).absolute(count);
        }
    }
}
