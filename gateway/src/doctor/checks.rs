//! What doctor looks at, in the order in which a start needs it.

use super::{Finding, State};
use crate::{
    cluster::{self, Cluster},
    config::{Config, StorageChoice},
    engine::{EngineChoice, is_answering},
    failure::chain,
};
use authz_graph::GraphEngine;
use cache_redis::Unwelcome;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr as _, time::Duration};
use store_postgres::SchemaError;
use tokio::{net::TcpStream, time::timeout};

/// How long something may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How far the clocks of gateways and of the database may be apart: beyond the first, what is overdue is seen too
/// early or too late; beyond the second, writes that are under way are taken for abandoned.
const CLOCKS: (f64, f64) = (1.0, 10.0);

/// Looks at everything.
pub async fn all(loaded: anyhow::Result<Config>) -> Vec<Finding> {
    let config = match loaded {
        Ok(config) => config,
        Err(error) => {
            let advice = "correct the key that is named, in the file or in the environment; the README describes each";
            return vec![Finding::failed("configuration", format!("{error:#}"), advice)];
        }
    };
    let mut findings = vec![callers(&config)];
    let (database, found) = database(&config).await;
    findings.push(found);
    if let Some(pool) = &database {
        findings.push(migrations(pool).await);
        findings.push(connections(pool, &config).await);
        findings.push(clock(pool).await);
    }
    findings.extend(engines(&config, database.as_ref()).await);
    if let Some(urls) = &config.redis_url {
        for url in urls.expose_secret().split(',').map(str::trim).filter(|url| !url.is_empty()) {
            findings.push(redis(url).await);
        }
    }
    for (key, address) in [("traces.otlp", &config.traces.otlp), ("metrics.otlp", &config.metrics.otlp)] {
        if let Some(address) = address {
            findings.push(there(key, address, 4317, "start the collector, or correct the key").await);
        }
    }
    findings
}

fn callers(config: &Config) -> Finding {
    match config.check_callers() {
        Ok(()) => Finding::ok("configuration", "every key is known, and somebody can call"),
        Err(error) => {
            Finding::failed("configuration", format!("{error:#}"), "without it `taskgate serve` does not start")
        }
    }
}

/// The database that a gateway would use, and how it is with it. Makes none.
async fn database(config: &Config) -> (Option<PgPool>, Finding) {
    const CHECK: &str = "database";
    let chosen = match (config.storage, &config.database_url) {
        (StorageChoice::Auto | StorageChoice::Url, Some(url)) => PgConnectOptions::from_str(url.expose_secret()),
        (StorageChoice::Auto | StorageChoice::Private, _) => match Cluster::running(&config.data_dir) {
            Some(options) => Ok(options),
            None => return (None, private(config)),
        },
        (StorageChoice::Memory, _) | (StorageChoice::Url, None) => return (None, memory()),
    };
    let options = match chosen {
        Ok(options) => options,
        Err(error) => {
            let advice = "set `database_url` to `postgres://USER:PASSWORD@HOST:PORT/DATABASE`";
            return (None, Finding::failed(CHECK, error.to_string(), advice));
        }
    };
    let whither = format!("{}:{}", options.get_host(), options.get_port());
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_with(options).await;
    let asked = match &pool {
        Ok(pool) => sqlx::query_scalar::<_, String>("SHOW server_version").fetch_one(pool).await,
        Err(error) => {
            let advice = "is it running, is the address right, and do the user, the password and `pg_hba.conf` let the gateway in?";
            return (None, Finding::failed(CHECK, format!("{whither}: {}", chain(error)), advice));
        }
    };
    match asked {
        Ok(version) => (pool.ok(), Finding::ok(CHECK, format!("PostgreSQL {version} answers at {whither}"))),
        Err(error) => {
            (None, Finding::failed(CHECK, chain(&error), "it lets the gateway in and does not answer: look at its log"))
        }
    }
}

fn private(config: &Config) -> Finding {
    const CHECK: &str = "database";
    let folder = config.data_dir.display();
    let binaries = cluster::binaries(config.postgres_bin_dir.as_deref());
    match (binaries, Cluster::exists(&config.data_dir)) {
        (Some(_), true) => Finding::ok(CHECK, format!("a private cluster is in `{folder}`; a gateway starts it")),
        (Some(_), false) => Finding::ok(CHECK, format!("a gateway will make a private cluster in `{folder}`")),
        (None, false) if config.storage == StorageChoice::Auto => memory(),
        (None, _) => {
            let advice = "install PostgreSQL, or set `postgres_bin_dir` to the folder with `initdb` and `postgres`";
            Finding::failed(CHECK, "PostgreSQL is not installed, and storage is a private cluster", advice)
        }
    }
}

fn memory() -> Finding {
    let advice = "set `database_url`, or install PostgreSQL for a private cluster";
    Finding::warning("database", "storage is memory: nothing is kept when the gateway ends", advice)
}

async fn migrations(pool: &PgPool) -> Finding {
    const CHECK: &str = "migrations";
    match store_postgres::check_schema(pool).await {
        Ok(()) => Finding::ok(CHECK, "the schema is this program's"),
        Err(error @ SchemaError::Older { .. }) => {
            Finding::failed(CHECK, error.to_string(), "run `taskgate migrate`; a gateway does so when it starts")
        }
        Err(error @ SchemaError::Newer { .. }) => {
            let advice = "finish the upgrade: a gateway of this version still serves, its commands do not repair";
            Finding::warning(CHECK, error.to_string(), advice)
        }
        Err(error @ SchemaError::Unavailable(_)) => {
            Finding::failed(CHECK, chain(&error), "let the user of `database_url` read the table `_sqlx_migrations`")
        }
    }
}

