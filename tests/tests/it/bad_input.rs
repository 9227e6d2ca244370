//! Requests that are wrong: each has its status, a stable code, and a message to act on; none is a fault
//! of the gateway's, and none leaves anything behind.

use crate::{
    operations::{Ask, Operation},
    routes::ROUTES,
};
use blackbox::{Answer, Settings, Storage, Things, World, documents};
use serde_json::{Value, json};

fn is_refused(answer: &Answer, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    let body = answer.json();
    assert!(answer.rest_code().is_some(), "{what}: no code");
    assert!(body["message"].as_str().is_some_and(|message| message.len() > 3), "{what}: {body}");
    let told = answer.text().to_lowercase();
    for secret in ["sqlx", "postgres", ".rs", "serde", "panicked"] {
        assert!(!told.contains(secret), "{what}: {told}");
    }
}

/// The routes with a body, with a path that is there.
fn with_bodies(things: &Things) -> Vec<(&'static Operation, String)> {
    let posts = ROUTES.iter().filter_map(|route| match (route.ask)(things) {
        Ask::Rest(_, path, Some(_)) => Some((route, path)),
        Ask::Rest(..) | Ask::Graphql(..) => None,
    });
    posts.collect()
}

/// Bodies that are no JSON, or not the JSON that anything takes.
fn malformed() -> Vec<Vec<u8>> {
    let mut deep = "[".repeat(200_000);
    deep.push_str(&"]".repeat(200_000));
    [
        "",
        "{",
        "}",
        "nul",
        "[1,",
        "\"",
        "{\"a\"}",
        "{'a':1}",
        "\u{feff}{}",
        "{}{}",
        "NaN",
        "-",
        "1e999",
        "0x1",
        "[]",
        "7",
        "true",
        "\"text\"",
        "\u{0}",
        "{\"thread_id\":\"\\ud800\"}",
        "{\"reason\":7}",
        "{\"thread_id\":[]}",
        "{\"task_metadata\":[]}",
        "{\"status\":{}}",
        "{\"merge_params\":\"x\"}",
        "{\"\\u0000\":1}",
    ]
    .into_iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([vec![0xff, 0xfe, 0x00], b"{\"thread_id\":\"\xc3\x28\"}".to_vec(), b"\x80".to_vec(), deep.into_bytes()])
    .collect()
}

#[tokio::test]
async fn a_malformed_body_is_never_the_gateways_fault() {
    let world = World::new(Storage::Url).await;
    let things = world.things().await;
    for (route, path) in with_bodies(&things) {
        let method = reqwest::Method::from_bytes(route.name.split(' ').next().unwrap().as_bytes()).unwrap();
        for body in malformed() {
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let request =
                world.owner.request(method.clone(), &path).header("content-type", "application/json").body(body);
            let answer = world.owner.send(request).await;
            assert!(answer.status < 500, "{} {shown:?}: {} {}", route.name, answer.status, answer.text());
        }
    }
    for body in malformed() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = world.owner.post_bytes("/graphql", body).await;
        assert!(answer.status < 500, "/graphql {shown:?}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("panicked"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_named() {
    let world = World::new(Storage::Memory).await;
    let task = world.task().await;
    let (of_task, tracker) = (format!("/tasks/{task}"), format!("/tracker/{}", world.tracker(&task).await));
    let write = |more: Value| {
        let mut write = json!({ "task_id": "n", "idx": 0, "channel": "c", "type": "t", "blob": "AA==" });
        write.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "thread_id": task, "checkpoint_id": "c", "writes": [write] })
    };
    let put = |more: Value| {
        let mut body = blackbox::world::checkpoint(&task, "c");
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let before = world.all_of(&task).await;
    for (path, body, named) in [
        (&of_task, json!({ "task_metadata": [] }), "task_metadata"),
        (&of_task, json!({ "merge_params": 7 }), "merge_params"),
        (&tracker, json!({ "status": 7 }), "status"),
        (&tracker, json!({ "last_processed_event_id": {} }), "last_processed_event_id"),
    ] {
        let answer = world.owner.put(path, body).await;
        is_refused(&answer, 422, named);
        assert!(answer.text().contains(named), "{named}: {}", answer.text());
    }
    for (path, body, named) in [
        ("/checkpoints/put", put(json!({ "checkpoint": [] })), "checkpoint"),
        ("/checkpoints/put", put(json!({ "checkpoint_id": null })), "checkpoint_id"),
        ("/checkpoints/put", put(json!({ "checkpoint_ns": null })), "checkpoint_ns"),
        (
            "/checkpoints/put",
            put(json!({ "blobs": [{ "channel": "c", "version": "1", "type": "t", "blob": "A" }] })),
            "blobs[0].blob",
        ),
        ("/checkpoints/put", put(json!({ "blobs": [{ "version": "1", "type": "t" }] })), "channel"),
        ("/checkpoints/put-writes", write(json!({ "blob": "not base64!" })), "writes[0].blob"),
        ("/checkpoints/put-writes", write(json!({ "idx": "x" })), "writes[0].idx"),
        ("/checkpoints/put-writes", write(json!({ "idx": 3_000_000_000_u32 })), "writes[0].idx"),
        ("/checkpoints/list", json!({ "thread_id": task, "limit": -1 }), "limit"),
        ("/checkpoints/list", json!({ "thread_id": task, "filter_metadata": "x" }), "filter_metadata"),
    ] {
        let answer = world.owner.post(path, body).await;
        is_refused(&answer, 422, named);
        assert!(answer.text().contains(named), "{named}: {}", answer.text());
    }
    assert_eq!(world.all_of(&task).await, before);
}

