//! What belongs to a trace, and what does not.

use tracing::dispatcher;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::asks_redis;
    use tracing::Level;

    #[test]
    fn only_what_belongs_to_a_trace_gets_spans() {
        let all = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(std::io::sink).finish();
        tracing::subscriber::with_default(all, || {
            assert!(!in_trace() && asks_redis("GET").is_none(), "asked on nobody's behalf");
            tracing::error_span!(target: UNTRACED, "request").in_scope(|| {
                assert!(!in_trace() && asks_redis("GET").is_none());
            });
            tracing::error_span!("request").in_scope(|| {
                assert!(in_trace() && !asks_redis("GET").is_disabled());
                asks_redis("GET").in_scope(|| assert!(in_trace()));
            });
        });
    }
}
