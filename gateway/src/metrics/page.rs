//! The live page: what this gateway counts, drawn in a browser, from this binary alone.
//!
//! The page is for anybody, and tells nothing. The series that it draws are for operators, whose token its
//! reader types; to anybody else who is known they are not there.

use super::{for_operators, reader::Reader};
use crate::App;
use axum::{
    Router,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::{HeaderName, HeaderValue, header};

/// Scripts and styles run from here only, and nothing is asked of any other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// What every answer says of itself: it may change with the next version.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// `/console/metrics`, and what it draws.
pub fn router(app: App, reader: Reader) -> Router {
    let file = |media: &'static str, text: &'static str| {
        get(async move || (HEADERS, [(header::CONTENT_TYPE, HeaderValue::from_static(media))], text))
    };
    Router::new()
        .route("/console/metrics", get(page))
        .route("/console/metrics/metrics.js", file(SCRIPT, include_str!("../../assets/metrics/metrics.js")))
        .route("/console/metrics/chart.js", file(SCRIPT, include_str!("../../assets/metrics/chart.js")))
        .route("/console/metrics/read.js", file(SCRIPT, include_str!("../../assets/metrics/read.js")))
        .route("/console/metrics/metrics.css", file(STYLE, include_str!("../../assets/metrics/metrics.css")))
        .route("/console/metrics/series", get(for_operators))
        .with_state((app, reader))
}

async fn page() -> Response {
    (HEADERS, Html(include_str!("../../assets/metrics/page.html"))).into_response()
}
