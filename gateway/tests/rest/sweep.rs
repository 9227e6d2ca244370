//! Every operation, for everybody: denied is missing, byte for byte.

use crate::world::{PEOPLE, World};
use gateway::{lifecycle::new_id, rest};
use http::StatusCode;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::atomic::Ordering};

/// What an operation's `KEY` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    TaskId,
    TaskName,
    TrackerId,
    EventId,
    AgentId,
    AgentName,
    /// Of an agent of its own, to be deleted.
    OwnAgentId,
    OwnAgentName,
    KeyId,
    KeyName,
    MessageId,
    StateId,
}

struct Operation {
    method: &'static str,
    /// As the document has it.
    route: &'static str,
    /// As it is sent.
    path: &'static str,
    names: Names,
    body: Option<Value>,
    /// Who may, besides the owner.
    may: &'static [&'static str],
}

const READERS: &[&str] = &["editor", "viewer", "runtime"];
const WRITERS: &[&str] = &["editor", "runtime"];
const RUNTIME: &[&str] = &["runtime"];
const NOBODY: &[&str] = &[];

/// Every operation on one thing.
fn operations() -> Vec<Operation> {
    use Names::{
        AgentId, AgentName, EventId, KeyId, KeyName, MessageId, OwnAgentId, OwnAgentName, StateId, TaskId, TaskName,
        TrackerId,
    };
    let row = |method, route, path, names, body, may| Operation { method, route, path, names, body, may };
    let patch = || Some(json!({"task_metadata": {"touched": true}}));
    let thread = |rest: Value| {
        let mut body = rest;
        body["thread_id"] = "KEY".into();
        Some(body)
    };
    let on_task = |rest: Value| {
        let mut body = rest;
        body["task_id"] = "KEY".into();
        Some(body)
    };
    let content = json!({"type": "text", "author": "user", "content": "hi"});
    vec![
        row("GET", "/tasks/{task_id}", "/tasks/KEY", TaskId, None, READERS),
        row("PUT", "/tasks/{task_id}", "/tasks/KEY", TaskId, patch(), WRITERS),
        row("DELETE", "/tasks/{task_id}", "/tasks/KEY", TaskId, None, NOBODY),
        row("GET", "/tasks/name/{task_name}", "/tasks/name/KEY", TaskName, None, READERS),
        row("PUT", "/tasks/name/{task_name}", "/tasks/name/KEY", TaskName, patch(), WRITERS),
        row("DELETE", "/tasks/name/{task_name}", "/tasks/name/KEY", TaskName, None, NOBODY),
        row("POST", "/tasks/{task_id}/complete", "/tasks/KEY/complete", TaskId, None, WRITERS),
        row("POST", "/tasks/{task_id}/fail", "/tasks/KEY/fail", TaskId, None, WRITERS),
        row("POST", "/tasks/{task_id}/terminate", "/tasks/KEY/terminate", TaskId, None, WRITERS),
        row("POST", "/tasks/{task_id}/timeout", "/tasks/KEY/timeout", TaskId, None, WRITERS),
        row("POST", "/tasks/{task_id}/interrupt", "/tasks/KEY/interrupt", TaskId, None, WRITERS),
        row("POST", "/tasks/{task_id}/cancel", "/tasks/KEY/cancel", TaskId, None, NOBODY),
        row("GET", "/tracker/{tracker_id}", "/tracker/KEY", TrackerId, None, READERS),
        row("PUT", "/tracker/{tracker_id}", "/tracker/KEY", TrackerId, Some(json!({"status": "x"})), RUNTIME),
        row("POST", "/checkpoints/get-tuple", "/checkpoints/get-tuple", TaskId, thread(json!({})), READERS),
        row("POST", "/checkpoints/list", "/checkpoints/list", TaskId, thread(json!({})), READERS),
        row(
            "POST",
            "/checkpoints/put",
            "/checkpoints/put",
            TaskId,
            thread(json!({"checkpoint_id": "c", "checkpoint": {}})),
            WRITERS,
        ),
        row(
            "POST",
            "/checkpoints/put-writes",
            "/checkpoints/put-writes",
            TaskId,
            thread(json!({"checkpoint_id": "c", "writes": []})),
            WRITERS,
        ),
        row("POST", "/checkpoints/delete-thread", "/checkpoints/delete-thread", TaskId, thread(json!({})), NOBODY),
        row("GET", "/events/{event_id}", "/events/KEY", EventId, None, READERS),
        row("GET", "/events", "/events?task_id=KEY&agent_id=AGENT", TaskId, None, READERS),
        row("GET", "/agents/{agent_id}", "/agents/KEY", AgentId, None, READERS),
        row("GET", "/agents/name/{agent_name}", "/agents/name/KEY", AgentName, None, READERS),
        row("DELETE", "/agents/{agent_id}", "/agents/KEY", OwnAgentId, None, NOBODY),
        row("DELETE", "/agents/name/{agent_name}", "/agents/name/KEY", OwnAgentName, None, NOBODY),
        row(
            "POST",
            "/agent_api_keys",
            "/agent_api_keys",
            AgentId,
            Some(json!({"agent_id": "KEY", "name": new_id()})),
            NOBODY,
        ),
        row("GET", "/agent_api_keys", "/agent_api_keys?agent_id=KEY", AgentId, None, READERS),
        row("GET", "/agent_api_keys/{id}", "/agent_api_keys/KEY", KeyId, None, RUNTIME),
        row("DELETE", "/agent_api_keys/{id}", "/agent_api_keys/KEY", KeyId, None, NOBODY),
        row("GET", "/agent_api_keys/name/{name}", "/agent_api_keys/name/KEY?agent_id=AGENT", KeyName, None, RUNTIME),
        row(
            "DELETE",
            "/agent_api_keys/name/{name}",
            "/agent_api_keys/name/KEY?agent_name=scribe",
            KeyName,
            None,
            NOBODY,
        ),
        row("GET", "/messages", "/messages?task_id=KEY", TaskId, None, READERS),
        row("GET", "/messages/paginated", "/messages/paginated?task_id=KEY", TaskId, None, READERS),
        row("POST", "/messages", "/messages", TaskId, on_task(json!({"content": content})), WRITERS),
        row("POST", "/messages/batch", "/messages/batch", TaskId, on_task(json!({"contents": []})), WRITERS),
        row("PUT", "/messages/batch", "/messages/batch", TaskId, on_task(json!({"updates": {}})), WRITERS),
        row("GET", "/messages/{message_id}", "/messages/KEY", MessageId, None, READERS),
        row("POST", "/states", "/states", TaskId, on_task(json!({"agent_id": "AGENT", "state": {}})), WRITERS),
        row("GET", "/states/{state_id}", "/states/KEY", StateId, None, READERS),
        row("PUT", "/states/{state_id}", "/states/KEY", StateId, Some(json!({"state": {}})), WRITERS),
        row("DELETE", "/states/{state_id}", "/states/KEY", StateId, None, NOBODY),
    ]
}

