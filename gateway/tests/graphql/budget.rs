//! How many calls an operation makes: fixed by its shape, whatever the number of rows.

use crate::world::{Terms, Who, World, codes};
use http::Request;
use serde_json::{Value, json};

async fn calls(world: &World, who: Who, query: &str, variables: Value) -> Vec<&'static str> {
    world.calls.take();
    let answer = world.ask(who, query, variables).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    world.calls.take()
}

/// A world with this many more tasks, each with a checkpoint.
async fn with_tasks(count: usize) -> World {
    let world = World::new().await;
    for n in 0..count {
        let task = world.make_task(&format!("task {n}")).await;
        world.put_checkpoint(&task, "1").await;
    }
    world
}

#[tokio::test]
async fn one_task_is_one_check_and_one_row() {
    let world = World::new().await;
    let query = "query($id: ID!) { task(id: $id) { id name status createdAt params taskMetadata creator \
        viewerCan { read update execute cancel delete share } } }";
    assert_eq!(calls(&world, Who::Owner, query, json!({"id": world.task})).await, ["engine.check", "tasks.get"]);
}

#[tokio::test]
async fn a_list_costs_the_same_for_ten_and_for_a_hundred() {
    let query = "query($n: Int!) { tasks(first: $n) { nodes { id name creator access { role } viewerCan { cancel } \
        trackers { id status task { name creator } } \
        latestCheckpoint { checkpointId metadata blobs { channel } pendingWrites { idx } task { status } } \
        checkpoints(first: 2) { nodes { checkpointId blobs { blob } } } \
        agents { id name acpUrl viewerCan { execute } } } pageInfo { hasNextPage } } }";
    let expected = [
        "agents.get",
        "agents.of_tasks",
        "checkpoints.contents",
        "checkpoints.contents",
        "checkpoints.find",
        "checkpoints.list",
        "engine.check", // of the tasks
        "engine.check", // of the agents
        "engine.holders",
        "engine.lookup",
        "tasks.page",
        "trackers.of_tasks",
    ];
    let world = with_tasks(99).await;
    for n in [10, 100] {
        assert_eq!(calls(&world, Who::Owner, query, json!({"n": n})).await, expected, "{n}");
    }
}

/// A page has a hundred rows at most; a router asks for a thousand.
#[tokio::test]
async fn a_thousand_tasks_with_guarded_fields_are_one_check() {
    let terms = Terms::default();
    let limits = gateway::Limits { body_bytes: 1024 * 1024, ..terms.limits };
    let world = World::under(Terms { limits, ..terms }).await;
    let mut these = vec![];
    for n in 0..1_000 {
        these.push(json!({"__typename": "Task", "id": world.make_task(&format!("task {n}")).await}));
    }
    let query = "query($these: [_Any!]!) { _entities(representations: $these) { ... on Task { \
        id name status createdAt params creator viewerCan { cancel } } } }";
    let expected = ["engine.check", "tasks.get"];
    assert_eq!(calls(&world, Who::Owner, query, json!({"these": these[..10]})).await, expected);
    assert_eq!(calls(&world, Who::Owner, query, json!({ "these": these })).await, expected);
    // Page by page, each page is one look-up and one check.
    let query = "query($after: String) { tasks(first: 100, after: $after) { \
        nodes { id name status createdAt params creator viewerCan { cancel } } pageInfo { endCursor hasNextPage } } }";
    world.calls.take();
    let (mut after, mut seen) = (Value::Null, 0);
    loop {
        let page = world.ask(Who::Owner, query, json!({ "after": after })).await["data"]["tasks"].take();
        seen += page["nodes"].as_array().unwrap().len();
        assert_eq!(world.calls.take(), ["engine.check", "engine.lookup", "tasks.page"]);
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
    }
    assert_eq!(seen, 1_001);
}

