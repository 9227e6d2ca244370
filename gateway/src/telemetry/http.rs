//! What every request gets, whichever edge it is for: an id, a span, and a place in the counts.

use super::traces;
use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use instruments::Answering;
use tracing::{Instrument as _, Span, field::Empty};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a caller, in bytes.
const LONGEST: usize = 128;

/// The id that a caller gives its request, if it is one that can stand in a log as it is.
fn given(request: &Request) -> Option<HeaderValue> {
    let id = request.headers().get(REQUEST_ID)?;
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (id.len() <= LONGEST && !id.is_empty() && id.as_bytes().iter().all(fine)).then(|| id.clone())
}

/// A method that there is; of others there is no end.
fn known(method: &Method) -> &str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    if KNOWN.contains(method) { method.as_str() } else { "_OTHER" }
}

/// A request's span: nothing of its headers but its id, nothing of its query and its body. Whatever is logged
/// within shows it, so it is not left out before the last error is. Of a request that is not traced it is in the log only.
fn span(request: &Request, id: &str, route: Option<&str>) -> Span {
    let (method, path) = (known(request.method()), request.uri().path());
    let Some(caller) = traces::take_up(request.headers()) else {
        return tracing::error_span!(
            target: traced::UNTRACED,
            "request",
            request.id = id,
            http.request.method = method,
            url.path = path,
            http.response.status_code = Empty,
        );
    };
    let span = tracing::error_span!(
        target: traces::REQUEST,
        "request",
        request.id = id,
        http.request.method = method,
        url.path = path,
        trace_id = Empty,
        http.route = Empty,
        http.response.status_code = Empty,
        otel.kind = "server",
        otel.name = Empty,
        otel.status_code = Empty,
    );
    // Before the span is in a trace, since what it is then called stays.
    span.record("otel.name", route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}")));
    if let Some(route) = route {
        span.record("http.route", route);
    }
    if let Some(trace) = traces::join(&span, caller) {
        span.record("trace_id", trace.to_string());
    }
    span
}

/// Answers a request under its id and in its span, and counts it.
pub async fn measured(mut request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(|| {
        let id = Uuid::new_v4().to_string();
        // Hexadecimal digits and hyphens can stand in a header.
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
    });
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let span = span(&request, id.to_str().unwrap_or_default(), route);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut answering = Answering::begin(request.method().as_str(), route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    answering.answered(status.as_u16());
    span.record("http.response.status_code", status.as_u16());
    if status >= StatusCode::INTERNAL_SERVER_ERROR {
        span.record("otel.status_code", "ERROR");
    }
    // What is counted may point to the trace.
    span.in_scope(|| drop(answering));
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_forge_a_line_of_the_log_is_not_taken() {
        let with = |id: &[u8]| {
            let id = HeaderValue::from_bytes(id).unwrap();
            given(&Request::builder().header(REQUEST_ID, id).body(axum::body::Body::empty()).unwrap()).is_some()
        };
        assert!(with(b"5f0c1f8e-6d1e-4a53-9e1c-0b2f3f9a4c11") && with(b"gw:42/retry+1="));
        for id in [&b"a b"[..], b"", b"x\tlevel=ERROR", b"\"}", b"\xff\xfe", &[b'a'; LONGEST + 1]] {
            assert!(!with(id), "{}", String::from_utf8_lossy(id));
        }
    }
}
