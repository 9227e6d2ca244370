//! Every instrument by name, unit, labels and meaning.

use crate::Layer;
use ::dual_write::Direction;
use authz::{Action, EngineError, Kind, schema};
use authz_router::{Outcome, Skipped, Written};
use metrics::Unit;

/// What sort of instrument it is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// How values are spread over buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// A label, and the only values it has.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

/// An instrument.
#[derive(Clone, Copy, Debug)]
pub struct Instrument {
    /// Its name, as Prometheus spells it.
    pub name: &'static str,
    /// What sort it is.
    pub shape: Shape,
    /// What its values are in.
    pub unit: Unit,
    /// Its labels.
    pub labels: &'static [Label],
    /// What it means.
    pub help: &'static str,
    /// Whether it is about the whole deployment, so that every gateway tells the same: from what is stored, once
    /// that is known.
    pub shared: bool,
}

const OP: Label = Label { name: "op", values: &["register", "deregister"] };
const RESOURCE: Label =
    Label { name: "resource", values: &[Kind::Agent.as_str(), Kind::Task.as_str(), Kind::ApiKey.as_str()] };
const EXCEPTION: Label = Label { name: "exception_class", values: EngineError::CLASSES };
const DIRECTION: Label =
    Label { name: "direction", values: &[Direction::Row.as_str(), Direction::Registration.as_str()] };

/// Of the series, only those of permissions there are.
const PERMISSION: [Label; 2] = [
    Label {
        name: "resource",
        values: &[Kind::Tenant.as_str(), Kind::Agent.as_str(), Kind::Task.as_str(), Kind::ApiKey.as_str()],
    },
    Label {
        name: "action",
        values: &[
            Action::Read.as_str(),
            Action::Update.as_str(),
            Action::Execute.as_str(),
            Action::Cancel.as_str(),
            Action::Delete.as_str(),
            Action::Share.as_str(),
            Action::Create.as_str(),
        ],
    },
];

/// Seconds, from a quick write to the end of a request that was retried.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

const fn counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Instrument {
    Instrument { name, shape: Shape::Counter, unit: Unit::Count, labels, help, shared: false }
}

const fn shared_counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Instrument {
    Instrument { shared: true, ..counter(name, labels, help) }
}

const fn shared_gauge(name: &'static str, unit: Unit, help: &'static str) -> Instrument {
    Instrument { name, shape: Shape::Gauge, unit, labels: &[], help, shared: true }
}

