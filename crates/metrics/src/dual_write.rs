//! The dual write's instruments: what an observer of it hears, and what the reconciler finds.

use crate::registry::{
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{INSTRUMENTS, Shape, announce};
    use ::dual_write::Direction;
    use authz::EngineError;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::{collections::BTreeSet, time::Duration};

    /// What the recorder shows after everything that can be counted has been.
    fn shown() -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            announce();
            for (op, kind) in [Op::Register, Op::Deregister].map(|op| (op, Kind::Task)) {
                let observe = |event| DualWriteCounts.observe(op, kind, event);
                observe(Event::Attempt);
                observe(Event::Success);
                observe(Event::Refused);
                for class in EngineError::CLASSES {
                    observe(Event::Retry { class });
                    observe(Event::Failure { class });
                }
                for done in [true, false] {
                    observe(Event::Over { done, took: Duration::from_millis(7) });
                }
            }
            let now = Utc::now();
            backlog(
                &Backlog { pending: 3, oldest: Some(now - chrono::TimeDelta::seconds(90)), ..Backlog::default() },
                now,
            );
            swept(Some(&Swept { settled: 2, undone: 1, registered: 1, left: 1 }));
            swept(None);
            for layer in [crate::Layer::Process, crate::Layer::Redis] {
                crate::cache_hits(layer, 1);
            }
            crate::cache_misses(1);
            crate::cache_evicted();
            crate::cache_told(true, Duration::from_millis(7));
            crate::cache_lease_began();
            crate::cache_unanswered();
            let direction = Direction::Row;
            tallies(&[Tally { kind: Kind::Task, direction, found: 5, repaired: 4 }]);
            tallies(&[Tally { kind: Kind::Task, direction, found: 6, repaired: 4 }]);
            let routing: &dyn authz_router::Observer = &crate::RoutingCounts;
            for outcome in authz_router::Outcome::ALL {
                routing.compared(Kind::Tenant, authz::Action::Create, *outcome, 3);
            }
            routing.skipped(authz_router::Skipped::Overload);
            routing.told(authz_router::Written::Revoke, false);
            routing.unroutable();
        });
        handle.render()
    }

    #[test]
    fn all_that_is_counted_is_in_the_registry_with_its_labels_and_no_others() {
        let shown = shown();
        let mut seen = BTreeSet::new();
        for line in shown.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, rest) = line.split_once(['{', ' ']).unwrap();
            let of = |instrument: &&crate::Instrument| match instrument.shape {
                Shape::Histogram(_) => name
                    .strip_prefix(instrument.name)
                    .is_some_and(|suffix| ["_sum", "_count", "_bucket", ""].contains(&suffix)),
                Shape::Counter | Shape::Gauge => name == instrument.name,
            };
            let instrument = INSTRUMENTS.iter().find(of).unwrap_or_else(|| panic!("not in the registry: {line}"));
            seen.insert(instrument.name);
            let labels = if line.contains('{') { rest.split_once('}').unwrap().0 } else { "" };
            for pair in labels
                .split(',')
                .filter(|pair| !pair.is_empty() && !pair.starts_with("le=") && !pair.starts_with("quantile="))
            {
                let (label, value) = pair.split_once('=').unwrap();
                let known = instrument.labels.iter().find(|known| known.name == label);
                let known = known.unwrap_or_else(|| panic!("not a label of {}: {line}", instrument.name));
                assert!(known.values.contains(&value.trim_matches('"')), "not a value of `{label}`: {line}");
            }
        }
        assert_eq!(seen, INSTRUMENTS.iter().map(|instrument| instrument.name).collect(), "every one is counted");
    }

    #[test]
    fn what_is_shared_is_shown_when_it_is_known_zeros_included() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, announce);
        assert!(!handle.render().contains("orphans_found_total{"), "nobody knows yet");
        metrics::with_local_recorder(&recorder, || tallies(&[]));
        let zero = r#"task_fgac_dual_write_orphans_found_total{direction="registration",resource="agent"} 0"#;
        assert!(handle.render().contains(zero), "{}", handle.render());
    }

    #[test]
    fn counts_are_what_happened() {
        let shown = shown();
        for line in [
            r#"task_fgac_dual_write_attempts_total{op="register",resource="task"} 1"#,
            r#"task_fgac_dual_write_attempts_total{op="register",resource="agent"} 0"#,
            r#"task_fgac_dual_write_failures_total{op="deregister",resource="task",exception_class="Timeout"} 1"#,
            "task_fgac_dual_write_intents_pending 3",
            "task_fgac_dual_write_oldest_intent_age_seconds 90",
            r#"task_fgac_dual_write_sweeps_total{outcome="failed"} 1"#,
            r#"task_fgac_dual_write_swept_intents_total{outcome="settled"} 2"#,
            r#"task_fgac_dual_write_orphans_found_total{direction="row",resource="task"} 6"#,
            r#"taskgate_engine_shadow_comparisons_total{resource="tenant",action="create",outcome="first_allows"} 3"#,
            r#"taskgate_engine_told_total{op="revoke",outcome="missed"} 1"#,
            "taskgate_engine_unroutable_total 1",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
        }
    }
}
