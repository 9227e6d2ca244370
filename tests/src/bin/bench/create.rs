//! What it costs that a create cannot leak: `createTask` against a handler that does the same without any care,
//! a check, the relationships and the row; the same database, the same number of connections, in turns.

use crate::{
    Bar,
    bare::Bare,
    load::{Request, median, throughput},
    process::processor_seconds,
};
use blackbox::{Server, Storage, World};
use serde_json::json;
use std::time::Duration;

const CONNECTIONS: usize = 16;
const ROUNDS: usize = 7;
const TIME: Duration = Duration::from_secs(2);

/// Throughput of both, and the ratio.
pub async fn measure() -> Vec<Bar> {
    let world = World::on(Server::start(Storage::Url).await);
    let bare = Bare::start(&world.server.database().url, &world.agent);
    let token = world.owner.token.clone().unwrap();
    let document = "mutation($input: CreateTaskInput!) { createTask(input: $input) { id } }";
    let body = json!({ "query": document, "variables": { "input": { "agentId": world.agent } } }).to_string();
    let guarded = Request::new(&world.server.demo.url(), "POST", "/graphql", &token, &body, "createTask");
    let plain = Request::new(&bare.url, "POST", "/tasks", &token, "", "createTask");

    println!("\na task made, with a dual write and without; {CONNECTIONS} connections, answers per second");
    for (name, request, pid) in
        [("with, over GraphQL", &guarded, world.server.pid()), ("without, and bare", &plain, bare.pid())]
    {
        throughput(request, CONNECTIONS, TIME / 2).await;
        let before = processor_seconds(pid);
        let rate = throughput(request, CONNECTIONS, TIME).await;
        let each = (processor_seconds(pid) - before) / (rate * TIME.as_secs_f64()) * 1e6;
        println!("  {name:<22} {rate:>9.0}   {each:>4.0} µs of processor time in the server for each");
    }
    println!("  in turns:     with   without  ratio");
    let mut ratios = vec![];
    for round in 0..ROUNDS {
        // Whoever goes first changes, so that a drift of the machine favours neither.
        let (with, without) = if round % 2 == 0 {
            let with = throughput(&guarded, CONNECTIONS, TIME).await;
            (with, throughput(&plain, CONNECTIONS, TIME).await)
        } else {
            let without = throughput(&plain, CONNECTIONS, TIME).await;
            (throughput(&guarded, CONNECTIONS, TIME).await, without)
        };
        println!("  round {} {with:>9.0} {without:>9.0}   {:.2}", round + 1, with / without);
        ratios.push(with / without);
    }
    let what = "createTask, of a bare handler's without dual write".to_owned();
    vec![Bar { what, measured: median(&ratios), limit: 0.60, at_least: true }]
}
