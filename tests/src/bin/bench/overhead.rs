//! A thousand tasks with six guarded fields, over GraphQL and as plain JSON over REST: the same rows, the same
//! gate, in turns.

use crate::{
    Bar,
    load::{Connection, Request, median},
};
use blackbox::{Server, Storage, World, world};
use serde_json::json;

const TASKS: usize = 1_000;
const ROUNDS: usize = 101;
const DOCUMENT: &str = "query($these: [_Any!]!) { _entities(representations: $these) { ... on Task {
    id name status statusReason createdAt updatedAt taskMetadata } } }";

/// The time for one over that for the other.
pub async fn measure() -> Vec<Bar> {
    let world = World::on(Server::start(Storage::Url).await);
    let mut these = vec![];
    for n in 0..TASKS {
        let input =
            json!({ "agentId": world.agent, "name": world::nobody(), "taskMetadata": { "goal": "measure", "n": n } });
        these.push(json!({ "__typename": "Task", "id": world.make(input).await }));
    }
    let (url, token) = (world.server.demo.url(), world.owner.token.clone().unwrap());
    let body = json!({ "query": DOCUMENT, "variables": { "these": these } }).to_string();
    let graphql = Request::new(&url, "POST", "/graphql", &token, &body, "measure");
    let path = format!("/tasks?limit={TASKS}");
    let rest = Request::new(&url, "GET", &path, &token, "", "measure");
    let (mut over_graphql, mut over_rest) = (Connection::open(&graphql).await, Connection::open(&rest).await);
    let (mut ours, mut plain) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        ours.push(over_graphql.send(&graphql).await.as_secs_f64() * 1e3);
        plain.push(over_rest.send(&rest).await.as_secs_f64() * 1e3);
    }
    let (ours, plain) = (median(&ours), median(&plain));
    println!("\n{TASKS} tasks, six guarded fields: GraphQL {ours:.1} ms, as plain JSON {plain:.1} ms");
    let what = "a thousand tasks over GraphQL, times plain JSON".to_owned();
    vec![Bar { what, measured: ours / plain, limit: 2.0, at_least: false }]
}
