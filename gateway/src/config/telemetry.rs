//! The sections that say what becomes of instruments and traces.

use serde::Deserialize;
use std::{net::SocketAddr, time::Duration};

/// Where instruments are read, and where they are sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Whether anything is counted. Without it there is no `/metrics`, and nothing is sent.
    pub record: bool,
    /// An address of their own, open to whoever reaches it. Without one `/metrics` is beside the other
    /// routes, for operators.
    pub listen: Option<SocketAddr>,
    /// A collector to send them to, over OTLP: `http://host:4317`, or `https://`.
    pub otlp: Option<String>,
    /// A Datadog agent to send them to: `host:8125`, or `unixgram:///path` of its socket.
    pub dogstatsd: Option<String>,
    /// How often they are sent, in milliseconds.
    pub push_interval_ms: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { record: true, listen: None, otlp: None, dogstatsd: None, push_interval_ms: 10_000 }
    }
}

/// Where traces are sent, and how many.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traces {
    /// A collector to send them to, over OTLP: `http://host:4317`, or `https://`. Without one there are none.
    pub otlp: Option<String>,
    /// The share of requests that are traced, from 0 to 1, of those whose caller does not say.
    pub ratio: f64,
}

impl Default for Traces {
    fn default() -> Self {
        Self { otlp: None, ratio: 0.05 }
    }
}

impl Metrics {
    /// How often they are sent.
    #[must_use]
    pub const fn push_interval(&self) -> Duration {
        Duration::from_millis(self.push_interval_ms)
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.push_interval_ms > 0, "configuration key `metrics.push_interval_ms` is 0");
        let read = self.listen.is_some() || self.otlp.is_some() || self.dogstatsd.is_some();
        anyhow::ensure!(
            self.record || !read,
            "configuration key `metrics.record` is false, and others of `[metrics]` are set"
        );
        address("metrics.otlp", self.otlp.as_deref())
    }
}

impl Traces {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            (0.0..=1.0).contains(&self.ratio),
            "configuration key `traces.ratio` is {}, which is no share from 0 to 1",
            self.ratio
        );
        address("traces.otlp", self.otlp.as_deref())
    }
}

fn address(key: &str, otlp: Option<&str>) -> anyhow::Result<()> {
    let Some(otlp) = otlp else { return Ok(()) };
    let uri: Option<http::Uri> = otlp.parse().ok();
    let web = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    anyhow::ensure!(web, "configuration key `{key}` is `{otlp}`, which is no `http://host:port`");
    Ok(())
}