/// The lists, which deny nobody; their own tests say what they show.
const LISTS: [(&str, &str); 4] = [("GET", "/tasks"), ("GET", "/tracker"), ("GET", "/agents"), ("GET", "/states")];

/// The body names the task, and the path what is to be changed on it: its own test sweeps it.
const TWO_KEYS: (&str, &str) = ("PUT", "/messages/{message_id}");

/// A world where whoever reads the tasks may see the agent, too.
async fn readers_see_the_agent() -> World {
    let world = World::new().await;
    for who in ["editor", "viewer"] {
        world.show_agent(who).await;
    }
    world
}

/// A key that is there, freshly made, and one that is not.
async fn keys(world: &World, names: Names) -> (String, String) {
    let task = world.task().await;
    let here = match names {
        Names::TaskId => task.id.to_string(),
        Names::TaskName => task.name.unwrap(),
        Names::TrackerId => world.tracker(&task).await,
        Names::EventId => world.event(&task, "hi").await,
        Names::AgentId => world.agent.id.to_string(),
        Names::AgentName => world.agent.name.clone(),
        Names::OwnAgentId => world.another_agent().await.id.to_string(),
        Names::OwnAgentName => world.another_agent().await.name,
        Names::KeyId => world.api_key().await.0.id.to_string(),
        Names::KeyName => world.api_key().await.0.name,
        Names::MessageId => world.message(&task).await,
        Names::StateId => world.state(&task).await,
    };
    (here, new_id())
}

async fn send(world: &World, who: &str, operation: &Operation, key: &str) -> crate::world::Answer {
    let fill = |text: &str| text.replace("KEY", key).replace("AGENT", world.agent.id.as_str());
    let body = operation.body.as_ref().map(|body| serde_json::from_str(&fill(&body.to_string())).unwrap());
    world.send(who, operation.method, &fill(operation.path), body).await
}

#[test]
fn every_operation_of_the_document_is_swept() {
    let document = serde_json::to_value(rest::openapi()).unwrap();
    let documented: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let swept = operations().into_iter().map(|operation| (operation.method, operation.route));
    let swept = swept.chain(LISTS).chain([TWO_KEYS]);
    let swept: BTreeSet<_> = swept.map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(documented, swept);
}

/// The rows of the permission table, one request each.
#[tokio::test]
async fn who_may_do_what() {
    let world = readers_see_the_agent().await;
    for operation in operations() {
        for who in PEOPLE {
            let (key, _) = keys(&world, operation.names).await;
            let answer = send(&world, who, &operation, &key).await;
            let may = who == "owner" || operation.may.contains(&who);
            let told = if may { answer.status.is_success() } else { answer.status == StatusCode::NOT_FOUND };
            assert!(told, "{who}: {} {}: {answer:?}", operation.method, operation.route);
        }
    }
}

