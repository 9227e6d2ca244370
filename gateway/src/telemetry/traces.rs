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
use std::{sync::OnceLock, time::Duration};
use traced::UNTRACED;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::{layer, registry::LookupSpan};

/// How long a collector may take to take spans, and the process to hand over the last ones.
const PATIENCE: Duration = Duration::from_secs(3);

/// The share of requests that are traced, of those that no trace leads to; none where nothing is traced.
static SHARE: OnceLock<f64> = OnceLock::new();

/// Where the span of a request comes from that is traced.
pub const REQUEST: &str = "gateway::request::traced";

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
        // Which share of the others is traced has been decided before their spans are made.
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_sampler(sampler)
            .with_batch_exporter(exporter.context("configuration key `traces.otlp`")?)
            .build();
        SHARE.get_or_init(|| settings.ratio);
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
            // Nothing here asks OpenTelemetry what is being done, only `tracing`.
            .with_context_activation(false)
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
    SHARE.get().is_some()
}

/// Whether to trace a request, and what its caller says of the trace it is a part of. A caller who is in a trace stays in
/// it, and has said whether it is kept; of the others a share is traced. The rest have no spans, which would cost them
/// more than all that is counted of them.
pub fn take_up(headers: &HeaderMap) -> Option<Context> {
    let share = SHARE.get()?;
    if headers.contains_key("traceparent") {
        let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &Carried(headers));
        if caller.span().span_context().is_valid() {
            return Some(caller);
        }
    }
    (rand::random::<f64>() < *share).then(Context::new)
}

/// Makes a request's span a part of the trace that its caller is in, and says which trace it is in.
pub fn join(span: &Span, caller: Context) -> Option<TraceId> {
    // The span is new and not entered, so it takes a parent.
    drop(span.set_parent(caller));
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    (trace != TraceId::INVALID).then_some(trace)
}

/// Whether something is a span of a trace: that of a request that is traced, and all that is done for it.
pub fn belongs<S: Subscriber + for<'a> LookupSpan<'a>>(what: &Metadata<'_>, within: &layer::Context<'_, S>) -> bool {
    may_belong(what) && (what.target() == REQUEST || within.lookup_current().is_some())
}

/// Whether something may be one.
pub fn may_belong(what: &Metadata<'_>) -> bool {
    let ours =
        |of: &str| what.target() == of || what.target().strip_prefix(of).is_some_and(|rest| rest.starts_with("::"));
    what.is_span() && what.target() != UNTRACED && (ours("gateway") || ours("instruments"))
}

/// The context of what is being done, if it is a part of a trace.
fn current() -> Option<Context> {
    (are_made() && traced::in_trace()).then(|| Span::current().context())
}

/// Whether what is being done is traced, so that details are worth a span.
#[must_use]
pub fn sampled() -> bool {
    sampled_trace().is_some()
}

/// The trace that tells of what is being done, if one does.
#[must_use]
pub fn sampled_trace() -> Option<TraceId> {
    let context = current()?;
    let span = context.span();
    let span = span.span_context();
    span.is_sampled().then(|| span.trace_id())
}

/// What is being done, for another service to go on from: a W3C `traceparent`. Of a request that is not traced it says
/// that, lest the other service begins a trace of its own.
#[must_use]
pub fn traceparent() -> Option<String> {
    if !are_made() || Span::current().is_none() {
        return None;
    }
    let Some(context) = current() else {
        // Neither is zero but once in longer than anything lasts.
        return Some(format!("00-{:032x}-{:016x}-00", rand::random::<u128>(), rand::random::<u64>()));
    };
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    use tracing::span;
    use tracing_subscriber::{Layer, Registry, filter::LevelFilter, layer::SubscriberExt as _};

    /// Counts the spans it is shown.
    #[derive(Clone, Default)]
    struct Shown(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Shown {
        fn on_new_span(&self, _: &span::Attributes<'_>, _: &span::Id, _: layer::Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_belongs_to_no_trace_is_not_shown_to_whoever_sends_traces() {
        let shown = Shown::default();
        let log = tracing_subscriber::fmt::layer().with_writer(std::io::sink).with_filter(LevelFilter::INFO);
        let subscriber = Registry::default().with(log).with(shown.clone().with_filter(crate::telemetry::spans()));
        tracing::subscriber::with_default(subscriber, || {
            let request = tracing::error_span!(target: UNTRACED, "request");
            request.in_scope(|| tracing::debug_span!("engine").in_scope(|| tracing::debug_span!("statement")));
            assert_eq!(shown.0.load(Ordering::Relaxed), 0);
            let request = tracing::error_span!(target: REQUEST, "request");
            request.in_scope(|| tracing::debug_span!("engine").in_scope(|| tracing::debug_span!("statement")));
            assert_eq!(shown.0.load(Ordering::Relaxed), 3);
            drop(tracing::debug_span!("nobodys"));
            assert_eq!(shown.0.load(Ordering::Relaxed), 3, "it belongs to no request");
        });
    }
}
