//! What the gateway costs, measured from outside on a real PostgreSQL. `tests/bench/run` builds it in
//! release and starts it.
//!
//! Ratios have bars, since they mean the same on every machine; times are printed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a driver that prints what it measured, and panics when it cannot measure"
)]

mod bare;
mod cached;
mod cardinality;
mod create;
mod faults;
mod growth;
mod hostile;
mod load;
mod overhead;
mod process;
mod ratio;
mod readers;
mod reconcile;
mod revokes;
mod telemetry;

use std::process::ExitCode;

/// A measured figure that has a bar.
struct Bar {
    what: String,
    measured: f64,
    limit: f64,
    /// Whether more is better.
    at_least: bool,
}

impl Bar {
    fn holds(&self) -> bool {
        if self.at_least { self.measured >= self.limit } else { self.measured <= self.limit }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, url, agent] = arguments.as_slice()
        && word == "bare"
    {
        bare::serve(url, agent).await;
        return ExitCode::SUCCESS;
    }
    let check = arguments.iter().any(|word| word == "--check");
    let only: Vec<_> = arguments.iter().filter(|word| !word.starts_with("--")).map(String::as_str).collect();
    let wanted = |name: &str| only.is_empty() || only.contains(&name);
    let mut bars = vec![];
    if wanted("start") {
        bars.extend(process::start().await);
    }
    if wanted("memory") {
        bars.extend(process::memory().await);
    }
    if wanted("ratio") {
        bars.extend(ratio::measure().await);
    }
    if wanted("telemetry") {
        bars.extend(telemetry::measure().await);
    }
    if wanted("create") {
        bars.extend(create::measure().await);
    }
    if wanted("hostile") {
        bars.extend(hostile::measure().await);
    }
    if wanted("overhead") {
        bars.extend(overhead::measure().await);
    }
    if wanted("growth") {
        bars.extend(growth::measure().await);
    }
    if wanted("readers") {
        bars.extend(readers::measure().await);
    }
    if wanted("reconcile") {
        bars.extend(reconcile::measure().await);
    }
    if wanted("cached") {
        bars.extend(cached::measure().await);
    }
    if wanted("cardinality") {
        bars.extend(cardinality::measure().await);
    }
    // Not measurements, and long: only by name.
    if only.contains(&"revokes") {
        revokes::drive().await;
    }
    if only.contains(&"faults") {
        faults::drive().await;
    }
    println!("\n{:<64}{:>10}{:>14}", "bar", "measured", "bar");
    for bar in &bars {
        let (sign, word) = (if bar.at_least { "≥" } else { "≤" }, if bar.holds() { "" } else { "  MISSED" });
        println!("{:<64}{:>10.2}{:>12} {:.2}{word}", bar.what, bar.measured, sign, bar.limit);
    }
    if check && !bars.iter().all(Bar::holds) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
