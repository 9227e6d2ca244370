//! The two edges show everybody the same.

use blackbox::{As, Storage, World, world};
use serde_json::{Value, json};

/// What both edges say of a task in a list. REST leaves `params` out of lists.
fn task(id: &Value, name: &Value, status: &Value, metadata: &Value) -> Value {
    json!([id, name, status, metadata])
}

async fn over_graphql(caller: &As, agent: &str) -> Vec<Value> {
    let document = "query($agent: ID!, $after: String) { tasks(first: 7, after: $after, filter: { agentId: $agent }, \
        orderBy: { field: CREATED_AT, direction: ASC }) { nodes { id name status taskMetadata } pageInfo { hasNextPage endCursor } } }";
    let (mut all, mut after) = (vec![], Value::Null);
    loop {
        let page = caller.gql(document, json!({ "agent": agent, "after": after })).await.data()["tasks"].take();
        let nodes = page["nodes"].as_array().unwrap();
        all.extend(nodes.iter().map(|node| task(&node["id"], &node["name"], &node["status"], &node["taskMetadata"])));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

async fn over_rest(caller: &As, agent: &str) -> Vec<Value> {
    let path = format!("/tasks?limit=100&agent_id={agent}&order_by=created_at&order_direction=asc");
    let all = caller.get(&path).await.expect(200);
    let all = all.as_array().unwrap().iter();
    all.map(|row| task(&row["id"], &row["name"], &row["status"], &row["task_metadata"])).collect()
}

#[tokio::test]
async fn both_edges_list_the_same_for_everybody() {
    for storage in [Storage::Url, Storage::Memory] {
        let world = World::new(storage).await;
        let people = [world.server.editor(), world.server.viewer()];
        for n in 0..24 {
            let input = json!({ "agentId": world.agent, "name": world::nobody(), "taskMetadata": { "n": n } });
            let id = world.make(input).await;
            if n % 2 == 0 {
                world.share(&id, &people[0], "EDITOR").await;
            }
            if n % 3 == 0 {
                world.share(&id, &people[1], "VIEWER").await;
            }
        }
        let mut counts = vec![];
        let [editor, viewer] = people;
        for caller in [world.server.owner(), editor, viewer, world.server.stranger()] {
            let (graphql, rest) = (over_graphql(&caller, &world.agent).await, over_rest(&caller, &world.agent).await);
            assert_eq!(graphql, rest, "{}", caller.name);
            counts.push(graphql.len());
        }
        // The demo's own tasks are among them.
        let [owner, editor, viewer, stranger] = counts[..] else { panic!("{counts:?}") };
        assert!(owner >= 24 && owner - editor >= 12 && owner - viewer >= 16 && stranger == 0, "{counts:?}");
    }
}
