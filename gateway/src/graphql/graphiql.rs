//! GraphiQL, from this binary alone: no other host is asked for anything.
//!
//! The page is for anybody; what it asks, it asks with the token that its reader types.

use axum::{
    Router,
    extract::Path,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

const PAGE: &str = include_str!("../../assets/graphiql/page.html");

/// Scripts run from here only, and nothing is asked of any other host. GraphiQL sets styles on elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
struct File {
    name: &'static str,
    media: &'static str,
    /// Whether the bytes are gzip's.
    packed: bool,
    bytes: &'static [u8],
}

const fn packed(name: &'static str, media: &'static str, bytes: &'static [u8]) -> File {
    File { name, media, packed: true, bytes }
}

const FILES: &[File] = &[
    packed("react.js", "text/javascript", include_bytes!("../../assets/graphiql/react.js.gz")),
    packed("react-dom.js", "text/javascript", include_bytes!("../../assets/graphiql/react-dom.js.gz")),
    packed("graphiql.js", "text/javascript", include_bytes!("../../assets/graphiql/graphiql.js.gz")),
    packed("graphiql.css", "text/css", include_bytes!("../../assets/graphiql/graphiql.css.gz")),
    File {
        name: "start.js",
        media: "text/javascript; charset=utf-8",
        packed: false,
        bytes: include_bytes!("../../assets/graphiql/start.js"),
    },
];

pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/graphiql", get(page)).route("/graphiql/{file}", get(file))
}

/// Whether a browser asks for a page.
pub fn wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split([',', ';']).any(|range| range.trim().eq_ignore_ascii_case("text/html"))
}

/// The page.
pub async fn page() -> Response {
    let mut response = Html(PAGE).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn file(Path(name): Path<String>) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, file.media),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let mut response = (headers, file.bytes).into_response();
    if file.packed {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
