//! An authorized `task(id)` whose decision is kept, with SpiceDB, against the embedded engine: in turns, on one PostgreSQL.

use crate::{
    Bar,
    load::{Request, median, throughput},
};
use blackbox::{
    Settings, Storage, World,
    gateways::{counted, with_cache, with_spicedb},
    world,
};
use serde_json::json;
use std::time::Duration;

const CONNECTIONS: usize = 16;
const ROUNDS: usize = 7;
const TIME: Duration = Duration::from_secs(2);
const DOCUMENT: &str = "query($id: ID!) { task(id: $id) {
    id name status statusReason createdAt updatedAt cleanedAt params taskMetadata } }";

/// A task in a world, and the request for it.
async fn request(world: &World) -> Request {
    let params = json!({ "goal": "measure", "steps": [1, 2, 3] });
    let input =
        json!({ "agentId": world.agent, "name": world::nobody(), "params": params, "taskMetadata": { "k": 1 } });
    let id = world.make(input).await;
    let body = json!({ "query": DOCUMENT, "variables": { "id": id } }).to_string();
    let token = world.owner.token.clone().unwrap();
    Request::new(&world.server.demo.url(), "POST", "/graphql", &token, &body, "measure")
}

/// Throughput of both, and the ratio.
pub async fn measure() -> Vec<Bar> {
    let embedded = World::with(Settings::default(), Storage::Url).await;
    let elsewhere = with_spicedb(Settings::default()).await;
    let bare = World::with(elsewhere.clone(), Storage::Url).await;
    let kept = World::with(with_cache(elsewhere), Storage::Url).await;
    let (near, far, cached) = (request(&embedded).await, request(&bare).await, request(&kept).await);
    for request in [&near, &far, &cached] {
        throughput(request, CONNECTIONS, TIME / 2).await;
    }
    println!("\nan authorized task; {CONNECTIONS} connections, answers per second");
    println!("  SpiceDB without a cache {:>9.0}", throughput(&far, CONNECTIONS, TIME).await);
    println!("  in turns: embedded  SpiceDB, kept  ratio");
    let before = counted(&kept.server, "taskgate_cache_misses_total").await;
    let mut ratios = vec![];
    for round in 0..ROUNDS {
        let (near, cached) = if round % 2 == 0 {
            let near = throughput(&near, CONNECTIONS, TIME).await;
            (near, throughput(&cached, CONNECTIONS, TIME).await)
        } else {
            let cached = throughput(&cached, CONNECTIONS, TIME).await;
            (throughput(&near, CONNECTIONS, TIME).await, cached)
        };
        println!("  round {}   {near:>9.0}      {cached:>9.0}   {:.2}", round + 1, cached / near);
        ratios.push(cached / near);
    }
    let misses = counted(&kept.server, "taskgate_cache_misses_total").await - before;
    println!("  the engine was asked {misses} times meanwhile");
    let what = "task(id), decisions kept, SpiceDB of the embedded engine's throughput".to_owned();
    vec![Bar { what, measured: median(&ratios), limit: 0.80, at_least: true }]
}