#[tokio::test]
async fn the_keys_of_a_list_of_agents_are_one_call_and_one_check() {
    let world = World::new().await;
    for n in 0..20 {
        let input = format!("{{name: \"agent-{n}\", description: \"\", acpType: SYNC}}");
        let made = world.owner(&format!("mutation {{ createAgent(input: {input}) {{ id }} }}")).await;
        let agent = made["data"]["createAgent"]["id"].as_str().unwrap().to_owned();
        for key in 0..n % 3 {
            world.make_key(&agent, &format!("key {key}")).await;
        }
    }
    let query = "query($n: Int!) { agents(first: $n) { nodes { id name acpUrl apiKeys(first: 2) { \
        nodes { id name prefix creator viewerCan { delete } } pageInfo { hasNextPage } } } } }";
    // Of the agents, and of all their keys.
    let expected = ["agents.page", "api_keys.of_agents", "engine.check", "engine.check", "engine.lookup"];
    for n in [2, 20] {
        assert_eq!(calls(&world, Who::Owner, query, json!({"n": n})).await, expected, "{n}");
    }
    let id = json!({"id": world.key});
    let query = "query($id: ID!) { apiKey(id: $id) { id name creator viewerCan { delete } } }";
    assert_eq!(calls(&world, Who::Owner, query, id.clone()).await, ["api_keys.get", "engine.check"]);
    let query = "mutation($id: ID!) { deleteApiKey(id: $id) { id name creator viewerCan { delete } } }";
    let expected = ["api_keys.delete", "engine.check", "engine.deregister", "ledger.postpone"];
    assert_eq!(calls(&world, Who::Owner, query, id).await, expected);
    let query = "mutation($id: ID!) { createApiKey(input: {agentId: $id, name: \"n\"}) { secret apiKey { id } } }";
    let expected = ["api_keys.create", "engine.check", "engine.register", "ledger.open"];
    assert_eq!(calls(&world, Who::Owner, query, json!({"id": world.agent})).await, expected);
}

