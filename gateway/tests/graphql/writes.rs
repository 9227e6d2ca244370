//! What mutations do, and what they answer.

use crate::world::{Who, World, codes};
use serde_json::{Value, json};

#[tokio::test]
async fn an_existing_client_makes_tasks_so() {
    let world = World::new().await;
    let query = "mutation CreateTask($agentId: ID!) { createTask(input:{agentId:$agentId}) { id } }";
    let made = world.ask(Who::Owner, query, json!({"agentId": world.agent})).await;
    let id = made["data"]["createTask"]["id"].as_str().unwrap_or_else(|| panic!("{made}"));
    let task = world
        .owner(&format!(
            "{{ task(id: \"{id}\") {{ status creator trackers {{ agentId }} agents {{ name }} params }} }}"
        ))
        .await;
    assert_eq!(
        task["data"]["task"],
        json!({"status": "RUNNING", "creator": "user:owner", "trackers": [{"agentId": world.agent}],
            "agents": [{"name": "the-agent"}], "params": null})
    );
}

#[tokio::test]
async fn a_task_goes_along_its_status_machine() {
    for (field, status) in [
        ("cancelTask", "CANCELED"),
        ("completeTask", "COMPLETED"),
        ("failTask", "FAILED"),
        ("terminateTask", "TERMINATED"),
        ("timeoutTask", "TIMED_OUT"),
        ("interruptTask", "INTERRUPTED"),
    ] {
        let world = World::new().await;
        let query = format!("mutation($id: ID!) {{ {field}(id: $id, reason: \"so\") {{ id status statusReason }} }}");
        let answer = world.ask(Who::Owner, &query, json!({"id": world.task})).await;
        assert_eq!(answer["data"][field], json!({"id": world.task, "status": status, "statusReason": "so"}));
    }
}

#[tokio::test]
async fn updates_merge_params_and_replace_metadata() {
    let world = World::new().await;
    let query = "mutation($id: ID!) { updateTask(id: $id, input: {mergeParams: {m: 2}, taskMetadata: {size: 3}}) { params taskMetadata } }";
    let answer = world.ask(Who::Editor, query, json!({"id": world.task})).await;
    assert_eq!(answer["data"]["updateTask"], json!({"params": {"n": 1, "m": 2}, "taskMetadata": {"size": 3}}));
    let query = "mutation($id: ID!) { updateTask(id: $id, input: {taskMetadata: null}) { params taskMetadata } }";
    let answer = world.ask(Who::Editor, query, json!({"id": world.task})).await;
    assert_eq!(answer["data"]["updateTask"]["taskMetadata"], json!({"size": 3}));
}

#[tokio::test]
async fn a_deleted_task_is_answered_as_it_last_was() {
    let world = World::new().await;
    let query = "mutation($id: ID!) { deleteTask(id: $id) { id name status trackers { id } } }";
    let answer = world.ask(Who::Owner, query, json!({"id": world.task})).await;
    assert_eq!(
        answer["data"]["deleteTask"],
        json!({"id": world.task, "name": "the task", "status": "RUNNING", "trackers": []})
    );
    assert_eq!(codes(&world.about(Who::Owner, "task(id: $id) { id }").await), ["NOT_FOUND"]);
    assert_eq!(codes(&world.ask(Who::Owner, query, json!({"id": world.task})).await), ["NOT_FOUND"]);
}

#[tokio::test]
async fn a_tracker_tells_absent_from_null() {
    let world = World::new().await;
    let commit = async |input: &str| {
        let query = format!(
            "mutation {{ updateTracker(id: \"{}\", input: {input}) {{ status statusReason lastProcessedEventId task {{ name }} }} }}",
            world.tracker
        );
        world.ask(Who::Runtime, &query, json!({})).await["data"]["updateTracker"].clone()
    };
    let event = &world.event;
    let set = commit(&format!("{{status: \"busy\", statusReason: \"why\", lastProcessedEventId: \"{event}\"}}")).await;
    assert_eq!(
        set,
        json!({"status": "busy", "statusReason": "why", "lastProcessedEventId": event, "task": {"name": "the task"}})
    );
    assert_eq!(commit("{}").await, set);
    let cleared = commit("{status: null}").await;
    assert_eq!((&cleared["status"], &cleared["statusReason"]), (&Value::Null, &json!("why")));
    assert_eq!(cleared["lastProcessedEventId"], json!(event));
}

