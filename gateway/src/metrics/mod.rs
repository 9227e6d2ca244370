//! The instruments, as Prometheus reads them, and as collectors and agents are sent them.
//!
//! They tell how much all tenants do, so beside the other routes `/metrics` is for operators; to anybody
//! else who is known it is not there. On an address of its own it is open, as Prometheus expects it, and
//! whoever configures that address answers for who reaches it.

mod exemplars;
mod otlp;
mod page;
mod reader;
mod statsd;

use crate::{App, Failure, caller::resolve, config, rest, storage::Health, telemetry};
use anyhow::Context as _;
use axum::{Router, extract::State, response::Response, routing::get};
use exemplars::Exemplars;
use http::{HeaderMap, Uri};
use instruments::{Shape, instruments, registry};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use metrics_util::layers::FanoutBuilder;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use otlp::Otlp;
use reader::Reader;
use statsd::StatsD;
use std::time::Duration;
use tokio::{net::TcpListener, task::JoinHandle};

/// How often what has been recorded is put together, so that what waits for a reader stays small, and how often
/// the process and its connections are looked at.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder of this process, and who reads it.
pub struct Metrics {
    /// What is read, if anything is recorded.
    reader: Option<Reader>,
    /// Whether it has an address of its own.
    apart: bool,
    tasks: Vec<JoinHandle<()>>,
    sent: Option<SdkMeterProvider>,
}

/// What Prometheus reads.
fn prometheus() -> anyhow::Result<PrometheusRecorder> {
    let mut builder = PrometheusBuilder::new();
    for instrument in instruments() {
        if let Shape::Histogram(bounds) = instrument.shape {
            builder = builder.set_buckets_for_metric(Matcher::Full(instrument.name.to_owned()), bounds)?;
        }
    }
    Ok(builder.build_recorder())
}

/// Makes what is counted from now on go to `prometheus`, and wherever else the configuration says; with what is traced,
/// to `exemplars` too.
fn install(
    prometheus: PrometheusRecorder,
    exemplars: &Exemplars,
    settings: &config::Metrics,
) -> anyhow::Result<Option<SdkMeterProvider>> {
    if settings.otlp.is_none() && settings.dogstatsd.is_none() && !telemetry::are_made() {
        metrics::set_global_recorder(prometheus).map_err(|_| twice())?;
        return Ok(None);
    }
    let (mut recorders, mut sent) = (FanoutBuilder::default().add_recorder(prometheus), None);
    if telemetry::are_made() {
        recorders = recorders.add_recorder(exemplars.clone());
    }
    if let Some(address) = &settings.otlp {
        let (recorder, provider) = Otlp::start(address, settings)?;
        recorders = recorders.add_recorder(recorder);
        sent = Some(provider);
    }
    if let Some(address) = &settings.dogstatsd {
        recorders = recorders.add_recorder(StatsD::start(address, settings)?);
    }
    metrics::set_global_recorder(recorders.build()).map_err(|_| twice())?;
    Ok(sent)
}

fn twice() -> anyhow::Error {
    anyhow::anyhow!("this process records metrics already")
}

impl Metrics {
    /// Starts to record, if anything is to be. Once in a process.
    pub async fn start(settings: &config::Metrics) -> anyhow::Result<Self> {
        if !settings.record {
            return Ok(Self { reader: None, apart: false, tasks: Vec::new(), sent: None });
        }
        let recorder = prometheus()?;
        let reader = Reader { handle: recorder.handle(), exemplars: Exemplars::default() };
        let sent = install(recorder, &reader.exemplars, settings)?;
        instruments::recorder_stays();
        registry::announce();
        instruments::build(env!("CARGO_PKG_VERSION"));
        let kept_up = reader.handle.clone();
        let mut tasks = vec![tokio::spawn(async move {
            let process = metrics_process::Collector::default();
            loop {
                process.collect();
                tokio::time::sleep(UPKEEP).await;
                kept_up.run_upkeep();
            }
        })];
        if let Some(address) = settings.listen {
            let listener = TcpListener::bind(address).await;
            let listener = listener.with_context(|| format!("configuration key `metrics.listen`: {address}"))?;
            tracing::info!(address = %listener.local_addr()?, "metrics are read at an address of their own");
            let read = async |State(reader): State<Reader>, headers: HeaderMap| reader.answer(&headers);
            let open = Router::new().route("/metrics", get(read)).with_state(reader.clone());
            tasks.push(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, open).await {
                    tracing::error!(%error, "metrics cannot be read any more");
                }
            }));
        }
        Ok(Self { reader: Some(reader), apart: settings.listen.is_some(), tasks, sent })
    }

    /// Looks at the connections of `storage`, too, and at where lists are found.
    pub fn watch(&mut self, storage: Health) {
        self.tasks.push(tokio::spawn(async move {
            while let Some((used, idle, most)) = storage.connections() {
                instruments::connections(used, idle, most);
                instruments::lists_indexed(storage.engine.list_index.as_ref().is_some_and(|index| index.is_used()));
                tokio::time::sleep(UPKEEP).await;
            }
        }));
    }

    /// Sends what is not sent yet.
    pub async fn stop(mut self) {
        let Some(sent) = self.sent.take() else { return };
        // It waits for the exporter, which needs this runtime.
        if !matches!(tokio::task::spawn_blocking(move || sent.shutdown()).await, Ok(Ok(()))) {
            tracing::warn!("the last metrics could not be sent");
        }
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The live page, if there is anything to show, and the route beside the others, unless metrics have an address of
/// their own.
pub fn router(metrics: &Metrics, app: App) -> Router {
    let Some(reader) = metrics.reader.clone() else { return Router::new() };
    let page = page::router(app.clone(), reader.clone());
    if metrics.apart {
        return page;
    }
    page.route("/metrics", get(for_operators).with_state((app, reader)))
}

async fn for_operators(
    State((app, reader)): State<(App, Reader)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    let context = resolve(&headers, &app).await?;
    // As any path that there is none of.
    Ok(if context.operator().is_some() { reader.answer(&headers) } else { rest::unrouted(uri).await })
}
