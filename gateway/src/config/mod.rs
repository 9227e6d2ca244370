//! One typed configuration, from defaults, a file, the environment and flags, later ones winning.
//! A key that does not exist, or a value of the wrong form, stops the start and is named.

mod graphql;
mod sections;
mod telemetry;

pub use graphql::GraphQl;
pub use sections::{Database, DualWrite, Routing, Token};
pub use telemetry::{Metrics, Traces};

use crate::{
    Introspection, Limits,
    cache::CacheSection,
    engine::{EngineChoice, ProxySection, SpiceDbSection},
};
use api_keys::Sealer;
use authz::DenialPolicy;
use figment::{
    Figment,
    providers::{Env, Format, Toml},
    value::Value,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where rows are to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StorageChoice {
    /// `url` when a database URL is set, else `private` when `PostgreSQL` is installed, else `memory`.
    #[default]
    Auto,
    /// Nowhere: all is gone with the process.
    Memory,
    /// A `PostgreSQL` cluster of our own in the data folder.
    Private,
    /// The `PostgreSQL` server at the database URL.
    Url,
}

/// What callers are told who may see a thing but not do this to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Denials {
    /// That it does not exist (404).
    #[default]
    Hide,
    /// That it is forbidden (403).
    Split,
}

impl From<Denials> for DenialPolicy {
    fn from(denials: Denials) -> Self {
        match denials {
            Denials::Hide => Self::Hide,
            Denials::Split => Self::Split,
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// For machines.
    Json,
}

/// Everything that can be configured. The README's table describes each key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where a private cluster and the demo's tokens live.
    pub data_dir: PathBuf,
    /// Where rows are kept.
    pub storage: StorageChoice,
    /// The `PostgreSQL` server to use.
    pub database_url: Option<SecretString>,
    /// Where permissions are decided.
    pub engine: EngineChoice,
    /// How `SpiceDB` is spoken to, where it decides.
    pub spicedb: SpiceDbSection,
    /// How an agentex-auth service is spoken to, where it decides or knows callers.
    pub proxy: ProxySection,
    /// Where gateways meet: a Redis server, or nodes of a cluster, with commas between them.
    pub redis_url: Option<SecretString>,
    /// Whether that is a cluster. Several addresses always are.
    pub redis_cluster: bool,
    /// What is kept of decisions.
    pub cache: CacheSection,
    /// Where `initdb` and `postgres` are, instead of looking for them.
    pub postgres_bin_dir: Option<PathBuf>,
    /// Whether to make the demo tenant. By default only when no database URL is set.
    pub demo: Option<bool>,
    /// Where to write what scripts need to use the demo, once it can be used.
    pub demo_file: Option<PathBuf>,
    /// What callers are told who may see a thing but not do this to it.
    pub denials: Denials,
    /// Whose questions about its schema GraphQL answers.
    pub introspection: Introspection,
    /// How long a request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// Who may call.
    pub tokens: Vec<Token>,
    /// What is mixed into all that is kept of API keys, the same at every gateway. With another one, no key is
    /// known any more.
    pub api_key_secret: Option<SecretString>,
    /// How the database is used.
    pub database: Database,
    /// Bounds on requests.
    pub limits: Limits,
    /// How GraphQL is spoken.
    pub graphql: GraphQl,
    /// How rows and relationships are kept in step.
    pub dual_write: DualWrite,
    /// How it is followed which engine answers whom, and what a second one may cost.
    pub routing: Routing,
    /// Where instruments are read and sent.
    pub metrics: Metrics,
    /// Where traces are sent.
    pub traces: Traces,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What is logged, as `tracing` filter directives.
    pub log_filter: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            data_dir: ".taskgate".into(),
            storage: StorageChoice::default(),
            database_url: None,
            engine: EngineChoice::default(),
            spicedb: SpiceDbSection::default(),
            proxy: ProxySection::default(),
            redis_url: None,
            redis_cluster: false,
            cache: CacheSection::default(),
            postgres_bin_dir: None,
            demo: None,
            demo_file: None,
            denials: Denials::default(),
            introspection: Introspection::Everybody,
            request_timeout_ms: 30_000,
            tokens: Vec::new(),
            api_key_secret: None,
            database: Database::default(),
            limits: Limits::default(),
            graphql: GraphQl::default(),
            dual_write: DualWrite::default(),
            routing: Routing::default(),
            metrics: Metrics::default(),
            traces: Traces::default(),
            log_format: LogFormat::default(),
            log_filter: "info,sqlx=warn".to_owned(),
        }
    }
}

const PREFIX: &str = "TASKGATE_";
/// Read when no file is named.
const DEFAULT_FILE: &str = "taskgate.toml";

