//! What a document was once found to be says nothing about other variables.

use crate::world::{Who, World};
use serde_json::{Value, json};

const CASES: &[(&str, &[&str])] = &[
    (
        "query($n: Int!) { tasks(first: $n) { nodes { checkpoints(first: $n) { nodes { checkpointId } } } } }",
        &[
            r#"{"n": 1}"#,
            r#"{"n": 2}"#,
            r#"{"n": 100}"#,
            r#"{"n": "1"}"#,
            r#"{"n": 1.5}"#,
            r#"{"n": 99999999999}"#,
            "{}",
        ],
    ),
    (
        "query($s: TaskStatus) { tasks(filter: {status: $s}) { pageInfo { hasNextPage } } }",
        &[r#"{"s": "RUNNING"}"#, r#"{"s": "FAILED"}"#, r#"{"s": "NOPE"}"#, r#"{"s": null}"#, "{}"],
    ),
    (
        "query($s: String) { tasks(filter: {status: $s}) { pageInfo { hasNextPage } } }",
        &[r#"{"s": "RUNNING"}"#, r#"{"s": "NOPE"}"#],
    ),
    (
        "query($s: ID) { agents(orderBy: {field: $s}) { pageInfo { hasNextPage } } }",
        &[r#"{"s": "NAME"}"#, r#"{"s": "NOPE"}"#],
    ),
    (
        "query($id: ID) { task(id: $id) { name } }",
        &[r#"{"id": "nobody's"}"#, r#"{"id": 5}"#, r#"{"id": null}"#, r#"{"id": ["x"]}"#, r#"{"id": true}"#, "{}"],
    ),
    (
        "query($yes: Boolean!) { viewer @include(if: $yes) { id } __typename }",
        &[r#"{"yes": true}"#, r#"{"yes": false}"#, r#"{"yes": "true"}"#],
    ),
    (
        "query A($n: Int) { tasks(first: $n) { nodes { name } } } query B($n: String) { task(name: $n) { name } }",
        &[r#"{"n": 1}"#, r#"{"n": "the task"}"#, r#"{"n": 0}"#, r#"{"n": "nobody's"}"#],
    ),
    ("{ nothing }", &["{}"]),
    ("{ tasks", &["{}"]),
];

async fn answer(world: &World, document: &str, variables: &str) -> (u16, Vec<Value>) {
    let variables: Value = serde_json::from_str(variables).unwrap();
    let mut answers = Vec::new();
    let mut status = 0;
    for name in ["A", "B"].iter().filter(|name| document.contains(&format!("query {name}("))) {
        let body = json!({"query": document, "variables": variables, "operationName": name});
        answers.push(world.post(Who::Owner, body.to_string()).await.json());
    }
    if answers.is_empty() {
        let answer = world.post(Who::Owner, json!({"query": document, "variables": variables}).to_string()).await;
        status = answer.status.as_u16();
        answers.push(answer.json());
    }
    (status, answers)
}

#[tokio::test]
async fn a_document_that_was_asked_before_is_answered_as_if_it_were_new() {
    let old = World::new().await;
    let mut new = Vec::new();
    for (document, sets) in CASES {
        for set in *sets {
            new.push(answer(&World::new().await, document, set).await);
        }
    }
    let refused = new.iter().filter(|(_, answers)| !answers[0]["errors"].is_null()).count();
    assert!((5..new.len() - 5).contains(&refused), "{refused} of {} are refused: both must occur", new.len());
    for round in 0..3 {
        let mut new = new.iter();
        for (document, sets) in CASES {
            for set in *sets {
                let again = answer(&old, document, set).await;
                assert_eq!(Some(&again), new.next(), "round {round}: {document} with {set}");
            }
        }
    }
}

/// A stored document is written into the answer as it is.
#[tokio::test]
async fn stored_json_comes_back_as_it_went() {
    let world = World::new().await;
    let params = json!({"a": [1, -2.5, 1e300, null, true, {"b": "\u{e9}\"\\\n\u{1f600}", "": {}}], "n": 12_345_678_901_234_567_u64});
    let made = world
        .ask(
            Who::Owner,
            "mutation($i: CreateTaskInput!) { createTask(input: $i) { params again: params taskMetadata } }",
            json!({"i": {"agentId": world.agent, "name": "json", "params": params}}),
        )
        .await;
    assert_eq!(made["data"]["createTask"], json!({"params": params, "again": params, "taskMetadata": null}), "{made}");
}
