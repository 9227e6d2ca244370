//! The decision cache around the engine: whether there is one, and of what kind.

use crate::config::Config;
use anyhow::Context as _;
use async_trait::async_trait;
use authz::{Authorizer, ConsistencyToken, EngineError};
use authz_router::EngineName;
use authz_spicedb::{Change, Follower};
use cache_redis::{DecisionCache, Redis, Settings};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Where decisions are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// `redis` when a Redis is configured and the engine is elsewhere, else `off`.
    #[default]
    Auto,
    /// Nowhere.
    Off,
    /// In the process, where one gateway is all there is.
    Process,
    /// In the process, and in Redis.
    Redis,
}

/// How decisions are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSection {
    /// Where.
    pub mode: CacheMode,
    /// How old a decision may be that is changed behind the gateways' back, in milliseconds.
    pub staleness_ms: u64,
    /// How many are kept in the process.
    pub entries: u64,
    /// How long a gateway that hangs delays those who write, in milliseconds. The same at every gateway.
    pub lease_ms: u64,
    /// How long a request waits for Redis before the engine is asked, in milliseconds.
    pub deadline_ms: u64,
    /// What every key in Redis begins with.
    pub prefix: String,
}

impl Default for CacheSection {
    fn default() -> Self {
        Self {
            mode: CacheMode::Auto,
            staleness_ms: 30_000,
            entries: 200_000,
            lease_ms: 2_000,
            deadline_ms: 50,
            prefix: "taskgate".to_owned(),
        }
    }
}

impl CacheSection {
    /// What must hold of a cache that is used.
    pub(crate) fn check(&self, config: &Config) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.mode != CacheMode::Redis || config.redis_url.is_some(),
            "configuration key `cache.mode` is `redis`, and `redis_url` is not set"
        );
        // A lease is renewed four times, and a millisecond has no quarter.
        anyhow::ensure!((100..=30_000).contains(&self.lease_ms), "configuration key `cache.lease_ms` is 100 to 30000");
        let attempt = config.dual_write.attempt_timeout_ms;
        anyhow::ensure!(
            !self.has_leases(config) || self.lease_ms <= attempt / 2,
            "configuration key `cache.lease_ms` is {}, more than half of `dual_write.attempt_timeout_ms`, which is {attempt}: \
             a write to the engine waits for a lease, or two",
            self.lease_ms
        );
        anyhow::ensure!(self.staleness_ms > 0, "configuration key `cache.staleness_ms` is 0");
        anyhow::ensure!(self.deadline_ms > 0, "configuration key `cache.deadline_ms` is 0");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        anyhow::ensure!(
            !self.prefix.is_empty() && self.prefix.chars().all(plain),
            "configuration key `cache.prefix` is letters, digits, `-`, `_`, `.` and `:`"
        );
        Ok(())
    }

    /// Whether gateways may have to wait for each other: some engine's decisions are shared.
    fn has_leases(&self, config: &Config) -> bool {
        let spicedb = config.spicedb.is_configured().then_some(EngineName::SPICEDB);
        let proxy = config.proxy.is_configured().then_some(EngineName::PROXY);
        let mut engines = [Some(EngineName::GRAPH), spicedb, proxy].into_iter().flatten();
        engines.any(|engine| self.mode(config, &engine) == CacheMode::Redis)
    }

    /// Where the decisions of an engine are kept, with nothing left open.
    fn mode(&self, config: &Config, engine: &EngineName) -> CacheMode {
        match self.mode {
            CacheMode::Auto if config.redis_url.is_some() && *engine != EngineName::GRAPH => CacheMode::Redis,
            CacheMode::Auto => CacheMode::Off,
            mode @ (CacheMode::Off | CacheMode::Process | CacheMode::Redis) => mode,
        }
    }

    /// Whether the engine may answer reads from a moment ago: somebody remembers what was written since.
    pub(crate) fn keeps(&self, config: &Config, engine: &EngineName) -> bool {
        self.mode(config, engine) != CacheMode::Off
    }

    fn redis(&self, config: &Config, engine: &EngineName) -> anyhow::Result<Redis> {
        let urls = config.redis_url.as_ref().context("configuration key `redis_url` is not set")?;
        let urls: Vec<SecretString> =
            urls.expose_secret().split(',').map(str::trim).filter(|url| !url.is_empty()).map(Into::into).collect();
        Ok(Redis {
            cluster: config.redis_cluster || urls.len() > 1,
            urls,
            // Each engine's changes are its own.
            prefix: format!("{}:{engine}", self.prefix),
            lease: Duration::from_millis(self.lease_ms),
            deadline: Duration::from_millis(self.deadline_ms),
        })
    }
}

/// The configured cache around an engine; none when there is to be none.
pub fn around(
    engine: &Arc<dyn Authorizer>,
    name: &EngineName,
    config: &Config,
) -> anyhow::Result<Option<Arc<DecisionCache>>> {
    let section = &config.cache;
    let settings = Settings {
        engine: name.to_string(),
        staleness: Duration::from_millis(section.staleness_ms),
        entries: section.entries,
        window: Duration::from_millis(config.spicedb.staleness_ms),
    };
    let cache = match section.mode(config, name) {
        CacheMode::Auto | CacheMode::Off => return Ok(None),
        CacheMode::Process => DecisionCache::in_process(Arc::clone(engine), &settings),
        CacheMode::Redis => DecisionCache::shared(Arc::clone(engine), &settings, &section.redis(config, name)?)
            .context("configuration key `redis_url`")?,
    };
    Ok(Some(Arc::new(cache)))
}

/// Has a cache told of what others change in `SpiceDB`, past all gateways.
#[must_use]
pub fn told_of(cache: Arc<DecisionCache>) -> Arc<dyn Follower> {
    Arc::new(Told(cache))
}

struct Told(Arc<DecisionCache>);

#[async_trait]
impl Follower for Told {
    async fn changed(&self, changes: &[Change], through: &ConsistencyToken) {
        let edges: Vec<_> = changes.iter().map(|change| change.relationship.clone()).collect();
        self.0.forget(&edges, through.clone()).await;
    }

    async fn missed(&self) {
        self.0.forget_everything().await;
    }

    async fn interrupted(&self, error: &EngineError) {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "SpiceDB does not tell of changes: those that others make are seen within `cache.staleness_ms`"
        );
    }
}

/// What readiness says of it. Without Redis a gateway is slower, and ready.
#[must_use]
pub fn health(caches: &[Arc<DecisionCache>]) -> Value {
    let Some(first) = caches.first() else { return json!({ "kind": "off", "status": "ok" }) };
    let answers = caches.iter().all(|cache| cache.answers());
    json!({ "kind": first.kind(), "status": if answers { "ok" } else { "unavailable" } })
}