/// Writes to the authorization engine that began; retries are attempts too.
pub const ATTEMPTS: Instrument = counter(
    "task_fgac_dual_write_attempts_total",
    &[OP, RESOURCE],
    "Writes to the authorization engine that began; retries are attempts too.",
);
/// Writes that applied.
pub const SUCCESSES: Instrument = counter(
    "task_fgac_dual_write_successes_total",
    &[OP, RESOURCE],
    "Writes to the authorization engine that applied.",
);
/// Attempts that failed and were followed by another.
pub const RETRIES: Instrument = counter(
    "task_fgac_dual_write_retries_total",
    &[OP, RESOURCE, EXCEPTION],
    "Attempts that failed and were followed by another.",
);
/// Writes that failed for good.
pub const FAILURES: Instrument = counter(
    "task_fgac_dual_write_failures_total",
    &[OP, RESOURCE, EXCEPTION],
    "Writes to the authorization engine that failed for good, after their retries.",
);
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
pub const DURATION: Instrument = Instrument {
    name: "task_fgac_dual_write_duration_seconds",
    shape: Shape::Histogram(SECONDS),
    unit: Unit::Seconds,
    labels: &[OP, RESOURCE, Label { name: "outcome", values: &["done", "failed"] }],
    help: "How long making or ending a thing took on both sides, retries and undoing included.",
    shared: false,
};
/// Intents that are not settled.
pub const INTENTS_PENDING: Instrument = shared_gauge(
    "task_fgac_dual_write_intents_pending",
    Unit::Count,
    "Dual writes that have begun and are not settled, in the whole deployment. Every gateway says the same: take the maximum.",
);
/// The age of the oldest of them.
pub const OLDEST_INTENT_AGE: Instrument = shared_gauge(
    "task_fgac_dual_write_oldest_intent_age_seconds",
    Unit::Seconds,
    "How long ago the oldest dual write that is not settled began; 0 when all are. Every gateway says the same.",
);
/// Sweeps of the reconciler.
pub const SWEEPS: Instrument = counter(
    "task_fgac_dual_write_sweeps_total",
    &[Label { name: "outcome", values: &["done", "failed"] }],
    "Times this gateway's reconciler looked for what was overdue.",
);
/// What became of intents that were overdue.
pub const SWEPT_INTENTS: Instrument = counter(
    "task_fgac_dual_write_swept_intents_total",
    &[Label { name: "outcome", values: &["settled", "undone", "registered", "left"] }],
    "Overdue intents that the reconciler settled, undid for now, or had to leave, and owed registrations that it made.",
);
/// Orphans that comparisons have found.
pub const ORPHANS_FOUND: Instrument = shared_counter(
    "task_fgac_dual_write_orphans_found_total",
    &[DIRECTION, RESOURCE],
    "Orphans that comparisons have found: rows without registration, registrations without row. Found twice counts twice. Every gateway says the same.",
);
/// Orphans that were repaired.
pub const ORPHANS_REPAIRED: Instrument = shared_counter(
    "task_fgac_dual_write_orphans_repaired_total",
    &[DIRECTION, RESOURCE],
    "Orphans that were repaired. Every gateway says the same.",
);
/// Questions that two engines were asked.
pub const SHADOW_COMPARISONS: Instrument = counter(
    "taskgate_engine_shadow_comparisons_total",
    &[
        PERMISSION[0],
        PERMISSION[1],
        Label {
            name: "outcome",
            values: &[
                Outcome::Agreed.as_str(),
                Outcome::FirstAllows.as_str(),
                Outcome::SecondAllows.as_str(),
                Outcome::SecondFailed.as_str(),
            ],
        },
    ],
    "Questions that the engine that answers and its shadow were both asked, by what came of it. A disagreement counts when both stand by it.",
);
/// Comparisons that were not made.
pub const SHADOW_SKIPPED: Instrument = counter(
    "taskgate_engine_shadow_skipped_total",
    &[Label {
        name: "reason",
        values: &[Skipped::Overload.as_str(), Skipped::Unnamed.as_str(), Skipped::Unconfirmed.as_str()],
    }],
    "Comparisons with a shadow that were not made or came to nothing.",
);
/// Writes that engines were told of in passing.
pub const TOLD: Instrument = counter(
    "taskgate_engine_told_total",
    &[
        Label {
            name: "op",
            values: &[
                Written::Register.as_str(),
                Written::Deregister.as_str(),
                Written::Grant.as_str(),
                Written::Revoke.as_str(),
            ],
        },
        Label { name: "outcome", values: &["took", "missed"] },
    ],
    "Writes that engines were told of in passing, without deciding anything: shadows, and those of other accounts.",
);
/// Questions and writes for an engine that there is none of.
pub const UNROUTABLE: Instrument = counter(
    "taskgate_engine_unroutable_total",
    &[],
    "Questions and writes that failed because a route leads to an engine that this gateway does not have.",
);
/// Answers that were kept.
pub const CACHE_HITS: Instrument = counter(
    "taskgate_cache_hits_total",
    &[Label { name: "layer", values: Layer::ALL }],
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
pub const CACHE_EVICTION_DURATION: Instrument = Instrument {
    name: "taskgate_cache_eviction_duration_seconds",
    shape: Shape::Histogram(SECONDS),
    unit: Unit::Seconds,
    labels: &[Label { name: "outcome", values: &["heard", "waited_out"] }],
    help: "How long a write waited until every gateway had let go of what it changed; waited_out when one did not say so.",
    shared: false,
};
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
pub const INSTRUMENTS: &[Instrument] = &[
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
    SHADOW_COMPARISONS,
    SHADOW_SKIPPED,
    TOLD,
    UNROUTABLE,
    CACHE_HITS,
    CACHE_MISSES,
    CACHE_EVICTIONS,
    CACHE_EVICTION_DURATION,
    CACHE_LEASES,
    CACHE_UNANSWERED,
];

/// Tells the recorder of every instrument, and starts this gateway's own counters at zero, so that a first
/// failure is a rise and not the birth of a series. One that is shared is not: it would fall to zero and rise
/// again whenever a gateway starts.
pub fn announce() {
    for instrument in INSTRUMENTS {
        let Instrument { name, unit, help, .. } = *instrument;
        match instrument.shape {
            Shape::Counter => {
                metrics::describe_counter!(name, unit, help);
                for labels in instrument.series().into_iter().filter(|_| !instrument.shared) {
                    metrics::counter!(name, labels).increment(0);
                }
            }
            Shape::Gauge => metrics::describe_gauge!(name, unit, help),
            Shape::Histogram(_) => metrics::describe_histogram!(name, unit, help),
        }
    }
}

impl Instrument {
    /// Every combination of its labels' values that can come about.
    #[must_use]
    pub fn series(&self) -> Vec<Vec<metrics::Label>> {
        let all = self.labels.iter().fold(vec![Vec::new()], |all, label| {
            let with = |so_far: &Vec<metrics::Label>, value: &'static str| {
                let mut labels = so_far.clone();
                labels.push(metrics::Label::from_static_parts(label.name, value));
                labels
            };
            all.iter().flat_map(|so_far| label.values.iter().map(move |value| with(so_far, value))).collect()
        });
        all.into_iter().filter(|labels| is_there(labels)).collect()
    }
}