async fn connections(pool: &PgPool, config: &Config) -> Finding {
    const CHECK: &str = "connections";
    let asked =
        "SELECT current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint";
    let wanted = i64::from(config.database.max_connections) + 1;
    match sqlx::query_scalar::<_, i64>(asked).fetch_one(pool).await {
        Ok(there) if there < wanted => Finding::warning(
            CHECK,
            format!("a gateway may open {wanted}, and the server allows {there}"),
            "lower `database.max_connections`, or raise the server's `max_connections`",
        ),
        Ok(there) => {
            Finding::ok(CHECK, format!("{} gateways of {wanted} each fit into the server's {there}", there / wanted))
        }
        Err(error) => Finding::failed(CHECK, chain(&error), "the database stopped answering: look at its log"),
    }
}

async fn clock(pool: &PgPool) -> Finding {
    const CHECK: &str = "clock";
    let before = Utc::now();
    let theirs = sqlx::query_scalar::<_, DateTime<Utc>>("SELECT clock_timestamp()").fetch_one(pool).await;
    let theirs = match theirs {
        Ok(theirs) => theirs,
        Err(error) => return Finding::failed(CHECK, chain(&error), "the database stopped answering: look at its log"),
    };
    // It was read some time between asking and hearing.
    let ours = before + (Utc::now() - before) / 2;
    let apart = (theirs - ours).as_seconds_f64();
    let found = format!("{:.1} s {} the database's", apart.abs(), if apart > 0.0 { "behind" } else { "ahead of" });
    let advice = "set both machines' clocks from one source (`timedatectl`, chrony)";
    if apart.abs() > CLOCKS.1 {
        Finding::failed(CHECK, found, advice)
    } else if apart.abs() > CLOCKS.0 {
        Finding::warning(CHECK, found, advice)
    } else {
        Finding::ok(CHECK, "agrees with the database's")
    }
}

/// Every engine that is configured, and the schema in it.
async fn engines(config: &Config, database: Option<&PgPool>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(pool) = database {
        findings.push(if is_answering(&GraphEngine::new(pool.clone())).await {
            Finding::ok("engine graph", "answers")
        } else {
            let advice = "it is the table `relationships`: migrate, then look at the database's log";
            Finding::failed("engine graph", "does not answer", advice)
        });
    }
    if config.engine == EngineChoice::Spicedb || config.spicedb.is_configured() {
        findings.extend(spicedb(config).await);
    }
    if config.engine == EngineChoice::Proxy || config.proxy.is_configured() {
        findings.push(proxy(config).await);
    }
    findings
}

async fn spicedb(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "engine spicedb";
    let engine = match config.spicedb.open(false) {
        Ok(engine) => engine,
        Err(error) => return vec![Finding::failed(CHECK, format!("{error:#}"), "set the keys of `[spicedb]`")],
    };
    match engine.compare_schema().await {
        Ok(difference) if difference.is_none() => {
            vec![Finding::ok(CHECK, "answers"), Finding::ok("schema", "SpiceDB's is this version's")]
        }
        Ok(difference) => {
            let lines = difference.missing.len() + difference.foreign.len();
            let found = format!("SpiceDB's differs from this version's in {lines} lines");
            let advice = "read `taskgate schema diff`, then run `taskgate schema write`";
            vec![Finding::ok(CHECK, "answers"), Finding::failed("schema", found, advice)]
        }
        Err(error) => {
            let advice = "is SpiceDB running, and are `spicedb.endpoint` and `spicedb.token` right?";
            vec![Finding::failed(CHECK, chain(&error), advice)]
        }
    }
}

async fn proxy(config: &Config) -> Finding {
    const CHECK: &str = "engine proxy";
    match config.proxy.open() {
        Err(error) => Finding::failed(CHECK, format!("{error:#}"), "set the keys of `[proxy]`"),
        Ok(engine) if is_answering(&engine).await => Finding::ok(CHECK, "answers"),
        Ok(_) => {
            let advice = "is the agentex-auth service running, and are `proxy.endpoint` and `proxy.credential` right?";
            Finding::failed(CHECK, "does not answer, or not as such a service does", advice)
        }
    }
}

/// Whether a Redis is there, and lets a gateway in.
async fn redis(url: &str) -> Finding {
    let advice = "is Redis running, and is `redis_url` right? Until it is, each decision is asked for anew";
    let found = there("redis", url, 6379, advice).await;
    if found.state != State::Ok {
        return found;
    }
    match cache_redis::greet(&url.into(), PATIENCE).await {
        Ok(()) => Finding { found: found.found.replace("something listens", "Redis answers"), ..found },
        Err(error @ Unwelcome::LockedOut(_)) => {
            let advice = "correct the user and the password in `redis_url`; until then each decision is asked for anew";
            Finding::warning("redis", format!("{}: {}", found.found, chain(&error)), advice)
        }
        Err(error @ Unwelcome::Odd(_)) => {
            Finding::warning("redis", format!("{}: {}", found.found, chain(&error)), advice)
        }
    }
}

/// Whether something can be reached without which a gateway does its work all the same, and not as well. Nothing
/// of the address is shown but where it leads: there may be a password in it.
async fn there(check: &'static str, url: &str, usual: u16, advice: &str) -> Finding {
    let uri: Option<http::Uri> = url.parse().ok();
    let place =
        uri.and_then(|uri| Some((uri.host()?.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(usual))));
    let Some((host, port)) = place else { return Finding::failed(check, "the key holds no address", advice) };
    match timeout(PATIENCE, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => Finding::ok(check, format!("something listens at {host}:{port}")),
        Ok(Err(error)) => Finding::warning(check, format!("{host}:{port}: {error}"), advice),
        Err(_) => Finding::warning(check, format!("{host}:{port} does not answer"), advice),
    }
}
