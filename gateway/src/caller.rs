//! From a request's headers to its gate.

use crate::{App, Failure, freshness};
use authz::Gate;
use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request};
use identity::{AuthContext, Credential, Unresolved};
use std::sync::Arc;

/// The gate of whoever sent the request. A handler that takes it cannot be reached without a credential.
pub struct Caller(pub Gate);

/// The headers of which the first that is there decides alone: agentex SDKs send an agent's key in the one, and
/// a placeholder bearer beside the other.
const API_KEYS: [&str; 2] = ["x-agent-api-key", "x-api-key"];

fn token(headers: &HeaderMap) -> Option<String> {
    if let Some(key) = API_KEYS.into_iter().find_map(|name| headers.get(name)) {
        return key.to_str().ok().map(str::to_owned);
    }
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

impl Caller {
    /// The gate of whoever sent these headers.
    pub async fn of(headers: &HeaderMap, app: &App) -> Result<Self, Failure> {
        let context = resolve(headers, app).await?;
        Ok(Self(freshness::heeded(app.gate(&context), headers)?))
    }
}

/// Who sent these headers.
pub async fn resolve(headers: &HeaderMap, app: &App) -> Result<AuthContext, Failure> {
    let credential = Credential::of_request(token(headers), headers.clone());
    app.resolver.resolve(&credential).await.map_err(|unresolved| match unresolved {
        Unresolved::Unknown => Failure::Unauthenticated,
        Unresolved::Unavailable(_) => Failure::unavailable(Arc::new(unresolved)),
    })
}

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, Failure> {
        Self::of(&parts.headers, app).await
    }
}
