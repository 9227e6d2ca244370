//! A real Prometheus beside a gateway under load: every panel of the dashboards shows something, health raises no
//! alert, and each fault raises its own.

use blackbox::{As, Prometheus, Settings, Storage, World, documents, gateways::with_cache, tree};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// Alerts about how fast the machine is, on which nothing is asserted here.
const OF_SPEED: &[&str] = &["LatencyBurns", "EngineSlow", "StatementsSlow", "ConnectionsRunOut"];

/// What callers do all day, until it is dropped: they read, list, create, change and delete, and are denied some.
struct Load(JoinHandle<()>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn load(world: &World, task: String) -> Load {
    let (owner, stranger, agent) = (world.owner.clone(), world.server.stranger(), world.agent.clone());
    Load(tokio::spawn(async move {
        loop {
            round(&owner, &stranger, &task, &agent).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }))
}

async fn round(owner: &As, stranger: &As, task: &str, agent: &str) {
    let asked = json!({ "id": task });
    owner.gql(documents::TASK, asked.clone()).await;
    owner.gql("{ tasks { nodes { id viewerCan { read update } } } }", json!({})).await;
    owner.get(&format!("/tasks/{task}")).await;
    owner.get("/tasks").await;
    stranger.gql(documents::TASK, asked).await;
    stranger.get(&format!("/tasks/{task}")).await;
    owner.gql("{ nothing }", json!({})).await;
    let made = owner.gql(documents::CREATE_TASK, json!({ "input": { "agentId": agent } })).await;
    let made: Value = serde_json::from_slice(&made.body).unwrap_or_default();
    if let Some(id) = made["data"]["createTask"]["id"].as_str() {
        owner.delete(&format!("/tasks/{id}")).await;
    }
}

/// Where the gateway's metrics are read.
fn address(log: &str) -> String {
    let line = log.lines().find(|line| line.contains("metrics are read")).unwrap_or_else(|| panic!("{log}"));
    let port: String = line.split("127.0.0.1:").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    format!("127.0.0.1:{port}")
}

/// Waits until all of `alerts` fire, and meanwhile no others but those that did and those about speed.
async fn fire(prometheus: &Prometheus, alerts: &[&str], known: &mut BTreeSet<String>) {
    known.extend(alerts.iter().map(|alert| (*alert).to_owned()));
    let (begun, mut seen) = (Instant::now(), BTreeSet::new());
    while !alerts.iter().all(|alert| seen.contains(*alert)) {
        assert!(begun.elapsed() < Duration::from_mins(1), "of {alerts:?} there were only {seen:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        seen.extend(prometheus.firing().await);
        let odd: Vec<_> = seen.iter().filter(|it| !known.contains(*it) && !OF_SPEED.contains(&it.as_str())).collect();
        assert!(odd.is_empty(), "{odd:?} fire too, where {alerts:?} should");
    }
}

/// The queries of every panel, with where they stand.
fn queries() -> Vec<(String, String)> {
    let mut all = vec![];
    let boards = tree::files().into_iter().filter(|path| path.starts_with("observability/grafana/"));
    for path in boards.filter(|path| Path::new(path).extension().is_some_and(|kind| kind == "json")) {
        let board: Value = serde_json::from_str(&tree::read(&path)).unwrap();
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "20s");
                all.push((format!("{path}: {}", panel["title"]), query));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_panel_shows_something_and_alerts_fire_for_their_faults() {
    let settings = [
        ("TASKGATE_METRICS__LISTEN", "127.0.0.1:0"),
        ("TASKGATE_DUAL_WRITE__RETRIES", "2"),
        ("TASKGATE_DUAL_WRITE__BASE_DELAY_MS", "1"),
        ("TASKGATE_DUAL_WRITE__MAX_DELAY_MS", "5"),
        ("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "300"),
        // What was just made and is ended is looked at once more after this long, and that is no trouble.
        ("TASKGATE_DUAL_WRITE__ATTEMPT_TIMEOUT_MS", "1500"),
        ("TASKGATE_DUAL_WRITE__PATIENCE_MS", "5000"),
        ("TASKGATE_DUAL_WRITE__CIRCUIT_COOLDOWN_MS", "1000"),
    ];
    let settings = settings.into_iter().fold(Settings::default(), |all, (key, value)| all.with(key, value));
    let world = World::with(with_cache(settings), Storage::Url).await;
    let database = world.server.database();
    let prometheus = Prometheus::start(&address(&world.server.whole_log())).await;
    let load = load(&world, world.task().await);

    // Two minutes and more of the rules.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let odd: Vec<_> =
        prometheus.firing().await.into_iter().filter(|alert| !OF_SPEED.contains(&alert.as_str())).collect();
    assert!(odd.is_empty(), "all is well, and {odd:?} fire");

    let mut known = BTreeSet::new();
    database.break_table("relationships", "INSERT").await;
    let faults = ["DualWriteFails", "DualWriteRetries", "CircuitOpen", "EngineFails"];
    fire(&prometheus, &faults, &mut known).await;
    database.mend_table("relationships", "INSERT").await;

    database.break_table("relationships", "DELETE").await;
    fire(&prometheus, &["IntentsOld"], &mut known).await;
    database.mend_table("relationships", "DELETE").await;

    let orphan = world.secret().await;
    database.run(&format!("DELETE FROM relationships WHERE resource_id = '{orphan}'")).await;
    let found = world.server.ask(&["dual-write", "orphans", "--grace", "0"]);
    assert_eq!(found.code, Some(3), "{found:?}");
    fire(&prometheus, &["OrphansFound"], &mut known).await;

    database.run("ALTER TABLE tasks RENAME TO tasks_gone").await;
    fire(&prometheus, &["AvailabilityBurns"], &mut known).await;
    database.run("ALTER TABLE tasks_gone RENAME TO tasks").await;

    let mut empty = vec![];
    for (panel, query) in queries() {
        if prometheus.query(&query).await.is_empty() {
            empty.push(format!("{panel}: {query}"));
        }
    }
    assert!(empty.is_empty(), "nothing is shown by\n{}", empty.join("\n"));
    drop(load);
    drop(world);
    fire(&prometheus, &["GatewayDown"], &mut known).await;
}