#[tokio::test]
async fn a_query_that_cannot_be_meant_is_refused_and_named() {
    let world = World::new(Storage::Url).await;
    let huge = "9".repeat(30);
    for (path, status, named) in [
        ("/tasks?limit=-1".to_owned(), 422, "limit"),
        (format!("/tasks?limit={huge}"), 422, "limit"),
        ("/tasks?limit=ten".to_owned(), 422, "limit"),
        ("/tasks?page_number=0".to_owned(), 422, "page_number"),
        ("/tasks?order_by=agents".to_owned(), 422, "order_by"),
        ("/tasks?order_by=id;drop%20table%20tasks".to_owned(), 422, "order_by"),
        ("/tasks?order_direction=up".to_owned(), 422, "order_direction"),
        ("/tasks?status=ASLEEP".to_owned(), 422, "status"),
        ("/tasks?status=DELETED".to_owned(), 400, "status"),
        ("/tasks?task_metadata=%7B".to_owned(), 400, "task_metadata"),
        ("/tasks?task_metadata=%5B%5D".to_owned(), 400, "task_metadata"),
        ("/tasks?relationships=owners".to_owned(), 422, "relationships"),
        ("/tracker?limit=0".to_owned(), 422, "limit"),
        ("/tracker?order_by=registry".to_owned(), 422, "order_by"),
        ("/tracker?task_id=%00".to_owned(), 422, "task_id"),
        ("/agents?limit=0".to_owned(), 422, "limit"),
        ("/events?limit=0".to_owned(), 422, "task_id"),
    ] {
        let answer = world.owner.get(&path).await;
        is_refused(&answer, status, &path);
        assert!(answer.text().contains(named), "{path}: {}", answer.text());
    }
    assert_eq!(world.owner.get("/tasks?page_number=4294967295&limit=1000").await.expect(200), json!([]));
    assert_eq!(world.owner.get("/tasks?no_such_word=1&limit=1").await.status, 200, "unknown words are passed over");
}

#[tokio::test]
async fn odd_ids_are_only_ids_that_nothing_has() {
    let world = World::new(Storage::Url).await;
    let long = "x".repeat(5000);
    for id in ["%00", "%ff%fe", "..%2f..", "%27%3b--", "a%20b", "%E2%98%83", long.as_str()] {
        for path in
            [format!("/tasks/{id}"), format!("/tasks/name/{id}"), format!("/tracker/{id}"), format!("/agents/{id}")]
        {
            let answer = world.owner.get(&path).await;
            assert!(matches!(answer.status, 404 | 422), "{path}: {} {}", answer.status, answer.text());
        }
    }
    for id in ["\u{0}", "\u{2603}", "'; --", long.as_str()] {
        let answer = world.owner.gql(documents::TASK, json!({ "id": id })).await;
        assert!(matches!(answer.codes()[0].as_str(), "NOT_FOUND" | "BAD_USER_INPUT"), "{id:?}: {}", answer.text());
        let answer = world.owner.post("/checkpoints/list", json!({ "thread_id": id })).await;
        assert!(matches!(answer.status, 404 | 422), "{id:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let world = World::with(Settings::default().with("TASKGATE_LIMITS__BODY_BYTES", "4096"), Storage::Memory).await;
    let task = world.task().await;
    let mut body = blackbox::world::checkpoint(&task, "c");
    body["checkpoint"]["filler"] = json!("x".repeat(5000));
    let answer = world.owner.post("/checkpoints/put", body.clone()).await;
    is_refused(&answer, 413, "/checkpoints/put");
    assert_eq!(answer.rest_code(), Some("PAYLOAD_TOO_LARGE"));
    assert!(answer.text().contains("4096"), "{}", answer.text());
    let answer = world.owner.gql(documents::TASK, json!({ "id": "x".repeat(5000) })).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!(world.owner.post("/checkpoints/list", json!({ "thread_id": task })).await.expect(200), json!([]));
}

#[tokio::test]
async fn nul_is_refused_and_not_half_written() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let task = world.task().await;
        let before = world.all_of(&task).await;
        let nul = "a\u{0}b";
        let mut put = blackbox::world::checkpoint(&task, "c");
        put["metadata"]["deep"] = json!([{ "x": nul }]);
        let tracker = format!("/tracker/{}", world.tracker(&task).await);
        for answer in [
            world.owner.post("/checkpoints/put", put).await,
            world.owner.put(&format!("/tasks/{task}"), json!({ "task_metadata": { "a": nul } })).await,
            world.owner.put(&format!("/tasks/{task}"), json!({ "merge_params": { nul: 1 } })).await,
            world.owner.put(&tracker, json!({ "status": nul })).await,
            world.owner.post(&format!("/tasks/{task}/fail"), json!({ "reason": nul })).await,
        ] {
            is_refused(&answer, 422, "nul");
        }
        let create = json!({ "input": { "agentId": world.agent, "name": nul } });
        assert_eq!(world.owner.gql(documents::CREATE_TASK, create).await.codes(), ["BAD_USER_INPUT"]);
        assert_eq!(world.all_of(&task).await, before);
    }
}

