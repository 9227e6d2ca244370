//! Where rows and relationships are kept: the choice, and the adapters behind it.

use crate::{
    Stores,
    abandoned::Abandoned,
    cluster,
    cluster::Cluster,
    config::{Config, StorageChoice},
    engine::Engine,
};
use anyhow::Context as _;
use authz_graph::{GraphEngine, MemoryGraph};
use authz_router::RouteStore;
use dual_write::{Ledger, RowScan, SwitchStore};
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
/// How long a connection of an abandoned request may take to come to its senses. Then it is closed.
const PROMPT: Duration = Duration::from_millis(250);
/// Makes the server end a statement soon after its client is gone. Servers before version 14 cannot, and end it at
/// the statement timeout.
const NOTICE_CLOSED: &str =
    "SELECT set_config(name, '500ms', false) FROM pg_settings WHERE name = 'client_connection_check_interval'";

/// Open storage.
pub struct Storage {
    /// Where rows are kept.
    pub stores: Stores,
    /// Where dual writes are noted, beside the rows.
    pub ledger: Arc<dyn Ledger>,
    /// The rows as operators read them.
    pub rows: Arc<dyn RowScan>,
    /// Where dual writes are switched.
    pub switches: Arc<dyn SwitchStore>,
    /// Where it is kept which engine answers whom.
    pub routes: Arc<dyn RouteStore>,
    /// Where permissions are decided.
    pub engine: Engine,
    /// What kind it is, and whether it answers.
    pub health: Health,
    /// Where it hears of requests that nobody waits for any more.
    pub abandoned: Abandoned,
    cluster: Option<Cluster>,
}

/// What readiness asks of storage.
#[derive(Clone)]
pub struct Health {
    /// What kind it is, for people to read.
    pub kind: &'static str,
    /// What decides.
    pub engine: Engine,
    pool: Option<PgPool>,
}

impl Health {
    /// Whether storage answers now.
    pub async fn answers(&self) -> bool {
        let Some(pool) = &self.pool else { return true };
        let asked = tokio::time::timeout(Duration::from_secs(2), pool.execute("SELECT 1")).await;
        matches!(asked, Ok(Ok(_)))
    }

    /// How many connections are used and idle, and how many there may be; none, where there are no connections.
    #[must_use]
    pub fn connections(&self) -> Option<(u32, u32, u32)> {
        let pool = self.pool.as_ref()?;
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        Some((pool.size().saturating_sub(idle), idle, pool.options().get_max_connections()))
    }
}

/// How the schema gets to be what this program knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Schema {
    /// It is brought up to date.
    Migrated,
    /// It is so already, or nothing is done.
    Checked,
}