async fn denied_is_missing(pick: fn(&Operation) -> bool) {
    let world = readers_see_the_agent().await;
    for operation in operations().iter().filter(|operation| pick(operation)) {
        let denied = PEOPLE.into_iter().filter(|who| *who != "owner" && !operation.may.contains(who));
        for who in denied {
            let (here, absent) = keys(&world, operation.names).await;
            let denied = send(&world, who, operation, &here).await;
            let missing = send(&world, who, operation, &absent).await;
            assert_eq!(denied.seen(&here), missing.seen(&absent), "{who}: {} {}", operation.method, operation.route);
            let named =
                matches!(operation.names, Names::TaskName | Names::AgentName | Names::OwnAgentName | Names::KeyName);
            let by = if named { "name" } else { "id" };
            let body =
                json!({"message": format!("Item with {by} '{here}' does not exist."), "code": 404, "data": null});
            assert_eq!(denied.json(), body);
        }
    }
}

#[tokio::test]
async fn c4_a_denied_checkpoint_operation_answers_as_if_the_task_were_missing() {
    denied_is_missing(|operation| operation.path.starts_with("/checkpoints")).await;
}

#[tokio::test]
async fn t1_a_denied_tracker_answers_as_if_it_were_missing() {
    denied_is_missing(|operation| operation.method == "GET" && operation.names == Names::TrackerId).await;
}

#[tokio::test]
async fn t3_a_denied_commit_answers_as_if_the_tracker_were_missing() {
    denied_is_missing(|operation| operation.method == "PUT" && operation.names == Names::TrackerId).await;
}

#[tokio::test]
async fn p4_a_denied_event_message_or_state_answers_as_if_it_were_missing() {
    denied_is_missing(|operation| {
        ["/events", "/messages", "/states"].iter().any(|noun| operation.path.starts_with(noun))
    })
    .await;
}

#[tokio::test]
async fn p5_a_denied_name_answers_as_if_nobody_had_it() {
    denied_is_missing(|operation| operation.names == Names::TaskName).await;
}

#[tokio::test]
async fn p7_a_denied_agent_answers_as_if_it_were_missing() {
    denied_is_missing(|operation| {
        use Names::{AgentId, AgentName, OwnAgentId, OwnAgentName};
        matches!(operation.names, AgentId | AgentName | OwnAgentId | OwnAgentName)
    })
    .await;
}

#[tokio::test]
async fn p7_a_denied_api_key_answers_as_if_it_were_missing() {
    denied_is_missing(|operation| matches!(operation.names, Names::KeyId | Names::KeyName)).await;
}

#[tokio::test]
async fn a_denied_task_answers_as_if_it_were_missing() {
    denied_is_missing(|operation| operation.names == Names::TaskId).await;
}

/// An id that no row could have is an id that no row has.
#[tokio::test]
async fn a_key_that_no_row_could_have_is_missing() {
    let world = readers_see_the_agent().await;
    for operation in operations() {
        for odd in ["x".repeat(300), "%E2%98%83".to_owned()] {
            let answer = send(&world, "owner", &operation, &odd).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{} {}: {answer:?}", operation.method, operation.route);
        }
    }
}

/// A body that is wrong in every other way does not tell a hidden task from an absent one, either.
#[tokio::test]
async fn c6_a_denied_caller_is_not_told_what_else_is_wrong() {
    let world = readers_see_the_agent().await;
    let bad = json!({"thread_id": "KEY", "checkpoint_id": 7, "checkpoint": [], "writes": {}, "limit": 0,
        "status": 7, "reason": 7, "task_metadata": 7, "task_id": "KEY", "content": 7, "contents": 7, "updates": 7,
        "agent_id": 7, "state": 7});
    for mut operation in operations().into_iter().filter(|operation| operation.method != "GET") {
        operation.body = Some(bad.clone());
        if operation.names == Names::AgentId {
            operation.body = Some(json!({"agent_id": "KEY", "name": 7, "api_key_type": 7, "api_key": 7}));
        }
        let (here, absent) = keys(&world, operation.names).await;
        let denied = send(&world, "stranger", &operation, &here).await;
        assert_eq!(denied.status, StatusCode::NOT_FOUND, "{denied:?}");
        assert_eq!(denied.seen(&here), send(&world, "stranger", &operation, &absent).await.seen(&absent));
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_credential_and_nothing_is_asked() {
    let world = readers_see_the_agent().await;
    for operation in operations() {
        let (key, _) = keys(&world, operation.names).await;
        let answer = send(&world, "nobody we know", &operation, &key).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.json(), json!({"detail": "Unauthorized"}));
        assert!(answer.questions.is_empty());
    }
}

#[tokio::test]
async fn an_engine_that_is_down_opens_nothing() {
    let world = readers_see_the_agent().await;
    for operation in operations() {
        let (key, _) = keys(&world, operation.names).await;
        world.engine.down.store(true, Ordering::Relaxed);
        let answer = send(&world, "owner", &operation, &key).await;
        world.engine.down.store(false, Ordering::Relaxed);
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert!(!answer.message().contains("down"));
    }
}
