//! Checkpoints over REST. What the stores make of them is the stores' own suite's to show.

use crate::world::{PEOPLE, World};
use authz::Kind;
use http::StatusCode;
use serde_json::{Value, json};

const ROUTES: [&str; 5] = ["get-tuple", "list", "put", "put-writes", "delete-thread"];

/// A body that all five understand.
fn body(thread: impl Into<Value>) -> Value {
    json!({"thread_id": thread.into(), "checkpoint_id": "c1", "checkpoint": {"id": "c1"}, "writes": []})
}

async fn statuses(world: &World, route: &str) -> Vec<(&'static str, u16)> {
    let mut statuses = vec![];
    for who in PEOPLE {
        let task = world.task().await;
        let answer = world.post(who, &format!("/checkpoints/{route}"), body(task.id.as_str())).await;
        statuses.push((who, answer.status.as_u16()));
    }
    statuses
}

#[tokio::test]
async fn c1_reading_takes_read() {
    let world = World::new().await;
    let readers =
        [("owner", 200), ("editor", 200), ("viewer", 200), ("runtime", 200), ("insider", 404), ("stranger", 404)];
    assert_eq!(statuses(&world, "get-tuple").await, readers);
    assert_eq!(statuses(&world, "list").await, readers);
}

#[tokio::test]
async fn c2_writing_takes_update() {
    let world = World::new().await;
    let writers =
        |ok| [("owner", ok), ("editor", ok), ("viewer", 404), ("runtime", ok), ("insider", 404), ("stranger", 404)];
    assert_eq!(statuses(&world, "put").await, writers(200));
    assert_eq!(statuses(&world, "put-writes").await, writers(204));
}

#[tokio::test]
async fn c3_deleting_takes_delete_and_can_be_repeated() {
    let world = World::new().await;
    let owner =
        [("owner", 204), ("editor", 404), ("viewer", 404), ("runtime", 404), ("insider", 404), ("stranger", 404)];
    assert_eq!(statuses(&world, "delete-thread").await, owner);

    let task = world.task().await;
    world.post("owner", "/checkpoints/put", body(task.id.as_str())).await.ok();
    for _ in 0..2 {
        let gone = world.post("owner", "/checkpoints/delete-thread", json!({"thread_id": task.id.as_str()})).await;
        assert_eq!((gone.status, gone.bytes.len()), (StatusCode::NO_CONTENT, 0));
    }
    let left = world.post("owner", "/checkpoints/get-tuple", json!({"thread_id": task.id.as_str()})).await;
    assert_eq!(left.ok(), Value::Null);
}

#[tokio::test]
async fn c5_the_engine_hears_of_the_task_and_of_nothing_else() {
    let world = World::new().await;
    for route in ROUTES {
        for who in ["owner", "stranger"] {
            let task = world.task().await;
            let answer = world.post(who, &format!("/checkpoints/{route}"), body(task.id.as_str())).await;
            let about: Vec<_> = answer.questions.concat().into_iter().map(|asked| (asked.kind, asked.id)).collect();
            assert_eq!(about, [(Kind::Task, task.id.to_text())], "{route}");
        }
    }
}

#[tokio::test]
async fn c6_a_thread_that_is_not_a_string_is_invalid_and_nothing_is_asked() {
    let world = World::new().await;
    for route in ROUTES {
        let path = format!("/checkpoints/{route}");
        let mut absent = body("t");
        absent.as_object_mut().unwrap().remove("thread_id");
        for odd in [body(Value::Null), body(7), body(json!(["t"])), body(json!({})), absent, json!([]), json!("t")] {
            let answer = world.post("stranger", &path, odd).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
            assert_eq!(answer.json()["status_code"], 10422);
            assert!(answer.questions.is_empty());
        }
    }
}

