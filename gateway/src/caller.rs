//! From a request's headers to its gate.

use crate::{App, Failure};
use authz::Gate;
use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request};
use identity::{Credential, Unresolved};
use std::sync::Arc;

/// The gate of whoever sent the request. A handler that takes it cannot be reached without a credential.
pub struct Caller(pub Gate);

/// The headers of which the first that is there decides alone: agentex SDKs send an agent's key in the one, and
/// a placeholder bearer beside the other.
const API_KEYS: [&str; 2] = ["x-agent-api-key", "x-api-key"];

fn credential(headers: &HeaderMap) -> Option<Credential> {
    if let Some(key) = API_KEYS.into_iter().find_map(|name| headers.get(name)) {
        return key.to_str().ok().map(Credential::token);
    }
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Credential::token(token.trim()))
}

impl Caller {
    /// The gate of whoever sent these headers.
    pub async fn of(headers: &HeaderMap, app: &App) -> Result<Self, Failure> {
        let credential = credential(headers).ok_or(Failure::Unauthenticated)?;
        match app.resolver.resolve(&credential).await {
            Ok(context) => Ok(Self(app.gate(&context))),
            Err(Unresolved::Unknown) => Err(Failure::Unauthenticated),
            Err(error @ Unresolved::Unavailable(_)) => Err(Failure::unavailable(Arc::new(error))),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, Failure> {
        Self::of(&parts.headers, app).await
    }
}
