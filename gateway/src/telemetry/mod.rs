//! What the process tells of itself while it runs: its log, and traces of what it does for callers.
//!
//! Each request is a span; what is logged within says the request's id, and its trace's. Spans of the edges
//! and of the engine are made where the work is done; those of statements are made of what the driver says.
//! Instruments are in [`crate::metrics`].

mod http;
mod statements;
mod traces;

pub use http::measured;
pub use traces::{are_made, resource, sampled, sampled_trace, traceparent};

use crate::config::{Config, LogFormat};
use anyhow::Context as _;
use statements::Statements;
use std::io::IsTerminal as _;
use traces::Traces;
use tracing::{Level, Metadata, Subscriber, subscriber::Interest};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::dynamic_filter_fn,
    layer::{Filter, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// What runs until the process ends.
pub struct Telemetry(Option<Traces>);

/// Starts a log for people who run a command.
pub fn start_log(config: &Config) -> anyhow::Result<()> {
    tracing_subscriber::registry().with(log(config)?).init();
    Ok(())
}

impl Telemetry {
    /// Starts all that a server tells. In a runtime, and once in a process.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        let traces = Traces::start(&config.traces)?;
        let statements = Statements::new(traces.as_ref().map(Traces::tracer));
        // What belongs to no trace is not made; and nothing at all is heard, where nobody wants to know.
        let (sent, counted) = (traces.is_some(), config.metrics.record);
        let heard = move |what: &Metadata<'_>| (sent || counted) && what.target() == statements::TARGET;
        let driver = dynamic_filter_fn(move |what, within| heard(what) || sent && traces::belongs(what, within))
            .with_callsite_filter(move |what| {
                if heard(what) { Interest::always() } else { sometimes(sent && traces::may_belong(what)) }
            })
            .with_max_level_hint(Level::DEBUG);
        tracing_subscriber::registry()
            .with(log(config)?)
            .with(traces.as_ref().map(|traces| traces.layer().with_filter(spans())))
            // Not an option, which does not tell a layer what it is a part of.
            .with(statements.with_filter(driver))
            .init();
        Ok(Self(traces))
    }

    /// Sends what is not sent yet.
    pub async fn stop(self) {
        if let Some(traces) = self.0 {
            traces.stop().await;
        }
    }
}

/// The spans of what is traced.
fn spans<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Filter<S> {
    dynamic_filter_fn(traces::belongs)
        .with_callsite_filter(|what| sometimes(traces::may_belong(what)))
        .with_max_level_hint(Level::DEBUG)
}

/// Whether it has to be asked each time, or never.
fn sometimes(it_may: bool) -> Interest {
    if it_may { Interest::sometimes() } else { Interest::never() }
}

/// The log on standard error.
fn log(config: &Config) -> anyhow::Result<Box<dyn Layer<Registry> + Send + Sync>> {
    let filter: EnvFilter = config.log_filter.parse().context("configuration key `log_filter`")?;
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    Ok(match config.log_format {
        LogFormat::Pretty => log.with_filter(filter).boxed(),
        LogFormat::Json => log.json().with_filter(filter).boxed(),
    })
}
