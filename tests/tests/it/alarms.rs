//! A real Prometheus beside gateways under load: every panel of the dashboards shows something, and each alert fires
//! for its fault and for no other.

mod faults;
mod stage;

use blackbox::{As, Prometheus, Storage, World, documents, gateways::with_cache, tree};
use faults::{FAULTS, Fault};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use stage::Stage;
pub use stage::address;
use std::{collections::BTreeSet, path::Path, time::Duration};
use tokio::task::JoinHandle;

/// How many faults happen at a time, each to a gateway of its own.
const ABREAST: usize = 4;

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
async fn every_panel_shows_something() {
    let world = World::with(with_cache(stage::hasty()), Storage::Url).await;
    let database = world.server.database();
    let prometheus = Prometheus::start(&address(&world.server.whole_log())).await;
    let load = load(&world, world.task().await);

    // Some panels are about what goes wrong.
    tokio::time::sleep(Duration::from_secs(3)).await;
    database.break_table("relationships", "INSERT").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    database.mend_table("relationships", "INSERT").await;
    // Until the circuit closes.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let orphan = world.secret().await;
    database.run(&format!("DELETE FROM relationships WHERE resource_id = '{orphan}'")).await;
    let found = world.server.ask(&["dual-write", "orphans", "--grace", "0"]);
    assert_eq!(found.code, Some(3), "{found:?}");
    database.run("ALTER TABLE tasks RENAME COLUMN status_reason TO gone").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    database.run("ALTER TABLE tasks RENAME COLUMN gone TO status_reason").await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let mut empty = vec![];
    for (panel, query) in queries() {
        if prometheus.query(&query).await.is_empty() {
            empty.push(format!("{panel}: {query}"));
        }
    }
    drop(load);
    assert!(empty.is_empty(), "nothing is shown by\n{}", empty.join("\n"));
}

/// Lets a fault happen to a gateway that is well. It raises its alerts, and no others.
async fn happens(fault: &Fault) {
    let mut stage = Stage::set(fault).await;
    (fault.provoke)(&mut stage).await;
    stage.wait(fault).await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_raises_its_alerts_and_no_others() {
    stream::iter(FAULTS).map(happens).buffer_unordered(ABREAST).collect::<Vec<()>>().await;
}

/// A new alert needs its fault above.
#[test]
fn every_alert_has_a_fault_that_raises_it() {
    let alerts = tree::read("observability/prometheus/alerts.yaml");
    let alerts: BTreeSet<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let raised: BTreeSet<_> = FAULTS.iter().flat_map(|fault| fault.raises).copied().collect();
    assert_eq!(raised, alerts);
}
