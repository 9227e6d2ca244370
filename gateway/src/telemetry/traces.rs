//! Traces: taken up from callers (W3C trace context), sampled, handed on, and sent to a collector over OTLP.

use crate::config;
use anyhow::Context as _;
use http::HeaderMap;
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{TraceContextExt as _, TraceId, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::registry::LookupSpan;

/// How long a collector may take to take spans, and the process to hand over the last ones.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether spans are made at all.
static TRACING: AtomicBool = AtomicBool::new(false);

/// What makes spans and sends them.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Who speaks, for whoever collects.
#[must_use]
pub fn resource() -> Resource {
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    // Of an own name only if `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` do not say.
    let builder = Resource::builder().with_attribute(version);
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some()
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|attributes| attributes.contains("service.name="));
    if named { builder.build() } else { builder.with_service_name("taskgate").build() }
}

impl Traces {
    /// Begins, where a collector is configured.
    pub fn start(settings: &config::Traces) -> anyhow::Result<Option<Self>> {
        let Some(collector) = &settings.otlp else { return Ok(None) };
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(collector).with_timeout(PATIENCE).build();
        // A caller who is traced goes on being traced; of the others, a share.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.ratio)));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_sampler(sampler)
            .with_batch_exporter(exporter.context("configuration key `traces.otlp`")?)
            .build();
        TRACING.store(true, Ordering::Relaxed);
        Ok(Some(Self { tracer: provider.tracer("taskgate"), provider }))
    }

    /// What makes spans.
    pub fn tracer(&self) -> SdkTracer {
        self.tracer.clone()
    }

    /// What makes them of those of `tracing`. Where in the source a span is made helps nobody who reads a trace.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> OpenTelemetryLayer<S, SdkTracer> {
        tracing_opentelemetry::layer()
            .with_tracer(self.tracer())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is left.
    pub async fn stop(self) {
        // It waits for the exporter, which needs this runtime.
        let sent = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(PATIENCE)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}

/// What headers say of the trace a request belongs to.
struct Carried<'a>(&'a HeaderMap);

impl Extractor for Carried<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Whether there are traces at all.
#[must_use]
pub fn are_made() -> bool {
    TRACING.load(Ordering::Relaxed)
}

/// Makes a request's span a part of the trace that its caller is in, and says which trace it is in.
pub fn take_up(span: &Span, headers: &HeaderMap) -> Option<TraceId> {
    let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &Carried(headers));
    // The span is new and not entered, so it takes a parent.
    drop(span.set_parent(caller));
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    (trace != TraceId::INVALID).then_some(trace)
}

/// Whether what is being done is traced, so that details are worth a span.
#[must_use]
pub fn sampled() -> bool {
    sampled_trace().is_some()
}

/// The trace that tells of what is being done, if one does.
#[must_use]
pub fn sampled_trace() -> Option<TraceId> {
    if !are_made() {
        return None;
    }
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_sampled().then(|| span.trace_id())
}

/// What is being done, for another service to go on from: a W3C `traceparent`.
#[must_use]
pub fn traceparent() -> Option<String> {
    if !are_made() {
        return None;
    }
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
}
