//! What it costs to be watched: an authorized `task(id)` at a gateway that counts and traces, against one that does
//! neither. Two gateways, each on a database of its own, in turns.

use crate::{
    Bar,
    load::{Callers, Request, median},
    process::processor_seconds,
};
use blackbox::{Collector, Settings, Storage, World};
use serde_json::json;
use std::time::Duration;

const CONNECTIONS: usize = 16;
/// Many and short: whatever else the machine does then meets all sides.
const ROUNDS: usize = 200;
const TIME: Duration = Duration::from_millis(120);
const WARM: Duration = Duration::from_secs(1);
const DOCUMENT: &str = "query($id: ID!) { task(id: $id) { id name status createdAt updatedAt params } }";

/// A gateway under load, and what came of it.
struct Side {
    world: World,
    callers: Callers,
    rates: Vec<f64>,
    /// In the server, in seconds.
    processor: f64,
}

impl Side {
    async fn start(settings: Settings) -> Self {
        let world = World::with(settings, Storage::Url).await;
        let id = world.make(json!({ "agentId": world.agent, "params": { "goal": "measure" } })).await;
        let token = world.owner.token.clone().unwrap();
        let body = json!({ "query": DOCUMENT, "variables": { "id": id } }).to_string();
        let request = Request::new(&world.server.demo.url(), "POST", "/graphql", &token, &body, "measure");
        let mut callers = Callers::open(&request, CONNECTIONS).await;
        callers.throughput(WARM).await;
        Self { world, callers, rates: vec![], processor: 0.0 }
    }

    async fn round(&mut self) {
        let before = processor_seconds(self.world.server.pid());
        self.rates.push(self.callers.throughput(TIME).await);
        self.processor += processor_seconds(self.world.server.pid()) - before;
    }

    /// Begins anew.
    fn forget(&mut self) {
        self.rates.clear();
        self.processor = 0.0;
    }

    /// Answers per second, and the processor time in the server for each, in microseconds.
    fn shown(&self) -> String {
        let answers = self.rates.iter().sum::<f64>() * TIME.as_secs_f64();
        format!("{:>7.0} ({:>4.0})", median(&self.rates), self.processor / answers * 1e6)
    }

    /// How much of what `other` answers this answers, round by round.
    fn of(&self, other: &Self) -> f64 {
        median(&self.rates.iter().zip(&other.rates).map(|(rate, whole)| rate / whole).collect::<Vec<_>>())
    }
}

/// Asks each for so many rounds.
async fn in_turns(mut turns: Vec<&mut Side>, rounds: usize) {
    for round in 0..rounds {
        for side in &mut turns {
            side.round().await;
        }
        // Whoever goes first changes, so that a drift of the machine favours nobody.
        turns.reverse();
        if round % 2 == 1 {
            turns.rotate_left(1);
        }
    }
}

/// The throughput that is left, with the usual share of requests traced, and with all of them.
pub async fn measure() -> Vec<Bar> {
    let collector = Collector::counting().await;
    let traced = |ratio: &str| {
        Settings::default().with("TASKGATE_TRACES__OTLP", &collector.url).with("TASKGATE_TRACES__RATIO", ratio)
    };
    let mut off = Side::start(Settings::default().with("TASKGATE_METRICS__RECORD", "false")).await;
    let mut counted = Side::start(Settings::default()).await;
    let mut usual = Side::start(traced("0.05")).await;
    in_turns(vec![&mut off, &mut counted, &mut usual], ROUNDS).await;
    let spans = collector.count();
    println!(
        "\nan authorized task(id), unwatched and watched; {CONNECTIONS} connections, answers per second (processor time for each, µs)"
    );
    for (what, side) in [("unwatched", &off), ("metrics only", &counted), ("and 5 % traced", &usual)] {
        println!("  {what:<16}{}   ratio {:.3}", side.shown(), side.of(&off));
    }
    println!("  {spans} spans were sent");
    let what = "task(id) with metrics and 5 % traced, of its throughput without".to_owned();
    let bar = Bar { what, measured: usual.of(&off), limit: 0.95, at_least: true };

    // By itself: it sends so much that it would still be sending in the turns of the others.
    let mut whole = Side::start(traced("1")).await;
    off.forget();
    in_turns(vec![&mut off, &mut whole], ROUNDS / 4).await;
    println!("  {:<16}{}   ratio {:.3}", "all traced", whole.shown(), whole.of(&off));
    vec![bar]
}
