//! Instruments as a collector is sent them, over OTLP.

use crate::{config, telemetry};
use anyhow::Context as _;
use instruments::{Shape, instruments};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use metrics_util::registry::{Registry, Storage};
use opentelemetry::{
    KeyValue,
    metrics::{Meter, MeterProvider as _},
};
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long a collector may take to take what it is sent.
const PATIENCE: Duration = Duration::from_secs(3);

/// Sends what it is told to a collector, every so often.
pub struct Otlp(Registry<Key, Meters>);

impl Otlp {
    /// Begins to send to the collector at `address`. What is returned beside it sends what is left at the end.
    pub fn start(address: &str, settings: &config::Metrics) -> anyhow::Result<(Self, SdkMeterProvider)> {
        let exporter = MetricExporter::builder().with_tonic().with_endpoint(address).with_timeout(PATIENCE).build();
        let exporter = exporter.context("configuration key `metrics.otlp`")?;
        let reader = PeriodicReader::builder(exporter).with_interval(settings.push_interval()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(telemetry::resource()).build();
        Ok((Self(Registry::new(Meters(provider.meter("taskgate")))), provider))
    }
}

/// Makes the instruments of a meter.
struct Meters(Meter);

/// One series of an instrument, and the last value of it.
struct Series<I> {
    instrument: I,
    attributes: Vec<KeyValue>,
    /// A counter's count, or the bits of a gauge's value.
    last: AtomicU64,
}

impl<I> Series<I> {
    fn new(instrument: I, key: &Key) -> Arc<Self> {
        let attributes = key.labels().map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned()));
        Arc::new(Self { instrument, attributes: attributes.collect(), last: AtomicU64::new(0) })
    }
}

impl CounterFn for Series<opentelemetry::metrics::Counter<u64>> {
    fn increment(&self, value: u64) {
        self.last.fetch_add(value, Ordering::Relaxed);
        self.instrument.add(value, &self.attributes);
    }

    fn absolute(&self, value: u64) {
        let last = self.last.fetch_max(value, Ordering::Relaxed);
        self.instrument.add(value.saturating_sub(last), &self.attributes);
    }
}

impl Series<opentelemetry::metrics::Gauge<f64>> {
    fn change(&self, to: impl Fn(f64) -> f64) {
        let changed = |bits| Some(to(f64::from_bits(bits)).to_bits());
        let before = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
        let before = before.unwrap_or_else(|before| before);
        self.instrument.record(to(f64::from_bits(before)), &self.attributes);
    }
}

impl GaugeFn for Series<opentelemetry::metrics::Gauge<f64>> {
    fn increment(&self, value: f64) {
        self.change(|last| last + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|last| last - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

impl HistogramFn for Series<opentelemetry::metrics::Histogram<f64>> {
    fn record(&self, value: f64) {
        self.instrument.record(value, &self.attributes);
    }
}

/// The unit, the meaning and the bounds of what `key` is a series of.
fn described(key: &Key) -> (&'static str, &'static str, &'static [f64]) {
    let Some(instrument) = instruments().find(|instrument| instrument.name == key.name()) else {
        return ("", "", &[]);
    };
    // Whatever is in neither is a count.
    let units = [(Unit::Seconds, "s"), (Unit::Bytes, "By")];
    let unit = units.into_iter().find(|(unit, _)| *unit == instrument.unit).map_or("1", |(_, word)| word);
    let bounds = match instrument.shape {
        Shape::Histogram(bounds) => bounds,
        Shape::Counter | Shape::Gauge => &[],
    };
    (unit, instrument.help, bounds)
}

impl Storage<Key> for Meters {
    type Counter = Arc<Series<opentelemetry::metrics::Counter<u64>>>;
    type Gauge = Arc<Series<opentelemetry::metrics::Gauge<f64>>>;
    type Histogram = Arc<Series<opentelemetry::metrics::Histogram<f64>>>;

    fn counter(&self, key: &Key) -> Self::Counter {
        let (unit, help, _) = described(key);
        let counter = self.0.u64_counter(key.name().to_owned()).with_unit(unit).with_description(help).build();
        Series::new(counter, key)
    }

    fn gauge(&self, key: &Key) -> Self::Gauge {
        let (unit, help, _) = described(key);
        Series::new(self.0.f64_gauge(key.name().to_owned()).with_unit(unit).with_description(help).build(), key)
    }

    fn histogram(&self, key: &Key) -> Self::Histogram {
        let (unit, help, bounds) = described(key);
        let histogram = self.0.f64_histogram(key.name().to_owned()).with_unit(unit).with_description(help);
        Series::new(histogram.with_boundaries(bounds.to_vec()).build(), key)
    }
}

impl Recorder for Otlp {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.0.get_or_create_counter(key, |counter| Counter::from_arc(Arc::clone(counter)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.0.get_or_create_gauge(key, |gauge| Gauge::from_arc(Arc::clone(gauge)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.0.get_or_create_histogram(key, |histogram| Histogram::from_arc(Arc::clone(histogram)))
    }
}
