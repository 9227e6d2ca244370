//! A collector of one test's own: takes traces and metrics over OTLP, as a real one does, and keeps them.

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{metric::Data, number_data_point},
    trace::v1::Span,
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// How long what was done may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// A span, as it was sent.
#[derive(Clone, Debug)]
pub struct SentSpan {
    /// Its trace, in hexadecimal.
    pub trace: String,
    /// Its id, in hexadecimal.
    pub id: String,
    /// The id of the span it is a part of; empty when there is none.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its kind, as OTLP numbers them: 2 a server's, 3 a client's.
    pub kind: i32,
    /// When it began and ended, in nanoseconds since 1970.
    pub time: (u64, u64),
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// Who sent it: the resource's attributes, as text.
    pub resource: BTreeMap<String, String>,
}

#[derive(Default)]
struct Kept {
    /// How many spans were sent.
    count: usize,
    spans: Vec<SentSpan>,
    /// The last value of each series; a histogram's is its count.
    series: BTreeMap<String, f64>,
}

/// The collector. It ends when it is dropped.
pub struct Collector {
    /// Where it listens.
    pub url: String,
    kept: Arc<Mutex<Kept>>,
    server: JoinHandle<()>,
}

struct Receiver {
    kept: Arc<Mutex<Kept>>,
    /// Whether spans are only counted.
    counts: bool,
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    }
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, String> {
    all.into_iter().map(|pair| (pair.key, text(pair.value.and_then(|value| value.value)))).collect()
}

fn span(span: Span, resource: &BTreeMap<String, String>) -> SentSpan {
    SentSpan {
        trace: hexadecimal(&span.trace_id),
        id: hexadecimal(&span.span_id),
        parent: hexadecimal(&span.parent_span_id),
        name: span.name,
        kind: span.kind,
        time: (span.start_time_unix_nano, span.end_time_unix_nano),
        attributes: attributes(span.attributes),
        resource: resource.clone(),
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.kept.lock().unwrap();
        for of_resource in request.into_inner().resource_spans {
            kept.count += of_resource.scope_spans.iter().map(|scope| scope.spans.len()).sum::<usize>();
            if self.counts {
                continue;
            }
            let resource = attributes(of_resource.resource.map(|resource| resource.attributes).unwrap_or_default());
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            kept.spans.extend(spans.map(|sent| span(sent, &resource)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// The series of a metric, each with its value.
fn series(data: Data) -> Vec<(Vec<KeyValue>, f64)> {
    let number = |value: Option<number_data_point::Value>| match value {
        #[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
        Some(number_data_point::Value::AsInt(count)) => count as f64,
        Some(number_data_point::Value::AsDouble(value)) => value,
        None => 0.0,
    };
    match data {
        Data::Sum(sum) => sum.data_points.into_iter().map(|point| (point.attributes, number(point.value))).collect(),
        Data::Gauge(gauge) => {
            gauge.data_points.into_iter().map(|point| (point.attributes, number(point.value))).collect()
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
        Data::Histogram(histogram) => {
            histogram.data_points.into_iter().map(|point| (point.attributes, point.count as f64)).collect()
        }
        Data::ExponentialHistogram(_) | Data::Summary(_) => vec![],
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut kept = self.kept.lock().unwrap();
        let scopes = request.into_inner().resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        for metric in scopes.flat_map(|scope| scope.metrics) {
            for (labels, value) in metric.data.into_iter().flat_map(series) {
                let labels: Vec<_> =
                    attributes(labels).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
                kept.series.insert(format!("{}{{{}}}", metric.name, labels.join(",")), value);
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl Collector {
    /// Starts one on a free port.
    #[expect(clippy::unused_async, reason = "it needs a runtime to be started in")]
    pub async fn start() -> Self {
        Self::serve(false)
    }

    /// Starts one that counts spans and keeps none: for measuring, where a collector would be on another machine.
    #[expect(clippy::unused_async, reason = "it needs a runtime to be started in")]
    pub async fn counting() -> Self {
        Self::serve(true)
    }

    fn serve(counts: bool) -> Self {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let kept = Arc::new(Mutex::new(Kept::default()));
        let receiver = || Receiver { kept: Arc::clone(&kept), counts };
        let routes = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(receiver()))
            .add_service(MetricsServiceServer::new(receiver()));
        let server = tokio::spawn(async move { routes.serve_with_incoming(incoming).await.unwrap() });
        Self { url, kept, server }
    }

    /// How many spans were sent so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept.lock().unwrap().count
    }

    /// Every span so far.
    #[must_use]
    pub fn spans(&self) -> Vec<SentSpan> {
        self.kept.lock().unwrap().spans.clone()
    }

    /// The last value of each series, named `metric{label=value,…}`.
    #[must_use]
    pub fn series(&self) -> BTreeMap<String, f64> {
        self.kept.lock().unwrap().series.clone()
    }

    /// The spans of a trace, once they are enough.
    pub async fn trace(&self, trace: &str, enough: impl Fn(&[SentSpan]) -> bool) -> Vec<SentSpan> {
        let begun = Instant::now();
        loop {
            let spans: Vec<_> = self.spans().into_iter().filter(|span| span.trace == trace).collect();
            if enough(&spans) {
                return spans;
            }
            assert!(begun.elapsed() < PATIENCE, "of the trace {trace} there is only {spans:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The value of a series, once it is there and enough.
    pub async fn value(&self, name: &str, enough: impl Fn(f64) -> bool) -> f64 {
        let begun = Instant::now();
        loop {
            if let Some(value) = self.series().get(name).copied().filter(|value| enough(*value)) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "no such {name} among {:#?}", self.series());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}