impl Storage {
    /// Opens what the configuration asks for, with its schema up to date.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        Self::open_with(config, Schema::Migrated).await
    }

    /// Opens the storage that gateways are using, or have used. Makes nothing, and changes nothing of its schema.
    pub async fn attach(config: &Config) -> anyhow::Result<Self> {
        let private = matches!(config.storage, StorageChoice::Auto | StorageChoice::Private) && !config.has_url();
        if let Some(options) = Cluster::running(&config.data_dir).filter(|_| private) {
            return Self::postgres(config, options, "postgres (private cluster)", None, Schema::Checked).await;
        }
        let kept = config.has_url() || (private && Cluster::exists(&config.data_dir));
        anyhow::ensure!(
            kept || config.storage != StorageChoice::Memory,
            "storage is `memory`: it is in the gateway's process, where no command reaches it, and nothing of it is kept; ask that gateway: `{{ dualWrite {{ … }} }}`"
        );
        anyhow::ensure!(
            kept,
            "nothing is kept here: there is no private cluster in `{}`, and no `database_url` is set",
            config.data_dir.display()
        );
        Self::open_with(config, Schema::Checked).await
    }

    async fn open_with(config: &Config, schema: Schema) -> anyhow::Result<Self> {
        let binaries = cluster::binaries(config.postgres_bin_dir.as_deref());
        match (config.storage, &config.database_url, binaries) {
            (StorageChoice::Auto | StorageChoice::Url, Some(url), _) => {
                let url = url.expose_secret();
                // sqlx takes whatever scheme there is.
                let ours = url.starts_with("postgres://") || url.starts_with("postgresql://");
                anyhow::ensure!(ours, "configuration key `database_url` is not a PostgreSQL URL");
                let options = PgConnectOptions::from_str(url)
                    .context("configuration key `database_url` is not a PostgreSQL URL")?;
                Self::postgres(config, options, "postgres", None, schema).await
            }
            (StorageChoice::Auto | StorageChoice::Private, _, Some(binaries)) => {
                let cluster = Cluster::start(&config.data_dir, &binaries).await?;
                let options = cluster.options().clone();
                Self::postgres(config, options, "postgres (private cluster)", Some(cluster), schema).await
            }
            (StorageChoice::Private, _, None) => anyhow::bail!(
                "configuration key `storage` is `private`, and no `initdb` and `postgres` were found; install PostgreSQL or set `postgres_bin_dir`"
            ),
            (StorageChoice::Url, None, _) => {
                anyhow::bail!("configuration key `storage` is `url`, and `database_url` is not set")
            }
            (StorageChoice::Memory, _, _) | (StorageChoice::Auto, None, None) => Self::memory(config).await,
        }
    }

    async fn memory(config: &Config) -> anyhow::Result<Self> {
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
        let engine = Engine::open(config, Arc::new(MemoryGraph::default()), None).await?;
        let health = Health { kind: "memory (nothing is kept)", engine: engine.clone(), pool: None };
        Ok(Self::with(store, stores, engine, health, Abandoned::default(), None))
    }

    async fn postgres(
        config: &Config,
        options: PgConnectOptions,
        kind: &'static str,
        cluster: Option<Cluster>,
        schema: Schema,
    ) -> anyhow::Result<Self> {
        let abandoned = Abandoned::default();
        let pool = connect(config, options, abandoned.clone()).await.context("connecting to PostgreSQL")?;
        match schema {
            Schema::Migrated => {
                store_postgres::migrate(&pool).await.context("bringing the database schema up to date")?;
            }
            Schema::Checked => store_postgres::check_schema(&pool).await?,
        }
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
        let engine = Engine::open(config, Arc::new(GraphEngine::new(pool.clone())), Some(store.clone())).await?;
        let health = Health { kind, engine: engine.clone(), pool: Some(pool) };
        Ok(Self::with(store, stores, engine, health, abandoned, cluster))
    }

    /// All of it, where one thing keeps what is beside the stores.
    fn with<S: Ledger + RowScan + SwitchStore + RouteStore + 'static>(
        store: Arc<S>,
        stores: Stores,
        engine: Engine,
        health: Health,
        abandoned: Abandoned,
        cluster: Option<Cluster>,
    ) -> Self {
        let (ledger, rows, switches) = (store.clone(), store.clone(), store.clone());
        Self { stores, ledger, rows, switches, routes: store, engine, health, abandoned, cluster }
    }

    /// Lets go of connections, and stops a private cluster.
    pub async fn close(self) {
        self.engine.close().await;
        if let Some(pool) = &self.health.pool {
            pool.close().await;
        }
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

/// A pool of connections to the configured database.
async fn connect(config: &Config, options: PgConnectOptions, abandoned: Abandoned) -> sqlx::Result<PgPool> {
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
        .after_connect(|connection, _| Box::pin(async move { connection.execute(NOTICE_CLOSED).await.map(drop) }))
        .after_release(move |connection, _| {
            let abandoned = abandoned.clone();
            Box::pin(async move {
                if !abandoned.lately() {
                    return Ok(true);
                }
                let idle = tokio::time::timeout(PROMPT, sqlx::Connection::ping(connection)).await;
                // Closing it ends its statement: nobody reads the answer.
                Ok(matches!(idle, Ok(Ok(()))))
            })
        })
        .connect_with(options)
        .await
}
