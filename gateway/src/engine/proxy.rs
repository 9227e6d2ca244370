//! The agentex-auth service as the engine, and as the one who knows callers: how it is configured.

use crate::telemetry;
use anyhow::Context as _;
use authz::{EngineError, Kind, Known, RegistrationScan};
use authz_proxy::{AuthnResolver, AuthzProxy, Settings};
use secrecy::SecretString;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// How the service is spoken to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxySection {
    /// Its address: `http://` or `https://`, and a path before `/v1` if there is one.
    pub endpoint: Option<String>,
    /// What says who the gateway is, if the service wants to know.
    pub credential: Option<SecretString>,
    /// The header it goes in.
    pub credential_header: String,
    /// How long one call may take, in milliseconds, waiting for its turn included.
    pub timeout_ms: u64,
    /// How long it may take to connect, in milliseconds.
    pub connect_timeout_ms: u64,
    /// The most calls under way at a time.
    pub concurrency: usize,
    /// The most calls of one batch under way at a time.
    pub batch: usize,
    /// Speak HTTP/2 over plain HTTP, too, and over nothing else.
    pub http2_only: bool,
    /// Whether a 200 to a check is a yes although it does not say `allowed`.
    pub bare_ok: bool,
    /// In whose name relationships are removed: `service_account:ID`.
    pub acts_as: String,
    /// Whether the service is asked who is calling, wherever permissions are decided.
    pub authn: bool,
    /// How long what it said of a caller holds, in milliseconds.
    pub authn_cache_ms: u64,
}

impl Default for ProxySection {
    fn default() -> Self {
        let usual = Settings::new("");
        Self {
            endpoint: None,
            credential: None,
            credential_header: usual.credential_header,
            timeout_ms: 2_000,
            connect_timeout_ms: 1_000,
            concurrency: usual.concurrency,
            batch: usual.batch,
            http2_only: usual.http2_only,
            bare_ok: usual.bare_ok,
            acts_as: usual.acts_as.to_string(),
            authn: true,
            authn_cache_ms: 5_000,
        }
    }
}

impl ProxySection {
    /// The engine. Nothing is sent yet.
    pub(crate) fn open(&self) -> anyhow::Result<AuthzProxy> {
        let endpoint = self.endpoint.clone().context("configuration key `proxy.endpoint` is not set")?;
        let acts_as =
            self.acts_as.parse().with_context(|| format!("configuration key `proxy.acts_as`: `{}`", self.acts_as))?;
        let settings = Settings {
            endpoint,
            credential: self.credential.clone(),
            credential_header: self.credential_header.clone(),
            timeout: Duration::from_millis(self.timeout_ms),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            concurrency: self.concurrency,
            batch: self.batch,
            http2_only: self.http2_only,
            bare_ok: self.bare_ok,
            acts_as,
            traceparent: Some(telemetry::traceparent),
        };
        AuthzProxy::new(settings).context("configuration key `proxy`")
    }

    /// Whether there is an address to speak to.
    pub(crate) const fn is_configured(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Whether callers are the service's to know.
    #[must_use]
    pub const fn knows_callers(&self) -> bool {
        self.authn && self.endpoint.is_some()
    }

    /// What knows callers, if it is asked.
    pub fn resolver(&self) -> anyhow::Result<Option<AuthnResolver>> {
        let cached = Duration::from_millis(self.authn_cache_ms);
        self.knows_callers().then(|| self.open().map(|proxy| proxy.resolver(cached))).transpose()
    }

    /// What must hold of the section, whether it is used or not.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.authn_cache_ms <= 60_000,
            "configuration key `proxy.authn_cache_ms` is {}, and callers are asked about at least once a minute",
            self.authn_cache_ms
        );
        if self.endpoint.is_some() { self.open().map(drop) } else { Ok(()) }
    }
}

/// The service does not say what it has heard of.
pub(super) struct Untold;

#[async_trait::async_trait]
impl RegistrationScan for Untold {
    async fn page(&self, _: Kind, _: Option<&str>, _: u32) -> Result<Vec<Known>, EngineError> {
        Err(EngineError::Malformed(
            "relationships in the authorization service cannot be compared with rows".to_owned(),
        ))
    }

    async fn known(&self, kind: Kind, _: &[Arc<str>]) -> Result<Vec<Known>, EngineError> {
        self.page(kind, None, 0).await
    }
}