/// Whether there is such a permission, where labels speak of one.
fn is_there(labels: &[metrics::Label]) -> bool {
    let value = |name: &str| labels.iter().find(|label| label.key() == name).map(metrics::Label::value);
    let (Some(resource), Some(action)) = (value("resource"), value("action")) else { return true };
    schema::RULES.iter().any(|rule| rule.kind.as_str() == resource && rule.action.as_str() == action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn names_are_unique_and_spelt_as_prometheus_wants_them() {
        let names: BTreeSet<_> = INSTRUMENTS.iter().map(|instrument| instrument.name).collect();
        assert_eq!(names.len(), INSTRUMENTS.len());
        for Instrument { name, shape, unit, help, .. } in INSTRUMENTS {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(matches!(shape, Shape::Counter), name.ends_with("_total"), "{name}");
            assert_eq!(*unit == Unit::Seconds, name.ends_with("_seconds"), "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
    }

    /// The names in a text that look like ours.
    fn named(text: &str) -> impl Iterator<Item = &str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("task_fgac_") || word.starts_with("taskgate_"))
    }

    /// A runbook or a dashboard with a name that nobody counts shows nothing, and says nothing.
    #[test]
    fn every_metric_that_observability_names_is_in_the_registry() {
        let known = |word: &str| {
            INSTRUMENTS.iter().any(|instrument| match instrument.shape {
                Shape::Histogram(_) => word
                    .strip_prefix(instrument.name)
                    .is_some_and(|suffix| ["", "_bucket", "_sum", "_count"].contains(&suffix)),
                Shape::Counter | Shape::Gauge => word == instrument.name,
            })
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../observability");
        let (mut folders, mut seen) = (vec![root], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                // What agentex calls the same counter, spelt as StatsD does.
                for word in named(&text.replace("task_fgac_dual_write.attempt", "")) {
                    assert!(known(word), "{} names `{word}`", path.display());
                    seen.insert(word.to_owned());
                }
            }
        }
        assert!(seen.len() >= INSTRUMENTS.len() - 1, "the runbook speaks of hardly any: {seen:?}");
    }

    /// A new permission is counted, too, and nothing that is none.
    #[test]
    fn every_permission_has_a_series_for_each_outcome() {
        let series = SHADOW_COMPARISONS.series();
        assert_eq!(series.len(), schema::RULES.len() * Outcome::ALL.len());
    }

    /// A new kind of resource is counted, too.
    #[test]
    fn every_kind_that_is_registered_is_a_value_of_the_label() {
        let registered = Kind::ALL.iter().filter(|kind| **kind != Kind::Tenant).map(|kind| kind.as_str());
        assert_eq!(registered.collect::<BTreeSet<_>>(), RESOURCE.values.iter().copied().collect());
    }
}
