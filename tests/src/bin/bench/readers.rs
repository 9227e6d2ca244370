//! A page of 50 tasks of a million, for callers who may read 10, 1,000, 100,000 and all of them. One database, and
//! for each engine one server, whose callers are asked in turns.

use crate::{
    Bar, growth,
    load::{Connection, Request, median},
};
use authz_service::Service;
use blackbox::{
    As, Database, Server, Settings, Storage,
    gateways::{with_cache, with_spicedb},
    spicedb,
};
use serde_json::{Value, json};
use std::{process::Stdio, time::Duration};

const SIZE: u32 = 1_000_000;
const READABLE: [u32; 4] = [10, 1_000, 100_000, SIZE];
const ROUNDS: usize = 200;
/// Where each page takes a second.
const FEW: usize = 20;
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

/// Asks at one server for each reader, so many times in turns: the median times, by how many they may read.
async fn medians(server: &Server, document: &str, rounds: usize) -> Vec<(u32, f64)> {
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
    let warm = rounds / 10;
    for round in 0..warm + rounds {
        for (_, connection, request, times) in &mut open {
            let took = connection.send(request).await.as_secs_f64();
            if round >= warm {
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

/// Tasks, and readers of that many of them, evenly spread; the newest is nobody's.
async fn world(settings: Settings) -> Server {
    let server = settings.start(Storage::Url).await;
    growth::fill(&server, &server.caller("operator"), SIZE).await;
    for readable in READABLE {
        let (who, step) = (reader(readable), SIZE / readable);
        let held = format!(
            "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id, resource_created_at)
             SELECT 'task', id, 'viewer', 'user', '{who}', created_at FROM
                (SELECT id, created_at, row_number() OVER (ORDER BY created_at DESC) AS place FROM tasks) AS placed
             WHERE place % {step} = 0"
        );
        server.database().run(&held).await;
    }
    server.database().run("VACUUM ANALYZE relationships").await;
    server
}

fn head() {
    println!("\na page of 50 of {SIZE} tasks, by how many the caller may read: median milliseconds");
    print!("  {:<40}", "");
    for readable in READABLE {
        print!("{readable:>10}");
    }
    println!("{:>10}", "worst");
}

/// The median time for each reader, and how far the worst is from the one who may read the fewest: with relationships
/// beside the rows, at an agentex-auth service and in SpiceDB, whose lists are found beside them.
pub async fn measure() -> Vec<Bar> {
    let config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(config.path(), tokens()).unwrap();
    let settings = Settings::default()
        .with("TASKGATE_CONFIG", config.path().to_str().unwrap())
        .with("TASKGATE_DATABASE__MAX_CONNECTIONS", "4");

    let embedded = world(settings.clone()).await;
    head();
    let near = row("embedded, newest first", &medians(&embedded, DOCUMENT, ROUNDS).await);
    row("embedded, latest change first", &medians(&embedded, CHANGED, ROUNDS).await);
    let database = embedded.database().clone();
    drop(embedded);
    let readers = held(&database).await;

    let service = Service::start();
    for (who, tasks) in &readers {
        service.let_see(who, tasks).await;
    }
    let elsewhere = settings
        .clone()
        .with("TASKGATE_ENGINE", "proxy")
        .with("TASKGATE_PROXY__ENDPOINT", &service.url)
        .with("TASKGATE_PROXY__AUTHN", "false");
    let kept = with_cache(elsewhere).start_on(database.clone()).await;
    let mut command = kept.command(&["engine", "index", "proxy", "--ours-alone"]);
    assert!(command.stdout(Stdio::null()).status().unwrap().success(), "the index is made");
    tokio::time::sleep(SOON).await;
    let asked = row("agentex-auth, kept, newest first", &medians(&kept, DOCUMENT, ROUNDS).await);
    drop((kept, service));

    let elsewhere = with_spicedb(settings).await;
    for (who, tasks) in &readers {
        spicedb::give(&spicedb::url(), tasks, "viewer", who).await;
    }
    let kept = with_cache(elsewhere.clone()).start_on(database.clone()).await;
    index(&kept, &database).await;
    let far = row("SpiceDB, kept, newest first", &medians(&kept, DOCUMENT, ROUNDS).await);
    drop(kept);
    let bare = elsewhere.start_on(database.clone()).await;
    tokio::time::sleep(SOON).await;
    let without = row("SpiceDB, newest first", &medians(&bare, DOCUMENT, FEW).await);
    drop(bare);
    database.drop().await;

    let bar = |engine: &str, measured| {
        let what = format!("page of 50 of 1,000,000, {engine}: slowest reader of the one of 10");
        Bar { what, measured, limit: 2.0, at_least: false }
    };
    vec![bar("embedded", near), bar("agentex-auth, kept", asked), bar("SpiceDB, kept", far), bar("SpiceDB", without)]
}

/// When a gateway has heard that lists are indexed.
const SOON: Duration = Duration::from_secs(5);

/// The readers, and what each may read.
async fn held(database: &Database) -> Vec<(String, Vec<String>)> {
    let mut readers = vec![];
    for readable in READABLE {
        let who = reader(readable);
        let of = format!("SELECT resource_id FROM relationships WHERE subject_kind = 'user' AND subject_id = '{who}'");
        let tasks = database.rows(&of).await;
        let tasks = tasks.iter().map(|row| row.trim_matches(['(', ')']).to_owned()).collect();
        readers.push((who, tasks));
    }
    readers
}

/// Has the lists of SpiceDB found beside the rows. The relationships stand there already, and a SpiceDB that keeps them
/// in memory takes very long to be read through.
async fn index(gateway: &Server, database: &Database) {
    let mut copying = gateway.command(&["engine", "index", "spicedb"]).stdout(Stdio::null()).spawn().unwrap();
    while database.number("SELECT count(*) FROM relationship_indexes WHERE engine = 'spicedb'").await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    copying.kill().unwrap();
    copying.wait().unwrap();
    database
        .run("UPDATE relationship_indexes SET complete = true WHERE engine = 'spicedb'; NOTIFY taskgate_engine_routes")
        .await;
    tokio::time::sleep(SOON).await;
}
