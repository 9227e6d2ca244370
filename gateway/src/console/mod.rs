//! The console: a page for people, from this binary alone.
//!
//! The page is for anybody, and tells nothing. What it shows, it asks of the two edges, with the token
//! that its reader types: it can do no more than any other client.

mod assets;

use assets::{Asset, PAGE, VERSION};
use axum::{
    Router,
    extract::Path,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// What the page may do: run and show what comes from here, ask here, and nothing else. No text can become
/// a script, and none can become HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The page at `/`, and its assets below `/console/assets/`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(page)).route("/console/assets/{version}/{name}", get(asset))
}

/// The page names its assets by their version, so it is looked at anew each time, and they never are.
async fn page() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (OPENER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (headers, Html(PAGE.as_str())).into_response()
}

async fn asset(Path((version, name)): Path<(String, String)>) -> Response {
    let Some(asset) = Asset::find(&name).filter(|_| version == *VERSION) else {
        return (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")]).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.bytes).into_response()
}