#[tokio::test]
async fn checkpoints_come_back_as_they_were_put() {
    let world = World::new().await;
    let query = "mutation($input: PutCheckpointInput!) { putCheckpoint(input: $input) { threadId namespace checkpointId \
        parentCheckpointId checkpoint metadata blobs { channel version type blob } pendingWrites { idx } task { id } } }";
    let checkpoint = json!({"v": 1, "channel_versions": {"a": "1", "b": "1"}, "deep": [1, {"x": null}]});
    let input = json!({"threadId": world.task, "namespace": "sub", "checkpointId": "9", "parentCheckpointId": "8",
        "checkpoint": checkpoint, "blobs": [{"channel": "a", "version": "1", "type": "bytes", "blob": "/+8="},
        {"channel": "b", "version": "1", "type": "empty"}]});
    let put = world.ask(Who::Editor, query, json!({"input": input})).await;
    assert_eq!(
        put["data"]["putCheckpoint"],
        json!({"threadId": world.task, "namespace": "sub", "checkpointId": "9", "parentCheckpointId": "8",
            "checkpoint": checkpoint, "metadata": {}, "pendingWrites": [], "task": {"id": world.task},
            "blobs": [{"channel": "a", "version": "1", "type": "bytes", "blob": "/+8="},
                {"channel": "b", "version": "1", "type": "empty", "blob": null}]})
    );
    let query = "mutation($input: PutCheckpointWritesInput!) { putCheckpointWrites(input: $input) { checkpointId \
        pendingWrites { taskId idx channel type blob taskPath } } }";
    let write = json!({"taskId": "t", "idx": 0, "channel": "a", "type": null, "blob": "AQ==", "taskPath": "~"});
    let input = json!({"threadId": world.task, "namespace": "sub", "checkpointId": "9", "writes": [write]});
    let put = world.ask(Who::Editor, query, json!({"input": input})).await;
    assert_eq!(put["data"]["putCheckpointWrites"], json!({"checkpointId": "9", "pendingWrites": [write]}));
    let input = json!({"threadId": world.task, "checkpointId": "not yet", "writes": [write]});
    let put = world.ask(Who::Editor, query, json!({"input": input})).await;
    assert_eq!(put, json!({"data": {"putCheckpointWrites": null}}));

    let deleted = world
        .ask(
            Who::Owner,
            "mutation($id: ID!) { deleteThread(threadId: $id) { name checkpoints { nodes { checkpointId } } } }",
            json!({"id": world.task}),
        )
        .await;
    assert_eq!(deleted["data"]["deleteThread"], json!({"name": "the task", "checkpoints": {"nodes": []}}));
    let none = world.about(Who::Owner, "checkpoint(threadId: $id) { checkpointId }").await;
    assert_eq!(none, json!({"data": {"checkpoint": null}}));
}

#[tokio::test]
async fn sharing_shows_and_unsharing_hides() {
    let world = World::new().await;
    let change = async |field: &str, role: &str| {
        let query = format!(
            "mutation($id: ID!) {{ {field}(id: $id, principal: \"user:stranger\", role: {role}) {{ access {{ principal role }} }} }}"
        );
        let answer = world.ask(Who::Owner, &query, json!({"id": world.task})).await;
        answer["data"][field]["access"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"))
            .contains(&json!({"principal": "user:stranger", "role": role}))
    };
    let sees = async || world.about(Who::Stranger, "task(id: $id) { name }").await.get("errors").is_none();
    assert!(!sees().await);
    assert!(change("shareTask", "VIEWER").await);
    assert!(sees().await);
    assert!(!change("unshareTask", "VIEWER").await);
    assert!(!sees().await);
    assert!(change("shareTask", "EDITOR").await);
    let edited = world
        .ask(
            Who::Stranger,
            "mutation($id: ID!) { updateTask(id: $id, input: {}) { creator } }",
            json!({"id": world.task}),
        )
        .await;
    assert_eq!(edited["data"]["updateTask"]["creator"], "user:owner");
}

#[tokio::test]
async fn events_are_numbered_in_text() {
    let world = World::new().await;
    let query = format!("{{ event(id: \"{}\") {{ id sequenceId taskId agentId content }} }}", world.event);
    let answer = world.ask(Who::Viewer, &query, json!({})).await;
    let event = &answer["data"]["event"];
    assert!(event["sequenceId"].as_str().unwrap().parse::<i64>().is_ok());
    assert_eq!((&event["taskId"], &event["content"]), (&json!(world.task), &json!({"said": "hi"})));
}

#[tokio::test]
async fn mutations_run_in_the_order_asked() {
    let world = World::new().await;
    let query = "mutation($id: ID!) { a: interruptTask(id: $id) { status } b: completeTask(id: $id) { status } \
        c: failTask(id: $id) { status } d: updateTask(id: $id, input: {}) { status } }";
    let answer = world.ask(Who::Owner, query, json!({"id": world.task})).await;
    assert_eq!(
        answer["data"],
        json!({"a": {"status": "INTERRUPTED"}, "b": {"status": "COMPLETED"}, "c": null, "d": {"status": "COMPLETED"}})
    );
    assert_eq!(codes(&answer), ["FAILED_PRECONDITION"]);
}
