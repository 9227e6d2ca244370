//! Instruments as a Datadog agent is sent them, under the names that dashboards know them by there.

use crate::config;
use anyhow::Context as _;
use instruments::instruments;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_dogstatsd::{DogStatsDBuilder, DogStatsDRecorder};
use std::collections::HashMap;

/// Sends what it is told to an agent.
pub struct StatsD {
    recorder: DogStatsDRecorder,
    /// The names that are other ones here.
    names: HashMap<&'static str, &'static str>,
}

impl StatsD {
    /// Begins to send to the agent at `address`.
    pub fn start(address: &str, settings: &config::Metrics) -> anyhow::Result<Self> {
        let recorder = DogStatsDBuilder::default()
            .with_remote_address(address)
            .context("configuration key `metrics.dogstatsd`")?
            .with_flush_interval(settings.push_interval())
            // Nothing that is not in the registry.
            .with_telemetry(false)
            .build()
            .context("configuration key `metrics.dogstatsd`")?;
        let other = instruments().filter(|instrument| instrument.statsd != instrument.name);
        Ok(Self { recorder, names: other.map(|instrument| (instrument.name, instrument.statsd)).collect() })
    }

    fn key(&self, key: &Key) -> Key {
        match self.names.get(key.name()) {
            Some(name) => Key::from_parts(*name, key.labels().cloned().collect::<Vec<_>>()),
            None => key.clone(),
        }
    }
}

impl Recorder for StatsD {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.recorder.register_counter(&self.key(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.recorder.register_gauge(&self.key(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.recorder.register_histogram(&self.key(key), metadata)
    }
}
