//! What callers get wrong: each time a code, never a 5xx, and nothing of what lies behind.

use crate::world::{Terms, Who, World, codes};
use gateway::Introspection;
use serde_json::{Value, json};

/// Asks as the owner, with the task's id in `$id`; answers the message of the only error.
async fn refused(world: &World, field: &str, variables: Value, code: &str) -> String {
    let operation = if field.starts_with('!') { "mutation" } else { "query" };
    let field = field
        .trim_start_matches('!')
        .replace("ID", &world.task)
        .replace("AGENT", &world.agent)
        .replace("TRACKER", &world.tracker);
    let parameters = if variables.get("v").is_some() { "($v: String)" } else { "" };
    let answer = world.ask(Who::Owner, &format!("{operation}{parameters} {{ {field} }}"), variables).await;
    assert_eq!(codes(&answer), [code], "{field}: {answer}");
    answer["errors"][0]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn arguments_are_refused_by_name() {
    let world = World::new().await;
    let cases = [
        ("tasks(first: 0) { nodes { id } }", "`first`"),
        ("tasks(first: 101) { nodes { id } }", "`first`"),
        ("tasks(first: -1) { nodes { id } }", "`first`"),
        ("trackers(first: 0) { nodes { id } }", "`first`"),
        ("agents(first: 500) { nodes { id } }", "`first`"),
        ("checkpoints(threadId: \"ID\", first: 0) { nodes { checkpointId } }", "`first`"),
        ("task(id: \"ID\") { checkpoints(first: 0) { nodes { checkpointId } } }", "`first`"),
        ("tasks(after: \"rubbish\") { nodes { id } }", "`after`"),
        ("trackers(after: \"\") { nodes { id } }", "`after`"),
        ("checkpoints(threadId: \"ID\", after: \"x\") { nodes { checkpointId } }", "`after`"),
        ("tasks(filter: {metadata: [1]}) { nodes { id } }", "`metadata`"),
        ("checkpoints(threadId: \"ID\", metadata: 1) { nodes { checkpointId } }", "`metadata`"),
        ("task { id }", "exactly one of `id` and `name`"),
        ("task(id: \"ID\", name: \"x\") { id }", "exactly one of `id` and `name`"),
        ("agent { id }", "exactly one of `id` and `name`"),
        ("!createTask(input: {agentId: \"AGENT\", params: \"x\"}) { id }", "`params`"),
        ("!createTask(input: {agentId: \"AGENT\", taskMetadata: []}) { id }", "`taskMetadata`"),
        ("!updateTask(id: \"ID\", input: {mergeParams: 1}) { id }", "`mergeParams`"),
        ("!createAgent(input: {name: \"No Spaces\", description: \"\", acpType: SYNC}) { id }", "`name`"),
        ("!shareTask(id: \"ID\", principal: \"alice\", role: VIEWER) { id }", "`principal`"),
        ("!updateTracker(id: \"TRACKER\", input: {lastProcessedEventId: null}) { id }", "`lastProcessedEventId`"),
        (
            "!putCheckpoint(input: {threadId: \"ID\", checkpointId: \"1\", checkpoint: 1}) { checkpointId }",
            "`checkpoint`",
        ),
        (
            "!putCheckpointWrites(input: {threadId: \"ID\", checkpointId: \"1\", writes: [{taskId: \"t\", idx: 0, channel: \"c\", blob: \"AA\"}]}) { checkpointId }",
            "`blob`",
        ),
    ];
    for (field, names) in cases {
        let message = refused(&world, field, json!({}), "BAD_USER_INPUT").await;
        assert!(message.contains(names), "{field}: {message}");
    }
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused_everywhere() {
    let world = World::new().await;
    let nul = json!({"v": "a\u{0}b"});
    for field in [
        "task(name: $v) { id }",
        "agent(name: $v) { id }",
        "tasks(filter: {agentName: $v}) { nodes { id } }",
        "!completeTask(id: \"ID\", reason: $v) { id }",
        "!createTask(input: {agentId: \"AGENT\", name: $v}) { id }",
        "!createTask(input: {agentId: \"AGENT\", params: {a: $v}}) { id }",
        "!updateTask(id: \"ID\", input: {taskMetadata: {a: $v}}) { id }",
        "!updateTracker(id: \"TRACKER\", input: {status: $v}) { id }",
        "!createAgent(input: {name: \"x\", description: $v, acpType: SYNC}) { id }",
    ] {
        refused(&world, field, nul.clone(), "BAD_USER_INPUT").await;
    }
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let world = World::new().await;
    let made = world.owner("{ tasks(orderBy: {field: NAME}) { pageInfo { endCursor } } }").await;
    let cursor = json!({"v": made["data"]["tasks"]["pageInfo"]["endCursor"]});
    for other in [
        "tasks(after: $v) { nodes { id } }",
        "tasks(after: $v, orderBy: {field: NAME, direction: ASC}) { nodes { id } }",
        "agents(after: $v, orderBy: {field: NAME}) { nodes { id } }",
    ] {
        let message = refused(&world, other, cursor.clone(), "BAD_USER_INPUT").await;
        assert!(message.contains("`after`"), "{message}");
    }
}

/// A number that is an Int in form and too large for one, in a nullable field: its siblings survive.
#[tokio::test]
async fn an_argument_beyond_its_type_fails_its_field_alone() {
    let world = World::new().await;
    let write = "{taskId: \"t\", idx: 99999999999, channel: \"c\", blob: \"\"}";
    let put = format!(
        "putCheckpointWrites(input: {{threadId: \"x\", checkpointId: \"1\", writes: [{write}]}}) {{ checkpointId }}"
    );
    let answer = world
        .owner(&format!("mutation {{ {put} createTask(input: {{agentId: \"{}\"}}) {{ name }} }}", world.agent))
        .await;
    assert_eq!(codes(&answer), ["BAD_USER_INPUT"]);
    assert_eq!(answer["data"], json!({"putCheckpointWrites": null, "createTask": {"name": null}}));
}

#[tokio::test]
async fn what_the_state_does_not_allow_is_a_failed_precondition() {
    let world = World::new().await;
    refused(
        &world,
        "!appendEvent(input: {taskId: \"ID\", agentId: \"nobody\"}) { id }",
        json!({}),
        "FAILED_PRECONDITION",
    )
    .await;
    refused(
        &world,
        "!updateTracker(id: \"TRACKER\", input: {lastProcessedEventId: \"none\"}) { id }",
        json!({}),
        "FAILED_PRECONDITION",
    )
    .await;
    refused(&world, "!createTask(input: {agentId: \"AGENT\", name: \"the task\"}) { id }", json!({}), "ALREADY_EXISTS")
        .await;
    world.owner(&format!("mutation {{ completeTask(id: \"{}\") {{ id }} }}", world.task)).await;
    refused(&world, "!cancelTask(id: \"ID\") { id }", json!({}), "FAILED_PRECONDITION").await;
}

#[tokio::test]
async fn queries_that_are_none_have_codes_too() {
    let world = World::new().await;
    let deep = format!("{{ task(id: \"x\") {{ {} }} }}", "trackers { task { ".repeat(10) + "id" + &" } }".repeat(10));
    let spread = "{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a }";
    let wide = "{ tasks(first: 100) { nodes { checkpoints(first: 100) { nodes { checkpointId metadata } } } } }";
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ task(id: 1.5) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($id: ID!) { task(id: $id) { id } }", "BAD_USER_INPUT"),
        ("{ tasks(first: 99999999999) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "mutation { a: deleteTask(id: 1) { id } ...f } fragment f on Mutation { a: deleteTask(id: 1) { name } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ task(id: $id) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query a { viewer { tenant } } query b { viewer { tenant } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ task(id: \"x\") { id @requires(action: READ, on: TASK) } }", "GRAPHQL_VALIDATION_FAILED"),
        (&deep, "GRAPHQL_LIMIT_EXCEEDED"),
        (spread, "GRAPHQL_LIMIT_EXCEEDED"),
        (wide, "GRAPHQL_LIMIT_EXCEEDED"),
        (&"{a".repeat(10_000), "GRAPHQL_LIMIT_EXCEEDED"),
    ] {
        let answer = world.owner(query).await;
        assert!(answer.get("data").is_none(), "{query}: {answer}");
        assert!(!codes(&answer).is_empty() && codes(&answer).iter().all(|found| found == code), "{query}: {answer}");
    }
}

#[tokio::test]
async fn the_schema_is_told_to_whom_the_configuration_says() {
    for (introspection, told) in [
        (Introspection::Everybody, vec![Who::Owner, Who::Stranger, Who::Operator]),
        (Introspection::Operators, vec![Who::Operator]),
        (Introspection::Nobody, vec![]),
    ] {
        let world = World::under(Terms { introspection, ..Terms::default() }).await;
        for who in [Who::Owner, Who::Stranger, Who::Operator] {
            for query in [
                "{ __schema { queryType { name } } }",
                "{ __type(name: \"Query\") { name } }",
                "{ ...f } fragment f on Query { ... { a: __type(name: \"Query\") { name } } }",
            ] {
                let answer = world.ask(who, query, json!({})).await;
                if told.contains(&who) {
                    assert!(answer.to_string().contains("\"name\":\"Query\""), "{answer}");
                } else {
                    assert_eq!(codes(&answer), ["GRAPHQL_VALIDATION_FAILED"], "{answer}");
                }
            }
            let answer = world.ask(who, "{ taks { id } }", json!({})).await;
            let suggests = answer.to_string().contains("Did you mean");
            assert_eq!(suggests, told.contains(&who), "{answer}");
            let long = world.ask(who, &format!("{{ taks {{ id }} }} #{}", "x".repeat(5_000)), json!({})).await;
            assert!(!long.to_string().contains("Did you mean"), "{long}");
            let name = world.ask(who, "{ __typename }", json!({})).await;
            assert_eq!(name, json!({"data": {"__typename": "Query"}}));
        }
    }
}