#[tokio::test]
async fn c6_of_a_thread_said_twice_the_one_that_is_checked_is_used() {
    let world = World::new().await;
    let (mine, theirs) = (world.task().await, world.task().await);
    world.post("owner", "/checkpoints/put", body(theirs.id.as_str())).await.ok();
    let twice = format!(r#"{{"thread_id": "{}", "thread_id": "{}"}}"#, theirs.id, mine.id);
    let request = http::Request::post("/checkpoints/get-tuple").header("x-api-key", "owner").body(twice.into());
    let answer = world.raw(request.unwrap()).await;
    assert_eq!(answer.questions.concat()[0].id, mine.id.to_text());
    assert_eq!(answer.ok(), Value::Null);
}

#[tokio::test]
async fn c7_a_checkpoint_comes_back_with_its_blobs_and_writes() {
    let world = World::new().await;
    let task = world.task().await;
    let thread = task.id.as_str();
    let checkpoint = json!({"id": "c1", "channel_versions": {"m": 1, "n": "2.0"}, "deep": [[{}], null, -0.5]});
    let put = json!({"thread_id": thread, "checkpoint_ns": "sub", "checkpoint_id": "c1", "checkpoint": checkpoint,
        "metadata": {"step": 1}, "unknown": true, "blobs": [
            {"channel": "m", "version": 1, "type": "msgpack", "blob": "AAH/"},
            {"channel": "n", "version": "2.0", "type": "empty", "blob": null}]});
    let answer = world.post("editor", "/checkpoints/put", put).await.ok();
    assert_eq!(answer, json!({"thread_id": thread, "checkpoint_ns": "sub", "checkpoint_id": "c1"}));
    let writes = json!({"thread_id": thread, "checkpoint_ns": "sub", "checkpoint_id": "c1", "writes": [
        {"task_id": "b", "idx": 0, "channel": "m", "type": "json", "blob": ""},
        {"task_id": "a", "idx": -1, "channel": "m", "type": null, "blob": "AQ==", "task_path": "~"}]});
    assert_eq!(world.post("editor", "/checkpoints/put-writes", writes).await.status, StatusCode::NO_CONTENT);

    let item = json!({"thread_id": thread, "checkpoint_ns": "sub", "checkpoint_id": "c1",
        "parent_checkpoint_id": null, "checkpoint": checkpoint, "metadata": {"step": 1}});
    let mut tuple = item.clone();
    tuple["blobs"] = json!([
        {"channel": "m", "version": "1", "type": "msgpack", "blob": "AAH/"},
        {"channel": "n", "version": "2.0", "type": "empty", "blob": null}]);
    tuple["pending_writes"] = json!([
        {"task_id": "a", "idx": -1, "channel": "m", "type": null, "blob": "AQ=="},
        {"task_id": "b", "idx": 0, "channel": "m", "type": "json", "blob": ""}]);
    for id in [json!(null), json!(""), json!("c1")] {
        let key = json!({"thread_id": thread, "checkpoint_ns": "sub", "checkpoint_id": id});
        assert_eq!(world.post("viewer", "/checkpoints/get-tuple", key).await.ok(), tuple);
    }
    assert_eq!(world.post("viewer", "/checkpoints/get-tuple", json!({"thread_id": thread})).await.ok(), Value::Null);
    let all = json!({"thread_id": thread, "checkpoint_ns": null, "filter_metadata": {"step": 1}});
    assert_eq!(world.post("viewer", "/checkpoints/list", all).await.ok(), json!([item]));
    let root = json!({"thread_id": thread, "checkpoint_ns": ""});
    assert_eq!(world.post("viewer", "/checkpoints/list", root).await.ok(), json!([]));
}

#[tokio::test]
async fn c7_a_wrong_field_is_named() {
    let world = World::new().await;
    let task = world.task().await;
    let put = |key: &str, value: Value| {
        let mut body = body(task.id.as_str());
        body[key] = value;
        body
    };
    let blob = |version: Value, blob: Value| json!([{"channel": "m", "version": version, "type": "t", "blob": blob}]);
    let write = |index: Value, blob: Value| json!([{"task_id": "t", "idx": index, "channel": "m", "blob": blob}]);
    for (route, body, field) in [
        ("put", put("checkpoint", json!([])), "checkpoint"),
        ("put", put("checkpoint_id", json!(null)), "checkpoint_id"),
        ("put", put("checkpoint_id", json!("c".repeat(256))), "checkpoint_id"),
        ("put", put("checkpoint_ns", json!(null)), "checkpoint_ns"),
        ("put", put("metadata", json!(null)), "metadata"),
        ("put", put("blobs", blob(json!([1]), json!(null))), "blobs[0].version"),
        ("put", put("blobs", blob(json!(1), json!("AAH_"))), "blobs[0].blob"),
        ("put", put("blobs", blob(json!(1), json!("AA"))), "blobs[0].blob"),
        ("put-writes", put("writes", write(json!("1"), json!(""))), "writes[0].idx"),
        ("put-writes", put("writes", write(json!(2_147_483_648_u32), json!(""))), "writes[0].idx"),
        ("put-writes", put("writes", write(json!(0), json!(null))), "writes[0].blob"),
        ("put-writes", put("upsert", json!("yes")), "upsert"),
        ("get-tuple", put("checkpoint_ns", json!(null)), "checkpoint_ns"),
        ("list", put("limit", json!(0)), "limit"),
        ("list", put("limit", json!(1001)), "limit"),
        ("list", put("filter_metadata", json!([])), "filter_metadata"),
    ] {
        let answer = world.post("owner", &format!("/checkpoints/{route}"), body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert!(answer.message().starts_with(&format!("{field}: ")), "{field}: {answer:?}");
    }
    let bare = json!({"thread_id": task.id.as_str()});
    assert_eq!(world.post("owner", "/checkpoints/put", bare).await.message(), "missing field `checkpoint_id`");
    assert_eq!(world.post("owner", "/checkpoints/list", body(task.id.as_str())).await.ok(), json!([]));
}
