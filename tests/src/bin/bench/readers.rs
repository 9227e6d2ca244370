//! A page of 50 tasks of a million, for callers who may read 10, 1,000, 100,000 and all of them. One database
//! and one server, whose callers are asked in turns.

use crate::{
    Bar, growth,
    load::{Connection, Request, median},
};
use blackbox::{As, Settings, Storage};
use serde_json::{Value, json};

const SIZE: u32 = 1_000_000;
const READABLE: [u32; 4] = [10, 1_000, 100_000, SIZE];
const ROUNDS: usize = 200;
const TENANT: &str = "demo";

const DOCUMENT: &str = "{ tasks(first: 50) { nodes { id name status } pageInfo { hasNextPage } } }";

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

/// The median time for each reader, and how far the worst is from the best.
pub async fn measure() -> Vec<Bar> {
    let config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(config.path(), tokens()).unwrap();
    let settings = Settings::default()
        .with("TASKGATE_CONFIG", config.path().to_str().unwrap())
        .with("TASKGATE_DATABASE__MAX_CONNECTIONS", "4");
    let server = settings.start(Storage::Url).await;
    growth::fill(&server, &server.caller("operator"), SIZE).await;
    for readable in READABLE {
        let (who, step) = (reader(readable), SIZE / readable);
        // Spread evenly, and the newest is not among them.
        let held = format!(
            "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
             SELECT 'task', id, 'viewer', 'user', '{who}' FROM
                (SELECT id, row_number() OVER (ORDER BY created_at DESC) AS place FROM tasks) AS placed
             WHERE place % {step} = 0"
        );
        server.database().run(&held).await;
    }
    server.database().run("VACUUM ANALYZE relationships").await;

    let mut open = vec![];
    for readable in READABLE {
        let who = reader(readable);
        let caller = As::new("reader", &server.demo.url(), Some(format!("token-of-{who}")), None);
        let seen = caller.gql(DOCUMENT, json!({})).await.data();
        let nodes = seen.pointer("/tasks/nodes").and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(nodes, usize::try_from(readable.min(50)).unwrap(), "{who}: {seen}");
        let body = json!({ "query": DOCUMENT }).to_string();
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
    println!("\na page of 50 of {SIZE} tasks, by how many the caller may read: median milliseconds");
    let medians: Vec<_> = open.iter().map(|(readable, _, _, times)| (*readable, median(times))).collect();
    for (readable, time) in &medians {
        println!("  {readable:>10}{:>10.2}", time * 1000.0);
    }
    let smallest = medians.first().map_or(f64::NAN, |(_, time)| *time);
    let worst = medians.iter().map(|(_, time)| *time).fold(0.0, f64::max);
    server.database().clone().drop().await;
    vec![Bar {
        what: "page of 50 of 1,000,000: slowest reader of the one who may read 10".into(),
        measured: worst / smallest,
        limit: 2.0,
        at_least: false,
    }]
}
