//! What is read off a row at once is what the library answers field by field.

use blackbox::{As, Storage, World, world};
use serde_json::{Value, json};

const PLAIN: &str = "id name status statusReason createdAt updatedAt cleanedAt params taskMetadata";
/// Ways to ask for fields that are only read off the row.
const WAYS: &[&str] = &[
    PLAIN,
    "name",
    "id",
    "__typename id",
    "id creator",
    "__typename key: id again: id status",
    "id ...Row name",
    "... on Task { id ...Row }",
    "... { id } taskMetadata id",
    "key: name ... on Task { key: status }",
];
/// What takes more than the row, so that the library resolves all of the selection.
const MORE: &str = "more: viewerCan { read }";

/// What is answered, less what was asked for to have the library answer: as it is written, without errors, and their
/// paths.
async fn answered(caller: &As, document: &str, variables: &Value) -> (String, Vec<Value>) {
    let answer = caller.gql(document, variables.clone()).await;
    let errors = answer.json()["errors"].take();
    let mut paths: Vec<_> = errors.as_array().into_iter().flatten().map(|error| error["path"].clone()).collect();
    paths.sort_by_key(Value::to_string);
    let text = answer.text().replace(",\"more\":{\"read\":true}", "");
    // What is refused has no data.
    let data = text.split_once("\"data\":").map(|(_, data)| data.to_owned());
    (data.unwrap_or(text), paths)
}

/// The same question, answered both ways, wherever tasks can be asked for.
async fn asked_both_ways(caller: &As, tasks: &[String], agent: &str) {
    let entities: Vec<_> = tasks.iter().map(|id| json!({ "__typename": "Task", "id": id })).collect();
    let variables = json!({ "id": tasks[0], "ids": tasks, "these": entities, "agent": agent });
    let fragment = "fragment Row on Task { statusReason metadata: taskMetadata createdAt }";
    for way in WAYS {
        let documents = |fields: &str| {
            let fragment = if fields.contains("...Row") { fragment } else { "" };
            [
                format!("query($id: ID!) {{ task(id: $id) {{ {fields} }} }} {fragment}"),
                format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Task {{ {fields} }} }} }} {fragment}"),
                format!(
                    "query($these: [_Any!]!) {{ _entities(representations: $these) {{ ... on Task {{ {fields} }} }} }} {fragment}"
                ),
                format!(
                    "query($agent: ID!) {{ tasks(first: 20, filter: {{ agentId: $agent }}, orderBy: {{ field: ID }})
                        {{ nodes {{ {fields} }} edges {{ cursor node {{ {fields} }} }} }} }} {fragment}"
                ),
            ]
        };
        for (plainly, wholly) in documents(way).iter().zip(documents(&format!("{way} {MORE}"))) {
            let (plain, whole) =
                (answered(caller, plainly, &variables).await, answered(caller, &wholly, &variables).await);
            assert_eq!(plain, whole, "{}: {plainly}", caller.name);
        }
    }
}

#[tokio::test]
async fn a_row_is_read_off_as_the_library_would_resolve_it() {
    for storage in [Storage::Url, Storage::Memory] {
        let world = World::new(storage).await;
        let agent = world.agent_named(&world::nobody()).await;
        let documents =
            json!({ "goal": "ä\"\\\n\u{1F600}", "n": [1, -2.5, 1e300, null, true, {}], "deep": { "a": [] } });
        let full = json!({ "agentId": agent, "name": world::nobody(), "params": documents, "taskMetadata": documents });
        let mut tasks = vec![world.make(full).await];
        for _ in 0..35 {
            tasks.push(world.make(json!({ "agentId": agent })).await);
        }
        world
            .owner
            .gql("mutation($id: ID!) { failTask(id: $id, reason: \"broken\") { id } }", json!({ "id": tasks[0] }))
            .await
            .data();
        let viewer = world.server.viewer();
        world.share(&tasks[0], &viewer, "VIEWER").await;
        asked_both_ways(&world.owner, &tasks, &agent).await;
        // Of the others the viewer is shown nothing, either way, and what is shown is whole.
        asked_both_ways(&viewer, &tasks, &agent).await;
        asked_both_ways(&world.server.stranger(), &tasks, &agent).await;
        let gone = tasks.pop().unwrap();
        world.owner.gql("mutation($id: ID!) { deleteTask(id: $id) { id } }", json!({ "id": gone })).await.data();
        tasks.insert(1, gone);
        asked_both_ways(&world.owner, &tasks, &agent).await;
    }
}
