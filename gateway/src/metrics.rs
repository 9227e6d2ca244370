//! The instruments, as Prometheus reads them.
//!
//! They tell how much all tenants do, so beside the other routes `/metrics` is for operators; to anybody
//! else who is known it is not there. On an address of its own it is open, as Prometheus expects it, and
//! whoever configures that address answers for who reaches it.

use crate::{App, Failure, caller::resolve, config, rest};
use anyhow::Context as _;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, Uri, header};
use instruments::{INSTRUMENTS, Shape, registry};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;
use tokio::{net::TcpListener, task::JoinHandle};

/// How often what has been recorded is put together, so that what waits for a reader stays small.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder of this process, and who reads it.
pub struct Metrics {
    handle: PrometheusHandle,
    /// Whether it is read at an address of its own.
    apart: bool,
    tasks: Vec<JoinHandle<()>>,
}

impl Metrics {
    /// Starts to record. Once in a process.
    pub async fn start(settings: &config::Metrics) -> anyhow::Result<Self> {
        let mut builder = PrometheusBuilder::new();
        for instrument in INSTRUMENTS {
            if let Shape::Histogram(bounds) = instrument.shape {
                builder = builder.set_buckets_for_metric(Matcher::Full(instrument.name.to_owned()), bounds)?;
            }
        }
        let handle = builder.install_recorder().context("starting to record metrics")?;
        registry::announce();
        let kept_up = handle.clone();
        let mut tasks = vec![tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                kept_up.run_upkeep();
            }
        })];
        if let Some(address) = settings.listen {
            let listener = TcpListener::bind(address).await;
            let listener = listener.with_context(|| format!("configuration key `metrics.listen`: {address}"))?;
            tracing::info!(address = %listener.local_addr()?, "metrics are read at an address of their own");
            let open =
                Router::new().route("/metrics", get(async |State(handle)| text(&handle))).with_state(handle.clone());
            tasks.push(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, open).await {
                    tracing::error!(%error, "metrics cannot be read any more");
                }
            }));
        }
        Ok(Self { handle, apart: settings.listen.is_some(), tasks })
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The route beside the others, unless metrics have an address of their own.
pub fn router(metrics: &Metrics, app: App) -> Router {
    if metrics.apart {
        return Router::new();
    }
    Router::new().route("/metrics", get(for_operators)).with_state((app, metrics.handle.clone()))
}

async fn for_operators(
    State((app, handle)): State<(App, PrometheusHandle)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    let context = resolve(&headers, &app).await?;
    // As any path that there is none of.
    Ok(if context.operator().is_some() { text(&handle) } else { rest::unrouted(uri).await })
}

fn text(handle: &PrometheusHandle) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response()
}
