//! What callers make up adds no series: a hundred thousand distinct tasks, principals and query texts.

use crate::{
    Bar,
    load::{Connection, Request},
};
use blackbox::{Server, Settings, Storage, World, world::nobody};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// How many of each.
const DISTINCT: usize = 100_000;
/// Of so many, one makes a task that is really there.
const MADE: usize = 10;
/// How many of them come before the series are looked at, so that all that can be told apart is there.
const FIRST: usize = 200;
const CONNECTIONS: usize = 16;

/// The token of the principal of this number.
fn token(number: usize) -> String {
    format!("a-token-of-{number}-in-a-hundred-thousand")
}

/// A gateway that knows each principal.
async fn start() -> World {
    let mut config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let mut tokens = String::new();
    for number in 0..DISTINCT {
        let token = token(number);
        let _ =
            write!(tokens, "[[tokens]]\ntoken = '{token}'\nprincipal = 'user:somebody-{number}'\ntenant = 'demo'\n");
    }
    config.write_all(tokens.as_bytes()).unwrap();
    let settings = Settings::default()
        .with("TASKGATE_CONFIG", config.path().to_string_lossy())
        .with("TASKGATE_DEMO", "true")
        .with("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "500");
    World::with(settings, Storage::Url).await
}

/// Every series there is, but those of whoever looks.
async fn series(server: &Server) -> BTreeSet<String> {
    let text = server.operator().get("/metrics").await.text();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let names = lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
    names.filter(|name| !name.contains("\"/metrics\"")).collect()
}

/// What those of these numbers ask for: each something else, in other words, in another one's name.
async fn ask(world: &World, numbers: std::ops::Range<usize>) -> usize {
    let (url, owner, agent) = (world.server.demo.url(), world.owner.token.clone().unwrap(), world.agent.clone());
    let (next, end) = (Arc::new(AtomicUsize::new(numbers.start)), numbers.end);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (url, owner, agent, next) = (url.clone(), owner.clone(), agent.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let first = Request::new(&url, "GET", "/healthz", &owner, "", "");
                let (mut connection, mut requests) = (Connection::open(&first).await, 0);
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= end {
                        return requests;
                    }
                    let (token, task) = (token(number), nobody());
                    let query = format!("query Made{number}($id: ID!) {{ a{number}: task(id: $id) {{ id }} }}");
                    let body = json!({ "query": query, "variables": { "id": task } }).to_string();
                    connection.send(&Request::new(&url, "POST", "/graphql", &token, &body, "NOT_FOUND")).await;
                    let path = format!("/tasks/{task}");
                    connection.send(&Request::new(&url, "GET", &path, &token, "", "").answered(404)).await;
                    requests += 2;
                    if number % MADE == 0 {
                        let query = format!(
                            "mutation Made{number}($in: CreateTaskInput!) {{ a{number}: createTask(input: $in) {{ id }} }}"
                        );
                        let input = json!({ "agentId": agent, "name": format!("task-{number}-{task}") });
                        let body = json!({ "query": query, "variables": { "in": input } }).to_string();
                        let create = Request::new(&url, "POST", "/graphql", &owner, &body, "\"id\":\"");
                        let (_, made) = connection.ask(&create).await;
                        let id = made.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
                        let path = format!("/tasks/{id}");
                        connection.send(&Request::new(&url, "GET", &path, &owner, "", id)).await;
                        requests += 2;
                    }
                }
            })
        })
        .collect();
    let mut requests = 0;
    for worker in workers {
        requests += worker.await.unwrap();
    }
    requests
}

/// How many series are born.
pub async fn measure() -> Vec<Bar> {
    let world = start().await;
    println!("\nwhat callers make up: {DISTINCT} each of tasks, principals and query texts");
    ask(&world, 0..FIRST).await;
    // What is stored is told of from the first sweeps on.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = series(&world.server).await;
    let began = Instant::now();
    let requests = ask(&world, FIRST..DISTINCT).await;
    let after = series(&world.server).await;
    println!(
        "  {} series before, {} after {requests} requests in {:.0} s",
        before.len(),
        after.len(),
        began.elapsed().as_secs_f64()
    );
    let (born, gone): (Vec<_>, Vec<_>) = (after.difference(&before).collect(), before.difference(&after).collect());
    for (what, which) in [("born", &born), ("gone", &gone)] {
        for name in which.iter().take(20) {
            println!("  {what}: {name}");
        }
    }
    let changed = u32::try_from(born.len() + gone.len()).unwrap();
    vec![Bar {
        what: format!("series changed by {DISTINCT} tasks, principals and texts"),
        measured: f64::from(changed),
        limit: 0.0,
        at_least: false,
    }]
}
