//! The server: storage opened, routers joined, and all of it stopped in order.

use crate::{
    App, Failure, Parts,
    abandoned::Abandoned,
    agent_keys::AgentKeys,
    budget::{Buckets, Rate},
    config::Config,
    console,
    demo::Demo,
    follow::Follower,
    graphql, health,
    metrics::{self, Metrics},
    rest,
    routes::FollowedRoutes,
    storage::Storage,
    sweeper::{self, Sweeper},
    switches::FollowedSwitches,
    telemetry,
};
use anyhow::Context as _;
use axum::{
    Router,
    extract::State,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use identity::{InTurn, Operated, Resolver, TokenTable};
use std::{io::Write as _, sync::Arc, time::Duration};
use tokio::{net::TcpListener, signal::unix};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

/// Runs the gateway until it is told to stop.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    config.check_callers()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("configuration key `listen`: {}", config.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    let mut metrics = Metrics::start(&config.metrics).await?;
    let storage = Storage::open(&config).await?;
    metrics.watch(storage.health.clone());
    let inspector = sweeper::inspector(&config.dual_write, &storage);
    let (switches, known) = (Arc::clone(&storage.switches), Arc::clone(&inspector.dual_write.switches));
    let followed = FollowedSwitches { store: Arc::clone(&switches), known };
    let follows_switches = Follower::start(followed, config.dual_write.switch_refresh()).await?;
    let (route_store, engine) = (Arc::clone(&storage.routes), storage.engine.router.clone());
    let list_index = storage.engine.list_index.clone();
    let followed = FollowedRoutes { store: Arc::clone(&route_store), router: engine.clone(), list_index };
    let follows_routes = Follower::start(followed, config.routing.refresh()).await?;

    let mut table = TokenTable::default();
    for token in &config.tokens {
        table = table.with(token.expose(), token.context()?);
    }
    let demo = if config.wants_demo() {
        let demo = Demo::seed(&config, &storage, &inspector, url.clone()).await?;
        table = demo.admit(table)?;
        Some(demo)
    } else {
        None
    };
    // A configured token is known without asking the database, and an agent's key without asking a service.
    let keys = AgentKeys::new(Arc::clone(&storage.stores.api_keys), config.sealer());
    let mut resolvers: Vec<Arc<dyn Resolver>> = vec![Arc::new(table), Arc::new(keys)];
    if let Some(service) = config.proxy.resolver()? {
        resolvers.push(Arc::new(service));
    }
    let app = App::new(Parts {
        engine,
        dual_write: Arc::clone(&inspector.dual_write),
        inspector: Operated::new(Arc::clone(&inspector)),
        explainers: Operated::new(storage.engine.explainers.clone()),
        switches: Operated::new(switches),
        routes: Operated::new(route_store),
        resolver: Arc::new(InTurn::new(resolvers)),
        sealer: config.sealer(),
        stores: storage.stores.clone(),
        denials: config.denials.into(),
        limits: config.limits,
        request_timeout: config.request_timeout(),
        introspection: config.introspection,
    });
    let router = router(&config, &app, &storage, &metrics)?;
    let server = axum::serve(listener, router.into_make_service()).with_graceful_shutdown(told_to_stop()?);
    greet(&url, storage.health.kind, demo.as_ref())?;
    if let (Some(demo), Some(path)) = (&demo, &config.demo_file) {
        demo.write(path)?;
    }
    let sweeper = Sweeper::start(inspector, config.dual_write.sweep_interval());
    server.await?;
    drop((sweeper, follows_switches, follows_routes));
    storage.close().await;
    metrics.stop().await;
    Ok(())
}

/// Brings the database schema up to date.
pub async fn migrate(config: Config) -> anyhow::Result<()> {
    // Opening storage migrates it.
    Storage::open(&config).await?.close().await;
    Ok(())
}

/// Every route, with what all of them share.
fn router(config: &Config, app: &App, storage: &Storage, metrics: &Metrics) -> anyhow::Result<Router> {
    let abandoned = storage.abandoned.clone();
    let deadline = (config.request_timeout(), abandoned.clone());
    let rate = Rate { burst: config.graphql.budget_burst, per_second: config.graphql.budget_per_second };
    let setup = graphql::Setup { settings: &config.graphql, budget: Arc::new(Buckets::new(rate)), abandoned };
    let router = Router::new()
        .merge(rest::router(app.clone()).layer(middleware::from_fn_with_state(deadline, in_time)))
        // It ends what takes too long by itself, in its own words.
        .merge(graphql::router(app.clone(), setup)?)
        .merge(console::router())
        .layer(CompressionLayer::new())
        .merge(health::router(storage.health.clone()))
        .merge(metrics::router(metrics, app.clone()))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Failure::Internal(Arc::new(std::io::Error::other("a request handler panicked"))).into_response()
        }))
        .layer(middleware::from_fn(telemetry::measured));
    Ok(router)
}

/// Ends a request that takes too long. What it had begun to write runs to its end all the same.
async fn in_time(
    State((limit, abandoned)): State<(Duration, Abandoned)>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let answered = tokio::time::timeout(limit, abandoned.watch(next.run(request))).await;
    answered.unwrap_or_else(|late| Failure::Unavailable(Arc::new(late)).into_response())
}

/// Says where the gateway is and, in the demo, how to try it.
fn greet(url: &str, storage: &str, demo: Option<&Demo>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "taskgate {} listens on {url} (storage: {storage})", env!("CARGO_PKG_VERSION"))?;
    let Some(demo) = demo else { return out.flush() };
    writeln!(out, "\nThe demo tenant `{}` has a few tasks. Everybody has a token:", demo.tenant)?;
    for (part, member) in &demo.principals {
        writeln!(out, "  {part:<9}{}", member.token)?;
    }
    if let Some(viewer) = demo.principals.get("viewer") {
        writeln!(out, "\nLook around at {url}/, or try it (GraphiQL is at {url}/graphiql):\n")?;
        writeln!(
            out,
            "  curl -s {} -H 'x-api-key: {}' -H 'content-type: application/json' \\",
            demo.graphql_url, viewer.token
        )?;
        writeln!(
            out,
            r#"    -d '{{"query":"{{ tasks {{ nodes {{ id name status viewerCan {{ read update delete }} }} }} }}"}}'"#
        )?;
    }
    writeln!(out)?;
    out.flush()
}

/// Ends when the process is asked to stop.
pub(crate) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
