//! Every instrument by name, unit, labels and meaning.

pub mod cache;
pub mod dual_write;
pub mod edges;
pub mod engine;
pub mod process;
pub mod routing;

use authz::{Kind, schema};
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

/// The values of a label. Whichever they are, no caller can add one.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// These.
    These(&'static [&'static str]),
    /// Those that a gateway knows when it starts: what they are.
    Known(&'static str),
}

/// A label, and the only values it has.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// From when on its series are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// From the start, at zero, so that a first failure is a rise and not the birth of a series.
    AtZero,
    /// Each from when it was first counted.
    WhenCounted,
    /// It is about the whole deployment, so that every gateway tells the same: from when what is stored is
    /// known. At zero it would fall, and rise again, whenever a gateway starts.
    WhenKnown,
}

/// An instrument.
#[derive(Clone, Copy, Debug)]
pub struct Instrument {
    /// Its name, as Prometheus spells it.
    pub name: &'static str,
    /// Its name in StatsD, where dashboards know it by another.
    pub statsd: &'static str,
    /// What sort it is.
    pub shape: Shape,
    /// What its values are in.
    pub unit: Unit,
    /// Its labels.
    pub labels: &'static [Label],
    /// What it means.
    pub help: &'static str,
    /// From when on its series are there.
    pub begins: Begins,
}

/// Instruments that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The instruments.
    pub instruments: &'static [Instrument],
}

/// All of them.
pub const GROUPS: &[Group] = &[
    Group { title: "The dual write", instruments: dual_write::ALL },
    Group { title: "The edges", instruments: edges::ALL },
    Group { title: "The authorization engine", instruments: engine::ALL },
    Group { title: "Routes between engines", instruments: routing::ALL },
    Group { title: "The decision cache", instruments: cache::ALL },
    Group { title: "The database", instruments: process::SQL },
    Group { title: "The process", instruments: process::PROCESS },
];

/// Each of them.
pub fn instruments() -> impl Iterator<Item = &'static Instrument> {
    GROUPS.iter().flat_map(|group| group.instruments)
}

const RESOURCE: Label = Label::of("resource", &[Kind::Agent.as_str(), Kind::Task.as_str(), Kind::ApiKey.as_str()]);
const OUTCOME: Label = Label::of("outcome", &["done", "failed"]);

/// Seconds, from a quick write to the end of a request that was retried.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Seconds, from one round trip to the longest that a request may take.
const QUICK: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

const fn instrument(
    name: &'static str,
    shape: Shape,
    unit: Unit,
    labels: &'static [Label],
    help: &'static str,
) -> Instrument {
    Instrument { name, statsd: name, shape, unit, labels, help, begins: Begins::AtZero }
}

const fn counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Instrument {
    instrument(name, Shape::Counter, Unit::Count, labels, help)
}

const fn gauge(name: &'static str, unit: Unit, labels: &'static [Label], help: &'static str) -> Instrument {
    instrument(name, Shape::Gauge, unit, labels, help).when_counted()
}

const fn histogram(
    name: &'static str,
    bounds: &'static [f64],
    unit: Unit,
    labels: &'static [Label],
    help: &'static str,
) -> Instrument {
    instrument(name, Shape::Histogram(bounds), unit, labels, help).when_counted()
}

impl Label {
    const fn of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: Values::These(values) }
    }
}

impl Instrument {
    const fn in_statsd(self, statsd: &'static str) -> Self {
        Self { statsd, ..self }
    }

    const fn when_counted(self) -> Self {
        Self { begins: Begins::WhenCounted, ..self }
    }

    const fn shared(self) -> Self {
        Self { begins: Begins::WhenKnown, ..self }
    }

    const fn seconds(self) -> Self {
        Self { unit: Unit::Seconds, ..self.when_counted() }
    }

    /// Every combination of its labels' values that can come about; none, when a label's are known to a running gateway only.
    #[must_use]
    pub fn series(&self) -> Vec<Vec<metrics::Label>> {
        let all = self.labels.iter().fold(vec![Vec::new()], |all, label| {
            let values = match label.values {
                Values::These(values) => values,
                Values::Known(_) => &[],
            };
            let with = |so_far: &Vec<metrics::Label>, value: &'static str| {
                let mut labels = so_far.clone();
                labels.push(metrics::Label::from_static_parts(label.name, value));
                labels
            };
            all.iter().flat_map(|so_far| values.iter().map(move |value| with(so_far, value))).collect()
        });
        all.into_iter().filter(|labels| is_there(labels)).collect()
    }

    /// Whether `name` is what Prometheus calls it, or one of the series that a histogram is there.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let Some(suffix) = name.strip_prefix(self.name) else { return false };
        let histogram = matches!(self.shape, Shape::Histogram(_));
        suffix.is_empty() || (histogram && ["_bucket", "_sum", "_count"].contains(&suffix))
    }
}

