//! Comparing rows and relationships with the operator's command: how long it takes, and whether it needs more
//! memory when there are more of them.

use crate::{Bar, growth::fill, process::memory_mib};
use blackbox::{Server, Storage};
use serde_json::{Value, json};
use std::{
    io::Read as _,
    process::Stdio,
    time::{Duration, Instant},
};

const FEW: u32 = 100_000;
const MANY: u32 = 1_000_000;
/// How many orphans there are in each direction, among many.
const ORPHANS: u32 = 1_000;

/// What one run of the command came to.
struct Run {
    seconds: f64,
    peak_mib: f64,
    summary: Value,
}

impl Run {
    fn of(&self, what: &str) -> &Value {
        self.summary.get(what).unwrap()
    }
}

/// Runs the command to its end, and watches its memory.
fn run(server: &Server, arguments: &[&str]) -> Run {
    let begun = Instant::now();
    let arguments = [&["dual-write"], arguments, &["--grace", "0", "--json"]].concat();
    let mut command = server.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = command.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        said.read_to_string(&mut text).unwrap();
        text
    });
    let mut peak_mib: f64 = 0.0;
    while command.try_wait().unwrap().is_none() {
        peak_mib = memory_mib(command.id(), "VmHWM:").map_or(peak_mib, |peak| peak_mib.max(peak));
        std::thread::sleep(Duration::from_millis(5));
    }
    let (seconds, text) = (begun.elapsed().as_secs_f64(), reader.join().unwrap());
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    Run { seconds, peak_mib, summary: last.get("summary").unwrap().clone() }
}

/// A server on a database with so many tasks.
async fn filled(size: u32) -> Server {
    let server = Server::start(Storage::Url).await;
    fill(&server, &server.caller("operator"), size).await;
    server
}

/// The time and the memory of a comparison.
pub async fn measure() -> Vec<Bar> {
    println!("\ncomparing rows and relationships: `taskgate dual-write`");
    println!("  {:<34}{:>12}{:>10}{:>12}", "", "rows", "seconds", "peak MiB");
    let show = |name: &str, run: &Run| {
        let rows = run.of("rows");
        println!("  {name:<34}{rows:>12}{:>10.1}{:>12.1}", run.seconds, run.peak_mib);
    };
    let few = filled(FEW).await;
    let small = run(&few, &["orphans"]);
    show("orphans, none", &small);
    few.database().clone().drop().await;

    let many = filled(MANY).await;
    let large = run(&many, &["orphans"]);
    show("orphans, none", &large);
    assert_eq!(large.of("unregistered_rows"), &json!(0));
    many.database()
        .run(&format!(
            "CREATE TABLE chosen AS SELECT id FROM tasks WHERE name LIKE 'made-%' LIMIT {ORPHANS};
             DELETE FROM relationships USING chosen WHERE resource_kind = 'task' AND resource_id = chosen.id;
             INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
                SELECT 'task', gen_random_uuid()::text, 'owner', 'user', 'u' FROM chosen;
             DROP TABLE chosen"
        ))
        .await;
    let repair = run(&many, &["reconcile"]);
    show(&format!("reconcile, {ORPHANS} in each direction"), &repair);
    assert_eq!(repair.of("repaired"), &json!(2 * ORPHANS), "{:#}", repair.summary);
    let after = run(&many, &["orphans"]);
    show("orphans, after that", &after);
    assert_eq!((after.of("repairable"), after.of("complete")), (&json!(0), &json!(true)));
    many.database().clone().drop().await;
    let bar = |what: &str, measured, limit| Bar { what: what.to_owned(), measured, limit, at_least: false };
    vec![
        bar("1,000,000 rows and relationships compared, seconds", large.seconds, 60.0),
        bar("the same with repairs, seconds", repair.seconds, 60.0),
        bar("peak memory of 1,000,000, of that of 100,000", large.peak_mib / small.peak_mib, 1.25),
    ]
}
