//! A page of 50 tasks for a caller who may read 100 of N, as N grows. All databases and servers are there
//! at once and asked in turns, so that a drift of the machine meets all of them.

use crate::{
    Bar,
    load::{Connection, Request, median},
};
use blackbox::{As, Server, Settings, Storage};
use serde_json::{Value, json};

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
const READABLE: u32 = 100;
const ROUNDS: usize = 300;

/// The lists that are measured; the first two have the bar.
const LISTS: &[(&str, &str)] = &[
    ("newest first", "{ tasks(first: 50) { nodes { id name status } pageInfo { hasNextPage } } }"),
    (
        "latest change first",
        "{ tasks(first: 50, orderBy: { field: UPDATED_AT }) { nodes { id name status } pageInfo { hasNextPage } } }",
    ),
    ("by name", "{ tasks(first: 50, orderBy: { field: NAME, direction: ASC }) { nodes { id name status } } }"),
    ("running ones", "{ tasks(first: 50, filter: { status: RUNNING }) { nodes { id name status } } }"),
];

/// Fills a database with `size` tasks of the demo's owner, 100 of which the reader may read, spread evenly.
pub async fn fill(server: &Server, reader: &As, size: u32) {
    let (database, agent, owner) = (server.database(), server.demo.agent(), server.owner());
    let (owner, reader, step) = (owner.id(), reader.id(), size / READABLE);
    database
        .run(&format!(
            "CREATE TABLE made AS SELECT i, gen_random_uuid()::text AS id, now() - i * interval '1 second' AS at
                FROM generate_series(0, {size} - 1) AS i;
             INSERT INTO tasks (id, name, status, status_reason, created_at, updated_at, params, task_metadata, tenant, creator_user_id)
                SELECT id, 'made-' || md5(id), 'RUNNING', 'made', at,
                    now() - (random() * {size}) * interval '1 second', '{{\"goal\":\"be many\"}}', jsonb_build_object('k', i % 10),
                    'demo', '{owner}'
                FROM made;
             INSERT INTO task_agents (task_id, agent_id) SELECT id, '{agent}' FROM made;
             INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id, resource_created_at)
                SELECT 'task', id, relation, subject_kind, subject_id, at FROM made, (VALUES
                    ('tenant', 'tenant', 'demo'), ('parent_agent', 'agent', '{agent}'), ('owner', 'user', '{owner}')
                ) AS held (relation, subject_kind, subject_id)
                UNION ALL SELECT 'task', id, 'viewer', 'user', '{reader}', at FROM made WHERE i % {step} = 0;
             DROP TABLE made;"
        ))
        .await;
    database.run("VACUUM ANALYZE").await;
    let seen = format!("SELECT count(*) FROM relationships WHERE relation = 'viewer' AND subject_id = '{reader}'");
    assert_eq!(database.number(&seen).await, i64::from(READABLE));
}

struct Case {
    size: u32,
    server: Server,
    reader: As,
}

/// The median time of each list at each size, and how it grew.
pub async fn measure() -> Vec<Bar> {
    let mut cases = vec![];
    for size in SIZES {
        let server = Settings::default().with("TASKGATE_DATABASE__MAX_CONNECTIONS", "4").start(Storage::Url).await;
        // Holds nothing else: runs the tenant, and no task.
        let reader = server.caller("operator");
        fill(&server, &reader, size).await;
        cases.push(Case { size, server, reader });
    }
    println!("\na page of 50 for a caller who may read {READABLE} of N: median milliseconds");
    println!("  {:<22}{:>10}{:>10}{:>10}{:>10}{:>10}", "N", SIZES[0], SIZES[1], SIZES[2], SIZES[3], "growth");
    let mut bars = vec![];
    for (name, document) in LISTS {
        let medians = medians(&cases, document).await;
        let (first, last) = (medians.first().unwrap(), medians.last().unwrap());
        print!("  {name:<22}");
        for time in &medians {
            print!("{:>10.2}", time * 1000.0);
        }
        println!("{:>10.2}", last / first);
        let worst = medians.iter().copied().fold(0.0, f64::max) / first;
        bars.push(Bar {
            what: format!("page of 50, {name}: slowest N of N = 1000"),
            measured: worst,
            limit: 1.5,
            at_least: false,
        });
    }
    bars.truncate(2);
    for case in cases {
        case.server.database().clone().drop().await;
    }
    bars
}

async fn medians(cases: &[Case], document: &str) -> Vec<f64> {
    let body = json!({ "query": document }).to_string();
    let mut open = vec![];
    for case in cases {
        let token = case.reader.token.clone().unwrap();
        let request = Request::new(&case.server.demo.url(), "POST", "/graphql", &token, &body, "made-");
        open.push((Connection::open(&request).await, request, vec![]));
        let whole = case.reader.gql(document, json!({})).await.data();
        let nodes = whole.pointer("/tasks/nodes").and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(nodes, 50, "a full page of N = {}", case.size);
    }
    for round in 0..ROUNDS + 20 {
        for (connection, request, times) in &mut open {
            let took = connection.send(request).await.as_secs_f64();
            if round >= 20 {
                times.push(took);
            }
        }
    }
    open.iter().map(|(_, _, times)| median(times)).collect()
}
