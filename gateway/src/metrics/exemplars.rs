//! Exemplars: for each bucket of a latency, the last traced request that fell into it. From a slow bucket on a
//! dashboard they lead to a trace of what was slow. Only sampled requests are kept, one for each bucket.

use crate::telemetry;
use instruments::{
    Shape, instruments,
    registry::{
        edges::{GRAPHQL_DURATION, HTTP_DURATION},
        engine::ENGINE_DURATION,
    },
};
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use opentelemetry::trace::TraceId;
use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// The histograms that have them.
const OF: &[&str] = &[HTTP_DURATION.name, GRAPHQL_DURATION.name, ENGINE_DURATION.name];

/// Something that took a while, and the trace that tells of it.
#[derive(Clone, Copy, Debug)]
struct Exemplar {
    trace: TraceId,
    value: f64,
    at: SystemTime,
}

/// The exemplars of all series, by the bucket as Prometheus' text begins its line: `name_bucket{label="value",le="1"}`.
#[derive(Clone, Default)]
pub struct Exemplars(Arc<Mutex<HashMap<String, Exemplar>>>);

impl Exemplars {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, Exemplar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What Prometheus' text says, as `OpenMetrics`, where exemplars have a place.
    #[must_use]
    pub fn open_metrics(&self, text: &str) -> String {
        let kept = self.kept().clone();
        let mut open = String::with_capacity(text.len() + text.len() / 8);
        // A counter's samples end in `_total`, and what they are samples of does not.
        let counters: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some((word, rest)) = described(line) {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let family = if counters.contains(&name) { name.strip_suffix("_total").unwrap_or(name) } else { name };
                let rest = if word == "HELP" { rest.replace('"', "\\\"") } else { rest.to_owned() };
                let _ = writeln!(open, "# {word} {family} {rest}");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap_or((line, ""));
            canonical(&mut open, series);
            let _ = write!(open, " {value}");
            if let Some(Exemplar { trace, value, at }) = kept.get(series) {
                let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
                let _ = write!(open, " # {{trace_id=\"{trace}\"}} {value} {at:.3}");
            }
            open.push('\n');
        }
        open.push_str("# EOF\n");
        open
    }
}

/// The word and the rest of a line that describes.
fn described(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("# ")?.split_once(' ')
}

/// A series, whose bound is spelt as a number with a point.
fn canonical(open: &mut String, series: &str) {
    let whole = series.rsplit_once(",le=\"").or_else(|| series.rsplit_once("{le=\""));
    let whole =
        whole.and_then(|(_, bound)| bound.strip_suffix("\"}")).is_some_and(|bound| bound.parse::<u64>().is_ok());
    match series.strip_suffix("\"}") {
        Some(before) if whole => {
            let _ = write!(open, "{before}.0\"}}");
        }
        _ => open.push_str(series),
    }
}

/// A histogram's series. Of what is recorded for a traced request it keeps an exemplar.
struct Series {
    kept: Exemplars,
    /// The line of its buckets, up to the bound.
    head: String,
    bounds: &'static [f64],
}

impl Series {
    fn keep(&self, value: f64, trace: TraceId) {
        let bound = self.bounds.iter().find(|bound| value <= **bound);
        let bound = bound.map_or("+Inf".to_owned(), ToString::to_string);
        let exemplar = Exemplar { trace, value, at: SystemTime::now() };
        self.kept.kept().insert(format!("{}le=\"{bound}\"}}", self.head), exemplar);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        if let Some(trace) = telemetry::sampled_trace() {
            self.keep(value, trace);
        }
    }
}

impl Recorder for Exemplars {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if !OF.contains(&key.name()) {
            return Histogram::noop();
        }
        let bounds = instruments().find(|instrument| instrument.name == key.name()).map(|instrument| instrument.shape);
        let Some(Shape::Histogram(bounds)) = bounds else { return Histogram::noop() };
        let mut head = format!("{}_bucket{{", key.name());
        for label in key.labels() {
            let _ = write!(head, "{}=\"{}\",", label.key(), label.value());
        }
        Histogram::from_arc(Arc::new(Series { kept: self.clone(), head, bounds }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_text_becomes_open_metrics() {
        let text = "# HELP a_total Says \"a\".\n# TYPE a_total counter\na_total{x=\"1\"} 3\n\n# HELP h_seconds H.\n\
            # TYPE h_seconds histogram\nh_seconds_bucket{c=\"a b\",le=\"0.5\"} 1\nh_seconds_bucket{c=\"a b\",le=\"1\"} 2\n\
            h_seconds_bucket{c=\"a b\",le=\"+Inf\"} 2\nh_seconds_sum{c=\"a b\"} 1.1\nh_seconds_count{c=\"a b\"} 2\n\n\
            # TYPE g gauge\ng 1\n\n";
        let exemplars = Exemplars::default();
        let head = "h_seconds_bucket{c=\"a b\",".to_owned();
        Series { kept: exemplars.clone(), head, bounds: &[0.5, 1.0] }.keep(0.7, TraceId::from(42));
        let open = exemplars.open_metrics(text);
        let (before, at) = open.split_once("} 0.7 ").unwrap();
        let (at, after) = at.split_once('\n').unwrap();
        assert!(at.parse::<f64>().unwrap() > 1.7e9, "{open}");
        assert_eq!(
            before,
            "# HELP a Says \\\"a\\\".\n# TYPE a counter\na_total{x=\"1\"} 3\n# HELP h_seconds H.\n\
             # TYPE h_seconds histogram\nh_seconds_bucket{c=\"a b\",le=\"0.5\"} 1\n\
             h_seconds_bucket{c=\"a b\",le=\"1.0\"} 2 # {trace_id=\"0000000000000000000000000000002a\""
        );
        assert_eq!(
            after,
            "h_seconds_bucket{c=\"a b\",le=\"+Inf\"} 2\nh_seconds_sum{c=\"a b\"} 1.1\nh_seconds_count{c=\"a b\"} 2\n\
             # TYPE g gauge\ng 1\n# EOF\n"
        );
    }

    #[test]
    fn a_value_goes_to_the_first_bucket_that_holds_it() {
        let exemplars = Exemplars::default();
        let series = Series { kept: exemplars.clone(), head: "h_bucket{".to_owned(), bounds: &[0.5, 1.0] };
        for value in [0.1, 0.5, 1.0, 9.0] {
            series.keep(value, TraceId::from(1));
        }
        let mut kept: Vec<_> = exemplars.kept().iter().map(|(line, it)| format!("{line} {}", it.value)).collect();
        kept.sort();
        assert_eq!(kept, ["h_bucket{le=\"+Inf\"} 9", "h_bucket{le=\"0.5\"} 0.5", "h_bucket{le=\"1\"} 1"]);
    }
}
