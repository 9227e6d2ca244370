//! Where rows and relationships are kept: the choice, and the adapters behind it.

use crate::{
    Stores, cluster,
    cluster::Cluster,
    config::{Config, StorageChoice},
};
use anyhow::Context as _;
use authz::Authorizer;
use authz_graph::{GraphEngine, MemoryGraph};
use dual_write::{Ledger, SwitchStore};
use secrecy::ExposeSecret as _;
use sqlx::{
    Executor as _,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};
use std::{str::FromStr as _, sync::Arc, time::Duration};
use store_memory::MemoryStore;
use store_postgres::PgStore;

/// A connection that has been idle this long is tried before it is used again.
const STALE: Duration = Duration::from_secs(1);

/// Open storage.
pub struct Storage {
    /// Where rows are kept.
    pub stores: Stores,
    /// Where dual writes are noted, beside the rows.
    pub ledger: Arc<dyn Ledger>,
    /// Where dual writes are switched.
    pub switches: Arc<dyn SwitchStore>,
    /// Where permissions are decided.
    pub engine: Arc<dyn Authorizer>,
    /// What kind it is, and whether it answers.
    pub health: Health,
    cluster: Option<Cluster>,
}

/// What readiness asks of storage.
#[derive(Clone)]
pub struct Health {
    /// What kind it is, for people to read.
    pub kind: &'static str,
    pool: Option<PgPool>,
}

impl Health {
    /// Whether storage answers now.
    pub async fn answers(&self) -> bool {
        let Some(pool) = &self.pool else { return true };
        let asked = tokio::time::timeout(Duration::from_secs(2), pool.execute("SELECT 1")).await;
        matches!(asked, Ok(Ok(_)))
    }
}

impl Storage {
    /// Opens what the configuration asks for, with its schema up to date.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let binaries = cluster::binaries(config.postgres_bin_dir.as_deref());
        match (config.storage, &config.database_url, binaries) {
            (StorageChoice::Auto | StorageChoice::Url, Some(url), _) => {
                let url = url.expose_secret();
                // sqlx takes whatever scheme there is.
                let ours = url.starts_with("postgres://") || url.starts_with("postgresql://");
                anyhow::ensure!(ours, "configuration key `database_url` is not a PostgreSQL URL");
                let options = PgConnectOptions::from_str(url)
                    .context("configuration key `database_url` is not a PostgreSQL URL")?;
                Self::postgres(config, options, "postgres", None).await
            }
            (StorageChoice::Auto | StorageChoice::Private, _, Some(binaries)) => {
                let cluster = Cluster::start(&config.data_dir, &binaries).await?;
                let options = cluster.options().clone();
                Self::postgres(config, options, "postgres (private cluster)", Some(cluster)).await
            }
            (StorageChoice::Private, _, None) => anyhow::bail!(
                "configuration key `storage` is `private`, and no `initdb` and `postgres` were found; install PostgreSQL or set `postgres_bin_dir`"
            ),
            (StorageChoice::Url, None, _) => {
                anyhow::bail!("configuration key `storage` is `url`, and `database_url` is not set")
            }
            (StorageChoice::Memory, _, _) | (StorageChoice::Auto, None, None) => Ok(Self::memory()),
        }
    }

    fn memory() -> Self {
        tracing::warn!("storage is MEMORY: nothing is kept when this process ends");
        let store = Arc::new(MemoryStore::new());
        let stores = Stores {
            agents: store.clone(),
            api_keys: store.clone(),
            tasks: store.clone(),
            trackers: store.clone(),
            checkpoints: store.clone(),
            events: store.clone(),
            messages: store.clone(),
            states: store.clone(),
        };
        let health = Health { kind: "memory (nothing is kept)", pool: None };
        let engine = Arc::new(MemoryGraph::default());
        Self { stores, ledger: store.clone(), switches: store, engine, health, cluster: None }
    }

    async fn postgres(
        config: &Config,
        options: PgConnectOptions,
        kind: &'static str,
        cluster: Option<Cluster>,
    ) -> anyhow::Result<Self> {
        let pool = connect(config, options).await.context("connecting to PostgreSQL")?;
        store_postgres::migrate(&pool).await.context("bringing the database schema up to date")?;
        let store = Arc::new(PgStore::new(pool.clone()));
        let stores = Stores {
            agents: store.clone(),
            api_keys: store.clone(),
            tasks: store.clone(),
            trackers: store.clone(),
            checkpoints: store.clone(),
            events: store.clone(),
            messages: store.clone(),
            states: store.clone(),
        };
        let engine = Arc::new(GraphEngine::new(pool.clone()));
        let (ledger, switches) = (store.clone(), store);
        Ok(Self { stores, ledger, switches, engine, health: Health { kind, pool: Some(pool) }, cluster })
    }

    /// Lets go of connections, and stops a private cluster.
    pub async fn close(self) {
        if let Some(pool) = &self.health.pool {
            pool.close().await;
        }
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

/// A pool of connections to the configured database.
async fn connect(config: &Config, options: PgConnectOptions) -> sqlx::Result<PgPool> {
    let timeout = format!("{}ms", config.database.statement_timeout_ms);
    let options = options
        .application_name("taskgate")
        .options(store_postgres::CONNECTION_SETTINGS)
        .options([("statement_timeout", timeout.as_str())]);
    PgPoolOptions::new()
        .max_connections(config.database.max_connections)
        .acquire_timeout(Duration::from_millis(config.database.acquire_timeout_ms))
        // A round trip before every statement would double the cost of the short ones; a connection
        // that broke while it lay idle is found by trying only those that did.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > STALE {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
}