/// Whether there is such a permission, where labels speak of one.
fn is_there(labels: &[metrics::Label]) -> bool {
    let value = |name: &str| labels.iter().find(|label| label.key() == name).map(metrics::Label::value);
    let (Some(resource), Some(action)) = (value("resource"), value("action")) else { return true };
    schema::RULES.iter().any(|rule| rule.kind.as_str() == resource && rule.action.as_str() == action)
}

/// Tells the recorder of every instrument, and starts this gateway's own counters at zero.
pub fn announce() {
    for instrument in instruments() {
        let Instrument { name, unit, help, .. } = *instrument;
        match instrument.shape {
            Shape::Counter => {
                metrics::describe_counter!(name, unit, help);
                if instrument.begins == Begins::AtZero {
                    for labels in instrument.series() {
                        metrics::counter!(name, labels).increment(0);
                    }
                }
            }
            Shape::Gauge => metrics::describe_gauge!(name, unit, help),
            Shape::Histogram(_) => metrics::describe_histogram!(name, unit, help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn names_are_unique_and_spelt_as_prometheus_wants_them() {
        let names: BTreeSet<_> = instruments().map(|instrument| instrument.name).collect();
        assert_eq!(names.len(), instruments().count());
        for Instrument { name, shape, unit, help, .. } in instruments() {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(matches!(shape, Shape::Counter), name.ends_with("_total"), "{name}");
            let measured = name.trim_end_matches("_total");
            assert_eq!(*unit == Unit::Seconds, measured.ends_with("_seconds"), "{name}");
            assert_eq!(*unit == Unit::Bytes, measured.ends_with("_bytes"), "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn labels_are_few_and_what_starts_at_zero_has_closed_ones() {
        for instrument in instruments() {
            assert!(instrument.labels.len() <= 4, "{}", instrument.name);
            if instrument.begins == Begins::AtZero {
                assert!((1..=100).contains(&instrument.series().len()), "{} fills every scrape", instrument.name);
            }
        }
    }

    /// The names in a text that look like ours.
    fn named(text: &str) -> impl Iterator<Item = &str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| ["task_fgac_", "taskgate_", "process_"].iter().any(|ours| word.starts_with(ours)))
    }

    /// A runbook or a dashboard with a name that nobody counts shows nothing, and says nothing.
    #[test]
    fn every_metric_that_observability_names_is_in_the_registry() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../observability");
        let (mut folders, mut seen) = (vec![root], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if path.extension().is_some_and(|kind| kind == "py") {
                    // It puts names together, and what it writes is looked at.
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                // What StatsD calls the same.
                let text = instruments()
                    .filter(|instrument| instrument.statsd != instrument.name)
                    .fold(text, |text, instrument| text.replace(instrument.statsd, ""));
                for word in named(&text) {
                    let known = instruments().any(|instrument| instrument.is_called(word));
                    assert!(known, "{} names `{word}`", path.display());
                    if path.extension().is_some_and(|kind| kind == "json") {
                        seen.extend(instruments().filter(|it| it.is_called(word)).map(|it| it.name));
                    }
                }
            }
        }
        let unseen: Vec<_> = instruments().map(|it| it.name).filter(|name| !seen.contains(name)).collect();
        let expected = ["process_max_fds", "process_virtual_memory_bytes", "process_virtual_memory_max_bytes"];
        assert!(unseen.iter().all(|name| expected.contains(name)), "no dashboard shows {unseen:?}");
    }

    /// A new permission is counted, too, and nothing that is none.
    #[test]
    fn every_permission_has_a_series_for_each_outcome() {
        let series = routing::SHADOW_COMPARISONS.series();
        assert_eq!(series.len(), schema::RULES.len() * authz_router::Outcome::ALL.len());
    }

    /// A new kind of resource, or a new action, is counted, too.
    #[test]
    fn every_kind_and_action_is_a_value_of_its_label() {
        let Values::These(registered) = RESOURCE.values else { panic!("a closed set") };
        let kinds = Kind::ALL.iter().filter(|kind| **kind != Kind::Tenant).map(|kind| kind.as_str());
        assert_eq!(kinds.collect::<BTreeSet<_>>(), registered.iter().copied().collect());
        let values = |instrument: &Instrument, name: &str| match instrument.labels.iter().find(|it| it.name == name) {
            Some(Label { values: Values::These(values), .. }) => values.iter().copied().collect::<BTreeSet<_>>(),
            other => panic!("{other:?}"),
        };
        let actions = authz::ActionSet::all().iter().map(authz::Action::as_str);
        let actions: BTreeSet<_> = actions.chain([engine::SEVERAL, engine::NONE]).collect();
        assert_eq!(values(&engine::ENGINE_CALLS, "action"), actions);
        let kinds: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(values(&engine::DECISIONS, "resource"), kinds);
        let classes: BTreeSet<_> =
            authz::EngineError::CLASSES.iter().copied().chain(["ok", engine::GIVEN_UP]).collect();
        assert_eq!(values(&engine::ENGINE_CALLS, "outcome"), classes);
    }
}
