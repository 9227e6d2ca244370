//! Whether what is being done belongs to a trace.
//!
//! A span costs whoever is in it each time it is entered and left, which is each time a future is polled: a row of an
//! answer of the database is enough. So what is done for requests that nobody traces is done in no span but theirs.

use tracing::{Span, dispatcher};

/// Where the span of a request comes from that is in the log only, since nobody traces the request.
pub const UNTRACED: &str = "gateway::request::untraced";

/// Whether what is being done belongs to a trace. Who is about to make a span asks this first: one that every layer
/// declines is made all the same, entered and left, and closed.
#[must_use]
pub fn in_trace() -> bool {
    // Not `Span::current`, which holds on to the span and lets go of it again.
    dispatcher::get_default(|dispatch| {
        dispatch.current_span().metadata().is_some_and(|metadata| metadata.target() != UNTRACED)
    })
}

/// The span of what is being done, where it belongs to a trace; otherwise none.
#[must_use]
pub fn span() -> Span {
    if in_trace() { Span::current() } else { Span::none() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::{Level, error_span};

    #[test]
    fn a_request_that_nobody_traces_lends_its_span_to_nothing() {
        let all = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(std::io::sink).finish();
        tracing::subscriber::with_default(all, || {
            assert!(!in_trace() && span().is_none(), "nobody's");
            error_span!(target: UNTRACED, "request").in_scope(|| assert!(!in_trace() && span().is_none()));
            let request = error_span!("request");
            request.in_scope(|| {
                assert!(in_trace() && span() == request);
                error_span!("engine").in_scope(|| assert!(in_trace()));
            });
        });
    }
}
