//! A gateway under load, with a Prometheus beside it, that one fault happens to.

use super::faults::Fault;
use blackbox::{
    As, Cable, Database, Prometheus, Settings, World, documents, gateways::with_cache, port_of, wire::Wire,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// Alerts about how fast things are. A machine that is itself slow raises them, and that is nobody's fault.
const OF_SPEED: &[&str] = &["LatencyBurns", "EngineSlow", "StatementsSlow"];
/// How long the load waits between two requests of a caller.
const PAUSE: Duration = Duration::from_millis(200);
/// How long an alert may take: the longest looks back half an hour of the rules, which is half a minute here.
const PATIENCE: Duration = Duration::from_secs(75);
/// How long nothing else may fire once the alerts of a fault do.
const AFTER: Duration = Duration::from_secs(3);
/// A request that asks nothing of anybody takes no longer than this, on a machine that is not too busy.
const NOTHING_TAKES: Duration = Duration::from_millis(100);

/// See the module.
pub struct Stage {
    pub world: World,
    pub prometheus: Prometheus,
    /// Between the gateway and the database.
    pub wire: Wire,
    /// Between the gateway and Redis.
    pub redis: Cable,
    /// A transaction that somebody forgot to end.
    pub forgotten: Option<sqlx::Transaction<'static, sqlx::Postgres>>,
    /// What callers do. It ends with the stage.
    pub callers: JoinSet<()>,
    /// How often a request that asks nothing was slow all the same.
    stalls: Arc<AtomicU32>,
}

/// Where the gateway's metrics are read.
pub fn address(log: &str) -> String {
    let line = log.lines().find(|line| line.contains("metrics are read")).unwrap_or_else(|| panic!("{log}"));
    let port: String = line.split("127.0.0.1:").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    format!("127.0.0.1:{port}")
}

/// Quick retries and sweeps, since time goes sixty times as fast in the rules.
pub fn hasty() -> Settings {
    let settings = [
        ("TASKGATE_METRICS__LISTEN", "127.0.0.1:0"),
        ("TASKGATE_DUAL_WRITE__RETRIES", "2"),
        ("TASKGATE_DUAL_WRITE__BASE_DELAY_MS", "1"),
        ("TASKGATE_DUAL_WRITE__MAX_DELAY_MS", "5"),
        ("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "300"),
        // What was just made and is ended is looked at once more after this long, and that is no trouble.
        ("TASKGATE_DUAL_WRITE__ATTEMPT_TIMEOUT_MS", "1500"),
        // Writes wait for a lease, or two, and are not to time out over that.
        ("TASKGATE_CACHE__LEASE_MS", "500"),
        ("TASKGATE_DUAL_WRITE__PATIENCE_MS", "5000"),
        ("TASKGATE_DUAL_WRITE__CIRCUIT_COOLDOWN_MS", "1000"),
    ];
    settings.into_iter().fold(Settings::default(), |all, (key, value)| all.with(key, value))
}

impl Stage {
    /// A gateway that is well, and has been for a while.
    pub async fn set(fault: &Fault) -> Self {
        let database = Database::create().await;
        let wire = Wire::to(port_of(&database.url)).await;
        let redis = Cable::to(port_of(&blackbox::gateways::redis_url())).await;
        let settings = with_cache(hasty())
            .with("REDIS_URL", format!("redis://127.0.0.1:{}/", redis.port))
            .with("TASKGATE_CACHE__MODE", "auto")
            .with("TASKGATE_STORAGE", "url")
            .with("DATABASE_URL", wire.url(&database));
        let settings = fault.settings.iter().fold(settings, |all, (key, value)| all.with(key, *value));
        let world = World::on(settings.run(Some(database)).await);
        let (mut callers, stalls) = (JoinSet::new(), Arc::new(AtomicU32::new(0)));
        let task = world.task().await;
        for _ in 0..4 {
            callers.spawn(read(world.owner.clone(), task.clone()));
        }
        if fault.creates {
            callers.spawn(create(world.owner.clone(), world.agent.clone()));
        }
        callers.spawn(watch(world.server.anonymous(), Arc::clone(&stalls)));
        // What is cold at the start is not looked at.
        sleep(Duration::from_secs(2)).await;
        let prometheus = Prometheus::start(&address(&world.server.whole_log())).await;
        let stage = Self { world, prometheus, wire, redis, forgotten: None, callers, stalls };
        stage.expect(fault, &BTreeSet::new(), fault.quiet).await;
        stage
    }

    /// The database, as its operator reaches it.
    pub fn database(&self) -> &Database {
        self.world.server.database()
    }

    /// Somebody calls, over and over, until the stage is over.
    pub fn goes_on<F>(&mut self, mut call: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.callers.spawn(async move {
            loop {
                call().await;
                sleep(PAUSE).await;
            }
        });
    }

    /// A command of the program, with these added to its environment.
    pub async fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> std::process::Output {
        let mut command = self.world.server.command(arguments);
        command.envs(environment.iter().copied());
        // Its statements go through the wire, which this thread may have to carry.
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Waits until all that the fault raises fires, and looks on a little. Nothing else fires but what comes of it.
    pub async fn wait(&self, fault: &Fault) {
        let mut allowed: BTreeSet<_> = fault.raises.iter().copied().collect();
        allowed.extend(fault.besides.iter().map(|(alert, _)| *alert));
        let (begun, mut seen) = (Instant::now(), BTreeSet::new());
        while !fault.raises.iter().all(|alert| seen.contains(*alert)) {
            assert!(begun.elapsed() < PATIENCE, "{}: of {:?} there were only {seen:?}", fault.name, fault.raises);
            seen.extend(self.expect(fault, &allowed, Duration::ZERO).await);
        }
        let took = begun.elapsed();
        seen.extend(self.expect(fault, &allowed, AFTER).await);
        println!("{:<44} after {:>4.1} s: {}", fault.name, took.as_secs_f64(), Vec::from_iter(seen).join(", "));
    }

    /// What fires for so long, which are at most these.
    async fn expect(&self, fault: &Fault, allowed: &BTreeSet<&str>, long: Duration) -> BTreeSet<String> {
        let (begun, mut seen) = (Instant::now(), BTreeSet::new());
        loop {
            sleep(Duration::from_millis(500)).await;
            seen.extend(self.prometheus.firing().await);
            let slow = self.stalls.load(Relaxed) > 2;
            let excused = |alert: &String| slow && OF_SPEED.contains(&alert.as_str());
            let odd: Vec<_> = seen.iter().filter(|it| !allowed.contains(it.as_str()) && !excused(it)).collect();
            assert!(odd.is_empty(), "{}: {odd:?} fire, where {allowed:?} should", fault.name);
            if begun.elapsed() >= long {
                return seen;
            }
        }
    }

    /// Ends it at once: nothing that it might still do is of interest.
    pub async fn strike(mut self) {
        self.callers.shutdown().await;
        self.world.server.kill();
    }
}

/// A caller who reads what is theirs. Whatever goes wrong, they try again.
async fn read(owner: As, task: String) {
    loop {
        owner.gql(documents::TASK, json!({ "id": task })).await;
        sleep(PAUSE).await;
        owner.gql("{ tasks { nodes { id viewerCan { read update } } } }", json!({})).await;
        sleep(PAUSE).await;
        owner.get(&format!("/tasks/{task}")).await;
        sleep(PAUSE).await;
        owner.get("/tasks").await;
        sleep(PAUSE).await;
    }
}

/// A caller who makes tasks and ends them.
async fn create(owner: As, agent: String) {
    loop {
        let made = owner.gql(documents::CREATE_TASK, json!({ "input": { "agentId": agent } })).await;
        let made: Value = serde_json::from_slice(&made.body).unwrap_or_default();
        sleep(PAUSE).await;
        if let Some(id) = made["data"]["createTask"]["id"].as_str() {
            owner.delete(&format!("/tasks/{id}")).await;
            sleep(PAUSE).await;
        }
    }
}

/// Asks what asks nothing of anybody, to tell whether the machine is slow.
async fn watch(nobody: As, stalls: Arc<AtomicU32>) {
    loop {
        sleep(PAUSE).await;
        let asked = Instant::now();
        nobody.get("/healthz").await;
        if asked.elapsed() > NOTHING_TAKES {
            stalls.fetch_add(1, Relaxed);
        }
    }
}
