//! A page of 50 tasks of a million, for callers who may read 10, 1,000, 100,000 and all of them. One database, and
//! for each engine one server, whose callers are asked in turns.

use crate::{
    Bar, growth,
    load::{Connection, Request, median},
};
use blackbox::{
    As, Server, Settings, Storage,
    gateways::{with_cache, with_spicedb},
    spicedb,
};
use serde_json::{Value, json};

const SIZE: u32 = 1_000_000;
const READABLE: [u32; 4] = [10, 1_000, 100_000, SIZE];
const ROUNDS: usize = 200;
const TENANT: &str = "demo";

const DOCUMENT: &str = "{ tasks(first: 50) { nodes { id name status } pageInfo { hasNextPage } } }";
const CHANGED: &str =
    "{ tasks(first: 50, orderBy: { field: UPDATED_AT }) { nodes { id name status } pageInfo { hasNextPage } } }";

/// Who may read so many.
fn reader(readable: u32) -> String {
    format!("reader-of-{readable}")
}

/// A configuration in which each reader has a token.
fn tokens() -> String {
    let token = |readable: &u32| {
        let who = reader(*readable);
        format!("[[tokens]]\ntoken = 'token-of-{who}'\nprincipal = 'user:{who}'\ntenant = '{TENANT}'\n")
    };
    READABLE.iter().map(token).collect()
}

/// Asks at one server for each reader, in turns: the median times, by how many they may read.
async fn medians(server: &Server, document: &str) -> Vec<(u32, f64)> {
    let mut open = vec![];
    for readable in READABLE {
        let who = reader(readable);
        let caller = As::new("reader", &server.demo.url(), Some(format!("token-of-{who}")), None);
        let seen = caller.gql(document, json!({})).await.data();
        let nodes = seen.pointer("/tasks/nodes").and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(nodes, usize::try_from(readable.min(50)).unwrap(), "{who}: {seen}");
        let body = json!({ "query": document }).to_string();
        let request = Request::new(&server.demo.url(), "POST", "/graphql", &caller.token.unwrap(), &body, "made-");
        open.push((readable, Connection::open(&request).await, request, vec![]));
    }
    for round in 0..ROUNDS + 20 {
        for (_, connection, request, times) in &mut open {
            let took = connection.send(request).await.as_secs_f64();
            if round >= 20 {
                times.push(took);
            }
        }
    }
    open.iter().map(|(readable, _, _, times)| (*readable, median(times))).collect()
}

/// Prints one row, and says how far the worst is from the one who may read the fewest.
fn row(what: &str, medians: &[(u32, f64)]) -> f64 {
    print!("  {what:<40}");
    for (_, time) in medians {
        print!("{:>10.2}", time * 1000.0);
    }
    let smallest = medians.first().map_or(f64::NAN, |(_, time)| *time);
    let worst = medians.iter().map(|(_, time)| *time).fold(0.0, f64::max) / smallest;
    println!("{worst:>10.2}");
    worst
}

/// The median time for each reader, and how far the worst is from the best: with relationships beside the rows, and in
/// SpiceDB, with a cache and without.
pub async fn measure() -> Vec<Bar> {
    let config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(config.path(), tokens()).unwrap();
    let settings = Settings::default()
        .with("TASKGATE_CONFIG", config.path().to_str().unwrap())
        .with("TASKGATE_DATABASE__MAX_CONNECTIONS", "4");
    // SpiceDB keeps a million relationships in memory here, and takes its time to look through them.
    let patient = settings.clone().with("TASKGATE_SPICEDB__TIMEOUT_MS", "20000");
    let elsewhere = with_spicedb(patient).await;
    let server = settings.start(Storage::Url).await;
    growth::fill(&server, &server.caller("operator"), SIZE).await;
    for readable in READABLE {
        let (who, step) = (reader(readable), SIZE / readable);
        // Spread evenly, and the newest is not among them.
        let held = format!(
            "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id, resource_created_at)
             SELECT 'task', id, 'viewer', 'user', '{who}', created_at FROM
                (SELECT id, created_at, row_number() OVER (ORDER BY created_at DESC) AS place FROM tasks) AS placed
             WHERE place % {step} = 0"
        );
        server.database().run(&held).await;
        let of = format!("SELECT resource_id FROM relationships WHERE subject_kind = 'user' AND subject_id = '{who}'");
        let tasks = server.database().rows(&of).await;
        let tasks: Vec<_> = tasks.iter().map(|row| row.trim_matches(['(', ')']).to_owned()).collect();
        spicedb::give(&tasks, "viewer", &who).await;
    }
    server.database().run("VACUUM ANALYZE relationships").await;

    println!("\na page of 50 of {SIZE} tasks, by how many the caller may read: median milliseconds");
    println!("  {:<40}{:>10}{:>10}{:>10}{:>10}{:>10}", "", READABLE[0], READABLE[1], READABLE[2], "all", "worst");
    let mut bars = vec![];
    let mut bar = |what: &str, measured| {
        let what = format!("page of 50 of 1,000,000, {what}: slowest reader of the one of 10");
        bars.push(Bar { what, measured, limit: 2.0, at_least: false });
    };
    bar("embedded", row("embedded, newest first", &medians(&server, DOCUMENT).await));
    row("embedded, latest change first", &medians(&server, CHANGED).await);
    let kept = with_cache(elsewhere.clone()).start_on(server.database().clone()).await;
    bar("SpiceDB, kept", row("SpiceDB, kept, newest first", &medians(&kept, DOCUMENT).await));
    drop(kept);
    let bare = elsewhere.start_on(server.database().clone()).await;
    row("SpiceDB, newest first", &medians(&bare, DOCUMENT).await);
    drop(bare);
    server.database().clone().drop().await;
    bars
}
