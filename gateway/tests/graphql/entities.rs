//! Things asked for by their ids: Relay's nodes and a router's entities, through the same gate as everything else.

use crate::world::{Who, World, codes, paths};
use gateway::graphql;
use serde_json::{Value, json};

const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Task { name creator } \
    ... on Agent { description acpUrl } ... on Tracker { status task { name access { role } } } } }";
const ENTITIES: &str = "query($these: [_Any!]!) { _entities(representations: $these) { __typename \
    ... on Task { id name creator } ... on Agent { id acpUrl } ... on Tracker { id task { creator } } } }";

fn these(of: &[(&str, &str)]) -> Value {
    json!({"these": of.iter().map(|(name, id)| json!({"__typename": name, "id": id})).collect::<Vec<_>>()})
}

#[tokio::test]
async fn an_id_is_enough_to_ask_again() {
    let world = World::new().await;
    for (id, name) in [(&world.task, "Task"), (&world.agent, "Agent"), (&world.tracker, "Tracker")] {
        let node =
            world.ask(Who::Viewer, "query($id: ID!) { node(id: $id) { id __typename } }", json!({"id": id})).await;
        assert_eq!(node, json!({"data": {"node": {"id": id, "__typename": name}}}));
    }
    let answer = world.ask(Who::Owner, NODES, json!({"ids": [world.tracker, world.task, world.agent]})).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let nodes = &answer["data"]["nodes"];
    assert_eq!(nodes[0]["task"]["name"], "the task");
    assert_eq!((&nodes[1]["name"], &nodes[1]["creator"]), (&json!("the task"), &json!("user:owner")));
    assert_eq!(nodes[2]["acpUrl"], "http://agent");
}

#[tokio::test]
async fn a_field_of_a_node_is_guarded_as_elsewhere() {
    let world = World::new().await;
    let ids = json!({"ids": [world.task, world.agent, world.tracker]});
    let answer = world.ask(Who::Viewer, NODES, ids).await;
    let nodes = &answer["data"]["nodes"];
    assert_eq!(nodes[0], json!({"__typename": "Task", "id": world.task, "name": "the task", "creator": null}));
    assert_eq!(nodes[1], json!({"__typename": "Agent", "id": world.agent, "description": "Works.", "acpUrl": null}));
    assert_eq!(nodes[2]["task"], json!({"name": "the task", "access": null}));
    let mut denied = paths(&answer);
    denied.sort();
    assert_eq!(denied, ["nodes.0.creator", "nodes.1.acpUrl", "nodes.2.task.access"]);
    assert!(codes(&answer).iter().all(|code| code == "NOT_FOUND"));
    let entities = these(&[("Task", &world.task), ("Agent", &world.agent), ("Tracker", &world.tracker)]);
    let answer = world.ask(Who::Viewer, ENTITIES, entities).await;
    let mut denied = paths(&answer);
    denied.sort();
    assert_eq!(denied, ["_entities.0.creator", "_entities.1.acpUrl", "_entities.2.task.creator"]);
    assert_eq!(
        answer["data"]["_entities"][0],
        json!({"__typename": "Task", "id": world.task, "name": "the task", "creator": null})
    );
}

#[tokio::test]
async fn what_is_missing_or_hidden_is_null_in_its_place() {
    let world = World::new().await;
    let other = world.make_task("another").await;
    let ids = json!({"ids": [other, world.task, "absent", "", "\u{0}", world.task]});
    let answer = world.ask(Who::Viewer, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids).await;
    assert_eq!(answer["data"]["nodes"], json!([null, {"id": world.task}, null, null, null, {"id": world.task}]));
    assert_eq!(paths(&answer), ["nodes.0", "nodes.2", "nodes.3", "nodes.4"]);
    assert_eq!(codes(&answer), ["NOT_FOUND"; 4]);
    // A representation is of one type: nothing of another has its id.
    let of = these(&[("Agent", &world.task), ("Task", &world.task), ("Tracker", &world.agent)]);
    let answer = world.ask(Who::Owner, ENTITIES, of).await;
    assert_eq!(answer["data"]["_entities"][1]["id"], json!(world.task));
    assert_eq!(
        (paths(&answer), codes(&answer)),
        (vec!["_entities.0".to_owned(), "_entities.2".to_owned()], vec!["NOT_FOUND".to_owned(); 2])
    );
}

