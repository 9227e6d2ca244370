//! What the database driver says of each statement, measured: how long it took, and a span of the trace it was
//! run for. Statements carry placeholders, never values.

use opentelemetry::{
    KeyValue,
    trace::{Span as _, SpanBuilder, SpanKind, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;
use std::{
    fmt::Debug,
    sync::OnceLock,
    time::{Duration, SystemTime},
};
use tracing::{
    Dispatch, Event, Subscriber,
    dispatcher::WeakDispatch,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Where the driver speaks of statements.
pub const TARGET: &str = "sqlx::query";

/// The longest statement that is sent with its span, in bytes.
const LONGEST: usize = 2_048;

/// Hears of statements.
pub struct Statements {
    tracer: Option<SdkTracer>,
    dispatch: OnceLock<WeakDispatch>,
}

impl Statements {
    /// Measures statements, and makes spans of them where there are any.
    pub fn new(tracer: Option<SdkTracer>) -> Self {
        Self { tracer, dispatch: OnceLock::new() }
    }
}

/// What is said of one statement.
#[derive(Default)]
struct Statement {
    /// Its first word.
    verb: String,
    /// Its text; empty when that is no longer than the summary.
    text: String,
    seconds: f64,
    rows: u64,
    /// Whether the text is wanted.
    whole: bool,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => {
                value.split_whitespace().next().unwrap_or_default().clone_into(&mut self.verb);
                if self.whole && self.text.is_empty() {
                    value.clone_into(&mut self.text);
                }
            }
            "db.statement" if self.whole && !value.is_empty() => {
                let text = value.trim();
                let end = text.floor_char_boundary(LONGEST);
                text.get(..end).unwrap_or_default().clone_into(&mut self.text);
            }
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.seconds = value;
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Statements {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // Once: there is one subscriber.
        drop(self.dispatch.set(subscriber.downgrade()));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let traced = self.tracer.as_ref().and_then(|tracer| Some((tracer, self.parent(event, &context)?)));
        let mut statement = Statement { whole: traced.is_some(), ..Statement::default() };
        event.record(&mut statement);
        instruments::statement(&statement.verb, statement.seconds);
        if let Some((tracer, parent)) = traced {
            statement.span(tracer, &parent);
        }
    }
}

impl Statements {
    /// What the statement was run for, when that is traced.
    fn parent<S: Subscriber + for<'a> LookupSpan<'a>>(
        &self,
        event: &Event<'_>,
        context: &Context<'_, S>,
    ) -> Option<opentelemetry::Context> {
        use opentelemetry::trace::TraceContextExt as _;
        let span = context.event_span(event)?;
        let dispatch = self.dispatch.get()?.upgrade()?;
        let parent = tracing_opentelemetry::get_otel_context(&span.id(), &dispatch)?;
        parent.span().span_context().is_sampled().then_some(parent)
    }
}

impl Statement {
    /// The span of a statement that is over.
    fn span(self, tracer: &SdkTracer, parent: &opentelemetry::Context) {
        let ended = SystemTime::now();
        let took = Duration::try_from_secs_f64(self.seconds).unwrap_or_default();
        let began = ended.checked_sub(took).unwrap_or(ended);
        let verb = self.verb.to_ascii_uppercase();
        let attributes = [
            KeyValue::new("db.system.name", "postgresql"),
            KeyValue::new("db.operation.name", verb.clone()),
            KeyValue::new("db.query.text", self.text),
            KeyValue::new("db.response.returned_rows", i64::try_from(self.rows).unwrap_or(i64::MAX)),
        ];
        let builder =
            SpanBuilder::from_name(verb).with_kind(SpanKind::Client).with_start_time(began).with_attributes(attributes);
        tracer.build_with_context(builder, parent).end_with_timestamp(ended);
    }
}
