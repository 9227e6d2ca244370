//! The process itself: how soon it answers, and how much memory it holds while nobody asks.

use crate::Bar;
use blackbox::{Server, Storage, World, documents};
use serde_json::json;
use std::time::{Duration, Instant};

/// From the start of the process to the first authorized answer over GraphQL. Printed; a time has no bar.
pub async fn start() -> Vec<Bar> {
    println!("\nfrom the start of the process to the first authorized GraphQL answer, in seconds");
    for (name, storage) in [
        ("memory", Storage::Memory),
        ("a PostgreSQL that is there, new schema", Storage::Url),
        ("a private PostgreSQL, made anew", Storage::Private),
    ] {
        let server = first_answer(name, || Server::start(storage)).await;
        if storage == Storage::Private {
            first_answer("a private PostgreSQL, started again", || server.again()).await;
        }
    }
    vec![]
}

async fn first_answer<F: Future<Output = Server>>(name: &str, start: impl FnOnce() -> F) -> Server {
    let asked = Instant::now();
    let server = start().await;
    server.viewer().gql("{ tasks { nodes { id } } }", json!({})).await.data();
    println!("  {name:<42}{:.2}", asked.elapsed().as_secs_f64());
    server
}

fn resident_mib(pid: u32) -> f64 {
    memory_mib(pid, "VmRSS:").unwrap()
}

/// A figure of a process's memory, while it runs.
pub fn memory_mib(pid: u32, figure: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? / 1024.0)
}

/// Resident memory on a real PostgreSQL: idle after its start, and idle after some work.
pub async fn memory() -> Vec<Bar> {
    let world = World::on(Server::start(Storage::Url).await);
    let task = world.task().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = resident_mib(world.server.pid());
    for _ in 0..2_000 {
        world.owner.gql(documents::TASK, json!({ "id": task })).await.data();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!(
        "\nresident memory, MiB: idle {idle:.1}, idle after 2000 requests {:.1}",
        resident_mib(world.server.pid())
    );
    vec![Bar { what: "idle memory on PostgreSQL, MiB".to_owned(), measured: idle, limit: 40.0, at_least: false }]
}

/// The processor time that a process has used so far, in seconds.
pub fn processor_seconds(pid: u32) -> f64 {
    // Ticks of a hundredth of a second, on every Linux there is; the name before them may hold spaces.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}