#[tokio::test]
async fn absent_and_hidden_nodes_cannot_be_told_apart() {
    let world = World::new().await;
    let absent = "01890000-0000-7000-8000-000000000000";
    for id in [&world.task, &world.agent, &world.tracker, &world.event, &world.key] {
        for (query, variables) in [
            ("query($id: ID!) { node(id: $id) { id } }", json!({"id": id})),
            (NODES, json!({"ids": [id]})),
            (ENTITIES, these(&[("Task", id), ("Agent", id), ("Tracker", id)])),
        ] {
            let ask = async |variables: String| {
                world.calls.take();
                let body = json!({"query": query, "variables": serde_json::from_str::<Value>(&variables).unwrap()});
                (world.post(Who::Stranger, body.to_string()).await.text(), world.calls.take())
            };
            let hidden = ask(variables.to_string()).await;
            let missing = ask(variables.to_string().replace(id.as_str(), absent)).await;
            assert_eq!(hidden.0.replace(id.as_str(), absent), missing.0, "{query}");
            assert_eq!(hidden.1, missing.1);
            assert_eq!(hidden.1, ["engine.check", "trackers.locate_all"]);
        }
    }
}

#[tokio::test]
async fn things_of_all_kinds_are_one_check() {
    let world = World::new().await;
    let mut of = vec![("Agent", world.agent.clone()), ("Tracker", world.tracker.clone())];
    for n in 0..30 {
        of.push(("Task", world.make_task(&format!("n{n}")).await));
    }
    let expected = ["agents.get", "engine.check", "tasks.get", "trackers.locate_all"];
    for count in [3, of.len()] {
        let some: Vec<_> = of.iter().take(count).map(|(name, id)| (*name, id.as_str())).collect();
        world.calls.take();
        let answer = world.ask(Who::Owner, ENTITIES, these(&some)).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        assert_eq!(world.calls.take(), expected, "{count} entities");
        let ids: Vec<_> = some.iter().map(|(_, id)| *id).collect();
        let answer = world.ask(Who::Owner, NODES, json!({ "ids": ids })).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        // And who holds a role on the tracker's task, once.
        assert_eq!(
            world.calls.take(),
            ["agents.get", "engine.check", "engine.holders", "tasks.get", "trackers.locate_all"],
            "{count} nodes"
        );
    }
}

#[tokio::test]
async fn no_more_are_found_than_may_be_asked_for() {
    let world = World::new().await;
    let many = |count: usize| vec![world.task.as_str(); count];
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    assert_eq!(codes(&world.ask(Who::Owner, query, json!({"ids": many(100)})).await), [""; 0]);
    assert_eq!(codes(&world.ask(Who::Owner, query, json!({"ids": many(101)})).await), ["BAD_USER_INPUT"]);
    let query = "query($these: [_Any!]!) { _entities(representations: $these) { __typename } }";
    // One body of 64 KiB holds no 1001 representations with whole ids.
    let many = |count: usize| these(&vec![("Task", "x"); count]);
    let all = world.ask(Who::Owner, query, many(1_000)).await;
    assert_eq!(all["data"]["_entities"].as_array().unwrap().len(), 1_000);
    assert_eq!(codes(&world.ask(Who::Owner, query, many(1_001)).await), ["BAD_USER_INPUT"]);
}

#[tokio::test]
async fn a_representation_that_is_none_is_refused() {
    let world = World::new().await;
    for wrong in [
        json!(7),
        json!({}),
        json!({"__typename": "Task"}),
        json!({"__typename": "Event", "id": "x"}),
        json!({"__typename": "Task", "id": 7}),
    ] {
        world.calls.take();
        let answer = world.ask(Who::Owner, ENTITIES, json!({"these": [wrong]})).await;
        assert_eq!(codes(&answer), ["GRAPHQL_VALIDATION_FAILED"], "{wrong}: {answer}");
        assert_eq!(world.calls.take(), [""; 0]);
    }
}

#[tokio::test]
async fn the_subgraph_tells_its_own_schema() {
    let world = World::new().await;
    let answer = world.owner("{ _service { sdl } }").await;
    assert_eq!(answer["data"]["_service"]["sdl"], graphql::federation_sdl());
    let sdl = graphql::federation_sdl();
    for entity in ["Task", "Agent", "Tracker"] {
        assert!(sdl.contains(&format!("type {entity} implements Node @key(fields: \"id\") {{")), "{entity}: {sdl}");
    }
    for not in ["_Any", "_Entity", "_Service", "_entities", "directive @key"] {
        assert!(!sdl.contains(not), "{not}");
    }
}
