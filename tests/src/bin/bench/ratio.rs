//! An authorized `task(id)` over GraphQL against the bare handler: the same row, the same database, the
//! same number of connections, in turns.

use crate::{
    Bar,
    bare::Bare,
    load::{Request, median, throughput},
    process::processor_seconds,
};
use blackbox::{Server, Storage, World, world};
use serde_json::json;
use std::time::Duration;

const CONNECTIONS: usize = 16;
const ROUNDS: usize = 7;
const TIME: Duration = Duration::from_secs(2);
const DOCUMENT: &str = "query($id: ID!) { task(id: $id) {
    id name status statusReason createdAt updatedAt cleanedAt params taskMetadata } }";

/// Throughput of both, and the ratio.
pub async fn measure() -> Vec<Bar> {
    let world = World::on(Server::start(Storage::Url).await);
    let params = json!({ "goal": "measure", "steps": [1, 2, 3] });
    let input =
        json!({ "agentId": world.agent, "name": world::nobody(), "params": params, "taskMetadata": { "k": 1 } });
    let id = world.make(input).await;
    let bare = Bare::start(&world.server.database().url, "");

    let token = world.owner.token.clone().unwrap();
    let body = json!({ "query": DOCUMENT, "variables": { "id": id } }).to_string();
    let gateway = Request::new(&world.server.demo.url(), "POST", "/graphql", &token, &body, "measure");
    let plain = Request::new(&bare.url, "GET", &format!("/tasks/{id}"), &token, "", "measure");

    let ask = |document: &str, holds: &str| {
        let body = json!({ "query": document, "variables": { "id": id } }).to_string();
        Request::new(&world.server.demo.url(), "POST", "/graphql", &token, &body, holds)
    };
    let (nothing, short) = (ask("{ __typename }", "Query"), ask("query($id: ID!) { task(id: $id) { id } }", &id));
    let rest = Request::new(&world.server.demo.url(), "GET", &format!("/tasks/{id}"), &token, "", "measure");

    println!("\nan authorized task, and a bare handler; {CONNECTIONS} connections, answers per second");
    for (name, request, pid) in [
        ("GraphQL, nine fields", &gateway, world.server.pid()),
        ("GraphQL, the id", &short, world.server.pid()),
        ("GraphQL, no data", &nothing, world.server.pid()),
        ("REST", &rest, world.server.pid()),
        ("bare", &plain, bare.pid()),
    ] {
        throughput(request, CONNECTIONS, TIME / 2).await;
        let before = processor_seconds(pid);
        let rate = throughput(request, CONNECTIONS, TIME).await;
        let each = (processor_seconds(pid) - before) / (rate * TIME.as_secs_f64()) * 1e6;
        println!("  {name:<22} {rate:>9.0}   {each:>4.0} µs of processor time in the server for each");
    }
    println!("  in turns:  GraphQL      bare  ratio");
    let (mut ours, mut bares, mut ratios) = (vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        // Whoever goes first changes, so that a drift of the machine favours neither.
        let (our, bare) = if round % 2 == 0 {
            let our = throughput(&gateway, CONNECTIONS, TIME).await;
            (our, throughput(&plain, CONNECTIONS, TIME).await)
        } else {
            let bare = throughput(&plain, CONNECTIONS, TIME).await;
            (throughput(&gateway, CONNECTIONS, TIME).await, bare)
        };
        println!("  round {} {our:>9.0} {bare:>9.0}   {:.2}", round + 1, our / bare);
        ours.push(our);
        bares.push(bare);
        ratios.push(our / bare);
    }
    println!("  median  {:>9.0} {:>9.0}   {:.2}", median(&ours), median(&bares), median(&ratios));
    let what = "task(id) over GraphQL, of a bare handler's throughput".to_owned();
    vec![Bar { what, measured: median(&ratios), limit: 0.60, at_least: true }]
}
