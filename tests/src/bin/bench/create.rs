//! What it costs that a create cannot leak: `createTask` against a handler that does the same without any care,
//! a check, the relationships and the row; the same database, the same number of connections, in turns.

use crate::{
    Bar,
    bare::Bare,
    load::{Request, median, throughput},
    process::processor_seconds,
};
use blackbox::{Database, Server, Storage, World};
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
    println!("  and µs of processor time for each:            in the server   in the database");
    for (name, request, pid, program) in [
        ("with, over GraphQL", &guarded, world.server.pid(), "taskgate"),
        ("without, and bare", &plain, bare.pid(), ""),
    ] {
        throughput(request, CONNECTIONS, TIME / 2).await;
        let backends = backends(world.server.database(), program).await;
        let used = || (processor_seconds(pid), backends.iter().map(|pid| processor_seconds(*pid)).sum::<f64>());
        let before = used();
        let rate = throughput(request, CONNECTIONS, TIME).await;
        let after = used();
        let each = |used: f64| used / (rate * TIME.as_secs_f64()) * 1e6;
        let (server, database) = (each(after.0 - before.0), each(after.1 - before.1));
        println!("  {name:<22} {rate:>9.0} {server:>26.0} {database:>17.0}");
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

/// The processes of PostgreSQL that serve a program.
async fn backends(database: &Database, program: &str) -> Vec<u32> {
    let sql = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{program}'
            AND pid <> pg_backend_pid()"
    );
    let rows = database.rows(&sql).await;
    rows.iter().map(|row| row.trim_matches(['(', ')']).parse().unwrap()).collect()
}