#[tokio::test]
async fn w12_a_key_is_known_by_one_look_up_and_a_configured_token_by_none() {
    let world = World::new().await;
    let query = "mutation($id: ID!) { createApiKey(input: {agentId: $id, name: \"n\"}) { secret } }";
    let made = world.ask(Who::Owner, query, json!({"id": world.agent})).await;
    let secret = made["data"]["createApiKey"]["secret"].as_str().unwrap().to_owned();
    world.calls.take();
    let ask = async |token: &str| {
        let request = Request::post("/graphql").header("content-type", "application/json").header("x-api-key", token);
        let answer = world.send(request.body(r#"{"query": "{ viewer { principal } }"}"#.into()).unwrap()).await;
        (answer.status.as_u16(), world.calls.take())
    };
    assert_eq!(ask(&secret).await, (200, vec!["api_keys.bearer"]));
    assert_eq!(ask(&secret).await, (200, vec!["api_keys.bearer"]), "nothing is remembered");
    assert_eq!(ask("owner").await, (200, vec![]));
    assert_eq!(ask("what no key can be").await, (401, vec![]));
    assert_eq!(ask(&"x".repeat(40)).await, (401, vec!["api_keys.bearer"]));
}

#[tokio::test]
async fn a_list_of_trackers_is_one_check_and_the_rows_of_its_tasks_one_call() {
    let world = with_tasks(9).await;
    let query = "{ trackers { nodes { id status taskId } } }";
    assert_eq!(calls(&world, Who::Owner, query, json!({})).await, ["engine.check", "engine.lookup", "trackers.page"]);
    let query = "{ trackers { nodes { id task { id name creator } } } }";
    let expected = ["engine.check", "engine.lookup", "tasks.get", "trackers.page"];
    assert_eq!(calls(&world, Who::Owner, query, json!({})).await, expected);
}

#[tokio::test]
async fn ids_alone_are_not_asked_about() {
    let world = World::new().await;
    let query = "{ tasks { edges { cursor node { __typename id } } pageInfo { endCursor } } }";
    assert_eq!(calls(&world, Who::Owner, query, json!({})).await, ["engine.lookup", "tasks.page"]);
    let query = "mutation($agentId: ID!) { createTask(input: {agentId: $agentId}) { id } }";
    let made = calls(&world, Who::Owner, query, json!({"agentId": world.agent})).await;
    assert_eq!(made, ["engine.check", "engine.register", "ledger.open", "tasks.create"]);
    let query = "mutation($agentId: ID!) { createTask(input: {agentId: $agentId}) { id name } }";
    let made = calls(&world, Who::Owner, query, json!({"agentId": world.agent})).await;
    assert_eq!(made, ["engine.check", "engine.check", "engine.register", "ledger.open", "tasks.create"]);
}

#[tokio::test]
async fn a_mutation_is_one_check_for_itself_and_its_answer() {
    let world = World::new().await;
    let id = json!({"id": world.task});
    let cases = [
        (
            "updateTask(id: $id, input: {mergeParams: {a: 1}}) { id params creator access { role } }",
            vec!["engine.check", "engine.holders", "tasks.update"],
        ),
        (
            "interruptTask(id: $id) { id status statusReason viewerCan { share } }",
            vec!["engine.check", "tasks.transition"],
        ),
        ("deleteThread(threadId: $id) { id name }", vec!["checkpoints.delete_thread", "engine.check", "tasks.get"]),
        (
            "deleteTask(id: $id) { id name status creator }",
            vec!["engine.check", "engine.deregister", "ledger.postpone", "tasks.delete"],
        ),
    ];
    for (field, expected) in cases {
        let query = format!("mutation($id: ID!) {{ {field} }}");
        assert_eq!(calls(&world, Who::Owner, &query, id.clone()).await, expected, "{field}");
    }
}

#[tokio::test]
async fn an_alias_with_the_same_arguments_is_the_same_thing() {
    let world = World::new().await;
    let query = "query($id: ID!) { task(id: $id) { a: latestCheckpoint { metadata } b: latestCheckpoint { checkpoint } \
        c: latestCheckpoint(namespace: \"sub\") { metadata } trackers { id } again: trackers { status } } }";
    let expected = ["checkpoints.find", "checkpoints.find", "engine.check", "tasks.get", "trackers.of_tasks"];
    assert_eq!(calls(&world, Who::Owner, query, json!({"id": world.task})).await, expected);
}

#[tokio::test]
async fn what_is_denied_is_not_fetched() {
    let world = World::new().await;
    world.about(Who::Stranger, "task(id: $id) { name trackers { id } }").await;
    assert_eq!(world.calls.take(), ["engine.check"]);
    world.about(Who::Viewer, "task(id: $id) { name access { role } }").await;
    assert_eq!(world.calls.take(), ["engine.check", "tasks.get"]);
}

/// One call fails every field that needed it, and is not tried again for each.
#[tokio::test]
async fn what_is_out_of_reach_is_asked_once_and_said_plainly() {
    let world = with_tasks(4).await;
    world.calls.fail("trackers.of_tasks");
    let answer = world.owner("{ tasks { nodes { name trackers { id } } } }").await;
    assert_eq!(world.calls.take().iter().filter(|call| **call == "trackers.of_tasks").count(), 1);
    assert_eq!(codes(&answer), ["UNAVAILABLE"; 5]);
    assert_eq!(answer["data"]["tasks"]["nodes"][0], json!({"name": "task 3", "trackers": null}));
    assert!(!answer.to_string().contains("SELECT"), "{answer}");

    world.calls.fail("engine.check");
    let answer = world.owner("{ tasks { nodes { id name } } }").await;
    assert_eq!(world.calls.take(), ["engine.check", "engine.lookup", "tasks.page"]);
    assert_eq!(codes(&answer), ["UNAVAILABLE"; 5]);
    let answer = world.about(Who::Owner, "task(id: $id) { name }").await;
    assert_eq!((codes(&answer), &answer["data"]), (vec!["UNAVAILABLE".to_owned()], &json!({"task": null})));
    assert!(!answer.to_string().contains("10.0.0.7"), "{answer}");
}