impl Config {
    /// Reads the configuration: `file` (or `taskgate.toml`, if it is there), then `TASKGATE_…`,
    /// `DATABASE_URL` and `REDIS_URL`, then `flags` as pairs of key and value.
    pub fn load(file: Option<&Path>, flags: Vec<(&'static str, Value)>) -> anyhow::Result<Self> {
        let named = file.unwrap_or_else(|| Path::new(DEFAULT_FILE));
        anyhow::ensure!(
            file.is_none() || named.is_file(),
            "the configuration file `{}` does not exist",
            named.display()
        );
        let mut figment = Figment::new();
        if named.is_file() {
            figment = figment.merge(Toml::file_exact(named));
        }
        figment = figment.merge(Env::raw().only(&["DATABASE_URL", "REDIS_URL"]));
        // `__` leads into a section: TASKGATE_LIMITS__BODY_BYTES. CONFIG is the file itself.
        figment = figment.merge(Env::prefixed(PREFIX).ignore(&["CONFIG"]).split("__"));
        for (key, value) in flags {
            figment = figment.merge((key, value));
        }
        let config: Self = figment.extract().map_err(|error| anyhow::anyhow!("configuration: {error}"))?;
        config.check()?;
        Ok(config)
    }

    /// Whether the demo tenant is to be made.
    #[must_use]
    pub fn wants_demo(&self) -> bool {
        self.demo.unwrap_or(self.database_url.is_none() || self.demo_file.is_some())
    }

    /// Whether storage is the server at the database URL.
    #[must_use]
    pub fn has_url(&self) -> bool {
        matches!(self.storage, StorageChoice::Auto | StorageChoice::Url) && self.database_url.is_some()
    }

    /// How long a request may take.
    #[must_use]
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// What turns API keys into what is kept of them.
    #[must_use]
    pub fn sealer(&self) -> Sealer {
        Sealer::new(self.api_key_secret.as_ref().map_or("", ExposeSecret::expose_secret).as_bytes())
    }

    /// What must hold to serve, and not to migrate: that somebody can call, and nobody finds the demo's
    /// tokens by accident.
    pub fn check_callers(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.wants_demo() || self.demo == Some(true) || self.listen.ip().is_loopback(),
            "configuration key `listen` is {}, where others can reach the demo's tokens: set `demo` to true if they may, or to false",
            self.listen
        );
        anyhow::ensure!(
            self.wants_demo() || !self.tokens.is_empty() || self.proxy.knows_callers(),
            "nobody could call: set configuration key `tokens`, or `demo` to true, or `proxy.endpoint`"
        );
        Ok(())
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.storage != StorageChoice::Url || self.database_url.is_some(),
            "configuration key `storage` is `url`, and `database_url` is not set"
        );
        anyhow::ensure!(self.database.max_connections > 0, "configuration key `database.max_connections` is 0");
        anyhow::ensure!(
            self.api_key_secret.as_ref().is_none_or(|secret| secret.expose_secret().len() >= 32),
            "configuration key `api_key_secret`: a secret has at least 32 bytes"
        );
        self.dual_write.check()?;
        self.metrics.check()?;
        self.traces.check()?;
        self.graphql.check(&self.limits)?;
        self.proxy.check()?;
        self.routing.check()?;
        self.cache.check(self)?;
        for token in &self.tokens {
            token.context()?;
            anyhow::ensure!(
                token.expose().len() >= 16,
                "configuration key `tokens.token`: a token has at least 16 characters"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.toml");
        std::fs::write(&file, toml).unwrap();
        let config = Config::load(Some(&file), vec![]).map_err(|error| error.to_string())?;
        config.check_callers().map(|()| config).map_err(|error| error.to_string())
    }

    #[test]
    fn wrong_keys_and_values_are_named() {
        for (toml, named) in [
            ("listenn = '1.2.3.4:5'", "listenn"),
            ("listen = 'nowhere'", "listen"),
            ("engine = 'oracle'", "engine"),
            ("[spicedb]\nurl = 'x'", "url"),
            ("[proxy]\nurl = 'x'", "url"),
            ("[proxy]\nendpoint = 'nowhere'", "proxy"),
            ("[proxy]\nendpoint = 'http://h'\nacts_as = 'taskgate'", "proxy.acts_as"),
            ("[proxy]\nauthn_cache_ms = 60001", "proxy.authn_cache_ms"),
            ("storage = 'tape'", "storage"),
            ("[limits]\nbody_bites = 1", "body_bites"),
            ("[limits]\nbody_bytes = 'many'", "body_bytes"),
            ("storage = 'url'", "database_url"),
            ("[metrics]\nlisten = 'nowhere'", "listen"),
            ("[metrics]\nrecord = false\nlisten = '127.0.0.1:0'", "metrics.record"),
            ("[metrics]\notlp = 'collector:4317'", "metrics.otlp"),
            ("[metrics]\npush_interval_ms = 0", "metrics.push_interval_ms"),
            ("[traces]\notlp = 'grpc://collector'", "traces.otlp"),
            ("[traces]\nratio = 1.5", "traces.ratio"),
            ("[dual_write]\npatience = 1", "patience"),
            ("[dual_write]\npatience_ms = 32000", "dual_write.patience_ms"),
            ("[dual_write]\nsweep_interval_ms = 0", "dual_write.sweep_interval_ms"),
            ("[dual_write]\ncircuit_failures = 0", "dual_write.circuit_failures"),
            ("introspection = 'strangers'", "introspection"),
            ("[graphql]\nonly_trusted = true", "graphql.trusted_documents"),
            ("[graphql]\nbudget_burst = 19999", "graphql.budget_burst"),
            ("[graphql]\nbudget_per_second = 0", "graphql.budget_per_second"),
            ("[graphql]\nallowed_origins = ['https://a.example/x']", "graphql.allowed_origins"),
            ("[graphql]\nallowed_origins = ['*']", "graphql.allowed_origins"),
            ("[routing]\nrefresh_ms = 0", "routing.refresh_ms"),
            ("[routing]\nshadow_timeout_ms = 0", "routing.shadow_timeout_ms"),
            ("[cache]\nmode = 'redis'", "redis_url"),
            ("[cache]\nttl = 1", "ttl"),
            ("[cache]\nlease_ms = 0", "cache.lease_ms"),
            ("redis_url = 'redis://h'\n[cache]\nmode = 'redis'\nlease_ms = 2501", "dual_write.attempt_timeout_ms"),
            ("[cache]\nprefix = 'a{b}'", "cache.prefix"),
            ("demo = false", "tokens"),
            ("listen = '0.0.0.0:1'", "listen"),
            ("[[tokens]]\ntoken = '0123456789abcdef'\nprincipal = 'alice'\ntenant = 't'", "tokens.principal"),
            ("api_key_secret = 'short'", "api_key_secret"),
            ("[[tokens]]\ntoken = 'short'\nprincipal = 'user:alice'\ntenant = 't'", "tokens.token"),
        ] {
            let error = load(toml).unwrap_err();
            assert!(error.contains(named), "{toml}: {error}");
        }
    }

    #[test]
    fn a_write_may_wait_for_a_lease_where_there_are_leases() {
        let refused = |toml: &str| load(&format!("redis_url = 'redis://h'\n{toml}")).err();
        let elsewhere = "[spicedb]\nendpoint = 'http://h'";
        for (toml, named) in [
            (format!("{elsewhere}\n[cache]\nlease_ms = 3000"), true),
            (format!("{elsewhere}\n[dual_write]\nattempt_timeout_ms = 3999"), true),
            ("[cache]\nmode = 'redis'\nlease_ms = 3000".to_owned(), true),
            (elsewhere.to_owned(), false),
            (format!("{elsewhere}\n[cache]\nlease_ms = 2500"), false),
            ("[cache]\nlease_ms = 30000".to_owned(), false),
            ("[cache]\nmode = 'process'\nlease_ms = 30000".to_owned(), false),
        ] {
            let both = ["`cache.lease_ms`", "`dual_write.attempt_timeout_ms`"];
            let error = refused(&toml);
            assert_eq!(error.is_some(), named, "{toml}: {error:?}");
            assert!(error.is_none_or(|error| both.iter().all(|key| error.contains(key))), "{toml}");
        }
    }

    #[test]
    fn introspection_is_for_all_for_operators_or_for_nobody() {
        let of = |word: &str| load(&format!("introspection = {word}\ndemo = true")).unwrap().introspection;
        let found = ["true", "'operators'", "false"].map(of);
        assert_eq!(found, [Introspection::Everybody, Introspection::Operators, Introspection::Nobody]);
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.toml");
        std::fs::write(&file, "storage = 'memory'\ndenials = 'split'").unwrap();
        let config = Config::load(Some(&file), vec![("storage", "private".into())]).unwrap();
        assert_eq!((config.storage, config.denials), (StorageChoice::Private, Denials::Split));
    }

    #[test]
    fn secrets_do_not_print() {
        let secrets = "database_url = 'postgres://u:hunter2@h/d'\napi_key_secret = 'hunter2-hunter2-hunter2-hunter2-'";
        let config = load(&format!("{secrets}\ndemo = true")).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
