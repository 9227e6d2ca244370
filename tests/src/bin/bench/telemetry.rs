//! What it costs to be watched: an authorized `task(id)` at a gateway that counts and traces, against one that does
//! neither. Two gateways, each on a database of its own, in turns.

use crate::{
    Bar,
    load::{Request, median, throughput},
    process::processor_seconds,
};
use blackbox::{Collector, Settings, Storage, World};
use serde_json::json;
use std::time::Duration;

const CONNECTIONS: usize = 16;
/// Many and short: whatever else the machine does then meets both sides.
const ROUNDS: usize = 60;
const TIME: Duration = Duration::from_millis(400);
/// In every so manieth round the others are looked at as well, and a line is printed.
const SHOWN: usize = 6;
const WARM: Duration = Duration::from_secs(1);
const DOCUMENT: &str = "query($id: ID!) { task(id: $id) { id name status createdAt updatedAt params } }";

/// A gateway under load.
struct Side {
    world: World,
    request: Request,
}

impl Side {
    async fn start(settings: Settings) -> Self {
        let world = World::with(settings, Storage::Url).await;
        let id = world.make(json!({ "agentId": world.agent, "params": { "goal": "measure" } })).await;
        let token = world.owner.token.clone().unwrap();
        let body = json!({ "query": DOCUMENT, "variables": { "id": id } }).to_string();
        let request = Request::new(&world.server.demo.url(), "POST", "/graphql", &token, &body, "measure");
        let side = Self { world, request };
        throughput(&side.request, CONNECTIONS, WARM).await;
        side
    }

    /// Answers per second, and the processor time in the server for each, in microseconds.
    async fn round(&self) -> (f64, f64) {
        let before = processor_seconds(self.world.server.pid());
        let rate = throughput(&self.request, CONNECTIONS, TIME).await;
        (rate, (processor_seconds(self.world.server.pid()) - before) / (rate * TIME.as_secs_f64()) * 1e6)
    }
}

/// The throughput that is left, with the usual share of requests traced, and with all of them.
pub async fn measure() -> Vec<Bar> {
    let collector = Collector::start().await;
    let traced = |ratio: &str| {
        Settings::default().with("TASKGATE_TRACES__OTLP", &collector.url).with("TASKGATE_TRACES__RATIO", ratio)
    };
    let off = Side::start(Settings::default().with("TASKGATE_METRICS__RECORD", "false")).await;
    let usual = Side::start(traced("0.05")).await;
    let counted = Side::start(Settings::default()).await;
    let whole = Side::start(traced("1")).await;
    println!(
        "\nan authorized task(id), unwatched and watched; {CONNECTIONS} connections, answers per second (processor time for each, µs)"
    );
    println!("  in turns:     unwatched     metrics only     and 5 % traced   all traced");
    let mut ratios = vec![];
    for round in 0..ROUNDS {
        // Whoever goes first changes, so that a drift of the machine favours neither.
        let (none, some) = if round % 2 == 0 {
            let none = off.round().await;
            (none, usual.round().await)
        } else {
            let some = usual.round().await;
            (off.round().await, some)
        };
        ratios.push(some.0 / none.0);
        if round % SHOWN == 0 {
            let (only, all) = (counted.round().await, whole.round().await);
            let shown = [none, only, some, all].map(|(rate, each)| format!("{rate:>7.0} ({each:>4.0})"));
            println!("  round {:>2} {}   ratio {:.3}", round + 1, shown.join("   "), some.0 / none.0);
        }
    }
    println!("  {} spans were sent", collector.spans().len());
    let what = "task(id) with metrics and 5 % traced, of its throughput without".to_owned();
    vec![Bar { what, measured: median(&ratios), limit: 0.95, at_least: true }]
}