#[tokio::test]
async fn graphql_refuses_with_a_code_and_names_the_argument() {
    let world = World::new(Storage::Url).await;
    let task = world.task().await;
    let filter = |text: &str| format!("{{ tasks({text}) {{ nodes {{ id }} }} }}");
    for (document, named) in [
        (filter("first: -1"), "first"),
        (filter("first: 0"), "first"),
        (filter("first: 101"), "first"),
        (filter(r#"after: "nonsense""#), "after"),
        (filter(r#"after: "WzFd""#), "after"),
        (filter("filter: { metadata: 7 }"), "metadata"),
        ("{ task { id } }".to_owned(), "id"),
        (format!(r#"{{ task(id: "{task}", name: "x") {{ id }} }}"#), "id"),
        (format!(r#"mutation {{ updateTask(id: "{task}", input: {{ mergeParams: [] }}) {{ id }} }}"#), "mergeParams"),
        (format!(r#"mutation {{ shareTask(id: "{task}", principal: "alice", role: VIEWER) {{ id }} }}"#), "principal"),
        (
            format!(
                r#"mutation {{ putCheckpoint(input: {{ threadId: "{task}", checkpointId: "c", checkpoint: {{}},
                    blobs: [{{ channel: "c", version: "1", type: "t", blob: "!" }}] }}) {{ checkpointId }} }}"#
            ),
            "blob",
        ),
    ] {
        let answer = world.owner.gql(&document, Value::Null).await;
        assert_eq!(answer.codes(), ["BAD_USER_INPUT"], "{document}: {}", answer.text());
        let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{document}: {message}");
    }
    for document in [
        "{",
        "{ nothing }",
        "{ tasks(first: 99999999999) { nodes { id } } }",
        "query { tasks(orderBy: { field: AGE }) { nodes { id } } }",
    ] {
        let answer = world.owner.gql(document, Value::Null).await;
        assert!(answer.status < 500, "{document}: {}", answer.text());
        assert_eq!(answer.codes().len(), 1, "{document}: {}", answer.text());
        assert_ne!(answer.codes(), ["none"], "{document}: an error without a code: {}", answer.text());
    }
}

#[tokio::test]
async fn what_is_no_route_is_404_and_a_wrong_method_405() {
    let world = World::new(Storage::Memory).await;
    assert_eq!(world.owner.get("/nothing").await.expect(404), json!({ "detail": "Not Found" }));
    assert_eq!(world.owner.delete("/tracker").await.expect(405), json!({ "detail": "Method Not Allowed" }));
    assert_eq!(world.owner.post("/readyz", json!({})).await.status, 405);
}

#[tokio::test]
async fn a_wrong_or_missing_credential_is_401_everywhere() {
    let world = World::new(Storage::Memory).await;
    let things = world.things().await;
    let wrong = blackbox::As::new("wrong", &world.server.demo.url(), Some("no-such-token-anywhere".to_owned()), None);
    for caller in [world.server.anonymous(), wrong] {
        for route in ROUTES {
            let answer = route.send(&caller, &things).await;
            assert_eq!((answer.status, answer.rest_code()), (401, Some("UNAUTHENTICATED")), "{}", route.name);
            assert!(answer.headers.contains_key("www-authenticate"));
        }
        let answer = caller.gql(documents::TASK, json!({ "id": things.task })).await;
        assert_eq!(answer.codes(), ["UNAUTHENTICATED"], "{}", answer.text());
    }
}
