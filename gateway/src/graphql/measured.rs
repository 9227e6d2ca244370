//! The execution of an operation, counted, timed and in a span of its own.

use async_graphql::Response;
use instruments::{Executed, Executing};
use tracing::{Instrument as _, Span, field::Empty};

/// The span of an operation, where it belongs to a trace.
fn span(word: &str, trusted: Option<&str>) -> Span {
    if !traced::in_trace() {
        return Span::none();
    }
    tracing::debug_span!(
        "graphql",
        otel.name = trusted.map_or_else(|| word.to_owned(), |name| format!("{word} {name}")),
        graphql.operation.r#type = word,
        graphql.operation.name = trusted,
        otel.status_code = Empty,
    )
}

/// Executes an operation that is a `word`: `query`, `mutation` or `subscription`. Its name is told apart where the
/// deployment trusts the document; a caller could make up any other.
pub async fn execute(word: &'static str, trusted: Option<&str>, operation: impl Future<Output = Response>) -> Response {
    let executing = Executing::begin(trusted);
    let span = span(word, trusted);
    let response = operation.instrument(span.clone()).await;
    let unexecuted = response.errors.iter().any(|error| error.path.is_empty());
    executing.end(match (unexecuted, response.errors.is_empty()) {
        (true, _) => Executed::Refused,
        (false, false) => Executed::Partly,
        (false, true) => Executed::Done,
    });
    if !response.errors.is_empty() {
        span.record("otel.status_code", "ERROR");
    }
    response
}
