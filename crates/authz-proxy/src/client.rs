//! The HTTP client: so many calls at a time and no more, each with a deadline, none led elsewhere.

use crate::{BadSettings, Settings};
use authz::EngineError;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Client as Http, Response, Url, redirect::Policy};
use secrecy::{ExposeSecret as _, SecretString};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// The largest answer that is read, in bytes: a list of a million ids.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// A connection that has been idle this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// Calls one service. Clones share its connections and its bound.
#[derive(Clone)]
pub struct Client {
    http: Http,
    base: Arc<str>,
    credential: Option<(HeaderName, HeaderValue)>,
    turns: Arc<Semaphore>,
    deadline: Duration,
    traceparent: Option<fn() -> Option<String>>,
}

/// What came back, whole.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client of the service that `settings` name. Nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, BadSettings> {
        // Whoever was first has installed the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let base = settings.endpoint.trim_end_matches('/');
        let url = Url::parse(base).map_err(|_| BadSettings::Endpoint)?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !plain || url.password().is_some() || !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BadSettings::Endpoint);
        }
        let mut http = Http::builder()
            // An answer comes from where the question went, or it is none.
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent("taskgate")
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.concurrency);
        if settings.http2_only {
            http = http.http2_prior_knowledge();
        }
        Ok(Self {
            http: http.build().map_err(BadSettings::Client)?,
            base: base.into(),
            credential: credential(&settings.credential_header, settings.credential.as_ref())?,
            turns: Arc::new(Semaphore::new(settings.concurrency)),
            deadline: settings.timeout,
            traceparent: settings.traceparent,
        })
    }

    /// A client on the same connections whose calls are counted by themselves, and who does not say who it is.
    pub fn aside(&self, concurrency: usize) -> Self {
        Self { credential: None, turns: Arc::new(Semaphore::new(concurrency)), ..self.clone() }
    }

    /// Posts JSON to a path of the service, in the gateway's own name.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Result<Answer, EngineError> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = &self.credential {
            headers.insert(name.clone(), value.clone());
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.send(path, headers, body).await
    }

    /// Posts to a path of the service with these headers. Waiting for a turn counts towards the deadline.
    pub async fn send(&self, path: &str, mut headers: HeaderMap, body: Vec<u8>) -> Result<Answer, EngineError> {
        if let Some(trace) = self.traceparent.and_then(|trace| trace()?.parse().ok()) {
            headers.insert("traceparent", trace);
        }
        let since = Instant::now();
        let call = async {
            let turn = self.turns.acquire().await.map_err(|closed| EngineError::Unavailable(closed.into()))?;
            // A turn may come in the very moment in which there is no time left for it.
            if since.elapsed() >= self.deadline {
                return Err(EngineError::TimedOut);
            }
            let request = self.http.post(format!("{}{path}", self.base)).headers(headers).body(body);
            let answer = whole(request.send().await.map_err(lost)?).await;
            drop(turn);
            answer
        };
        tokio::time::timeout(self.deadline, call).await.unwrap_or(Err(EngineError::TimedOut))
    }
}

/// The header that says who the gateway is.
fn credential(
    header: &str,
    credential: Option<&SecretString>,
) -> Result<Option<(HeaderName, HeaderValue)>, BadSettings> {
    let name = HeaderName::from_bytes(header.as_bytes()).map_err(|_| BadSettings::CredentialHeader)?;
    let Some(credential) = credential.map(SecretString::expose_secret) else { return Ok(None) };
    let value = if name == header::AUTHORIZATION { format!("Bearer {credential}") } else { credential.to_owned() };
    let mut value = HeaderValue::from_str(&value).map_err(|_| BadSettings::Credential)?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

async fn whole(mut response: Response) -> Result<Answer, EngineError> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(lost)? {
        if body.len() + part.len() > MOST_BYTES {
            return Err(EngineError::Malformed(format!("an answer is longer than {MOST_BYTES} bytes")));
        }
        body.extend_from_slice(&part);
    }
    Ok(Answer { status, body: body.into() })
}

/// What a call that brought no answer means.
fn lost(error: reqwest::Error) -> EngineError {
    if error.is_timeout() { EngineError::TimedOut } else { EngineError::Unavailable(error.without_url().into()) }
}
