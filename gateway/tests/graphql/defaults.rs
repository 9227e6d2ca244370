//! Variables that are left out have the defaults their operation gives them, wherever they stand.

use crate::world::{Who, World, codes};
use serde_json::{Value, json};

async fn ask(world: &World, query: &str, variables: Value) -> Value {
    let mut variables = variables;
    variables["id"] = json!(world.task);
    world.ask(Who::Owner, query, variables).await
}

#[tokio::test]
async fn a_mutation_that_is_skipped_by_default_is_not_executed() {
    let world = World::new().await;
    for dry in ["$dry: Boolean = true", "$dry: Boolean! = true"] {
        let delete = format!("mutation($id: ID!, {dry}) {{ deleteTask(id: $id) @skip(if: $dry) {{ id }} }}");
        assert_eq!(ask(&world, &delete, json!({})).await, json!({ "data": {} }), "{dry}");
        assert_eq!(codes(&ask(&world, &delete, json!({ "dry": null })).await), ["GRAPHQL_VALIDATION_FAILED"], "{dry}");
    }
    let delete = "mutation($id: ID!, $wet: Boolean = false) { ...Delete @include(if: $wet) }
        fragment Delete on Mutation { deleteTask(id: $id) { id } }";
    assert_eq!(ask(&world, delete, json!({})).await, json!({ "data": {} }));
    assert_eq!(codes(&ask(&world, delete, json!({ "wet": null })).await), ["GRAPHQL_VALIDATION_FAILED"]);
    let name = ask(&world, "query($id: ID!) { task(id: $id) { name } }", json!({})).await;
    assert_eq!(name, json!({ "data": { "task": { "name": "the task" } } }), "it is still there");
    let done = ask(&world, delete, json!({ "wet": true })).await;
    assert_eq!(done["data"]["deleteTask"]["id"], world.task.as_str());
}

#[tokio::test]
async fn a_field_that_is_included_by_default_is_answered() {
    let world = World::new().await;
    let query = "query($id: ID!, $with: Boolean = true) { task(id: $id) { id ... { ...Named } } }
        fragment Named on Task { name @include(if: $with) }";
    let named = json!({ "data": { "task": { "id": world.task, "name": "the task" } } });
    assert_eq!(ask(&world, query, json!({})).await, named);
    assert_eq!(ask(&world, query, json!({ "with": true })).await, named);
    let without = json!({ "data": { "task": { "id": world.task } } });
    assert_eq!(ask(&world, query, json!({ "with": false })).await, without);
    assert_eq!(codes(&ask(&world, query, json!({ "with": null })).await), ["GRAPHQL_VALIDATION_FAILED"]);
    // Of the operation that is chosen.
    let two = "query A($id: ID!, $with: Boolean = false) { task(id: $id) { id name @include(if: $with) } }
        query B($id: ID!, $with: Boolean = true) { task(id: $id) { id name @include(if: $with) } }";
    for (name, answer) in [("A", without), ("B", named)] {
        let body = json!({ "query": two, "variables": { "id": world.task }, "operationName": name });
        assert_eq!(world.post(Who::Owner, body.to_string()).await.json(), answer, "{name}");
    }
    // What another operation asks of a variable of that name is not this one's.
    let two = "query A($n: Int = 1) { tasks(first: $n) { nodes { name } } }
        query B($n: String = \"the task\") { task(name: $n) { name } }";
    for name in ["A", "B"] {
        let answer = world.post(Who::Owner, json!({ "query": two, "operationName": name }).to_string()).await.json();
        assert!(answer.get("errors").is_none() && answer.to_string().contains("the task"), "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_null_is_none_where_nothing_hangs_on_it() {
    let world = World::new().await;
    let query = "query($id: ID!, $first: Int = 1, $name: String = \"x\") {
        task(id: $id) { id checkpoints(first: $first, namespace: $name) { nodes { checkpointId } } } }";
    for variables in [json!({}), json!({ "name": null }), json!({ "first": null, "name": null })] {
        let answer = ask(&world, query, variables.clone()).await;
        assert_eq!(answer["data"]["task"]["id"], world.task.as_str(), "{variables}: {answer}");
    }
}
