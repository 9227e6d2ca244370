//! Checkpoints over REST: who may (C1 to C6), and what LangGraph counts on (C7).

use blackbox::{As, Storage, Things, World, world};
use serde_json::{Value, json};

/// The five operations, with what each needs.
fn five(task: &str) -> [(&'static str, &'static str, Value); 5] {
    let write = json!({ "task_id": "n", "idx": 0, "channel": "c", "type": "t", "blob": "AA==" });
    [
        ("/checkpoints/get-tuple", "read", json!({ "thread_id": task })),
        ("/checkpoints/list", "read", json!({ "thread_id": task })),
        ("/checkpoints/put", "update", world::checkpoint(task, "c1")),
        ("/checkpoints/put-writes", "update", json!({ "thread_id": task, "checkpoint_id": "c1", "writes": [write] })),
        ("/checkpoints/delete-thread", "delete", json!({ "thread_id": task })),
    ]
}

/// Which of the five somebody may use, by path.
async fn may(caller: &As, task: &str) -> Vec<&'static str> {
    let mut may = vec![];
    for (path, _, body) in five(task) {
        let answer = caller.post(path, body).await;
        assert!(matches!(answer.status, 200 | 204 | 404), "{path}: {}", answer.text());
        if answer.status != 404 {
            may.push(path.trim_start_matches("/checkpoints/"));
        }
    }
    may
}

#[tokio::test]
async fn c1_whoever_may_read_the_task_reads_its_checkpoints() {
    let world = World::new(Storage::Url).await;
    let task = world.task().await;
    let id = world.checkpoint(&task).await;
    for caller in [world.server.owner(), world.server.editor(), world.server.viewer(), world.server.agent()] {
        let tuple = caller.post("/checkpoints/get-tuple", json!({ "thread_id": task })).await.expect(200);
        assert_eq!(tuple["checkpoint_id"], json!(id), "{}", caller.name);
        let list = caller.post("/checkpoints/list", json!({ "thread_id": task })).await.expect(200);
        assert_eq!(list.as_array().unwrap().len(), 1, "{}", caller.name);
    }
    assert_eq!(may(&world.server.viewer(), &task).await, ["get-tuple", "list"]);
}

#[tokio::test]
async fn c2_whoever_may_update_the_task_writes_its_checkpoints() {
    let world = World::new(Storage::Url).await;
    let task = world.task().await;
    for (caller, id) in [(world.server.editor(), "c1"), (world.server.agent(), "c2")] {
        let put = caller.post("/checkpoints/put", world::checkpoint(&task, id)).await.expect(200);
        assert_eq!(put, json!({ "thread_id": task, "checkpoint_ns": "", "checkpoint_id": id }));
        let write = json!({ "task_id": "n", "idx": 0, "channel": "c", "type": "t", "blob": "AA==" });
        let body = json!({ "thread_id": task, "checkpoint_id": id, "writes": [write] });
        let put = caller.post("/checkpoints/put-writes", body).await;
        assert_eq!((put.status, put.body.len()), (204, 0), "{}", caller.name);
    }
    assert_eq!(may(&world.server.editor(), &task).await, ["get-tuple", "list", "put", "put-writes"]);
}

#[tokio::test]
async fn c3_whoever_may_delete_the_task_deletes_its_thread_and_may_repeat_it() {
    let world = World::new(Storage::Url).await;
    let task = world.task().await;
    world.checkpoint(&task).await;
    world
        .owner
        .post("/checkpoints/put", {
            let mut body = world::checkpoint(&task, "c1");
            body["checkpoint_ns"] = json!("sub");
            body
        })
        .await
        .expect(200);
    let thread = json!({ "thread_id": task });
    for _ in 0..2 {
        let deleted = world.owner.post("/checkpoints/delete-thread", thread.clone()).await;
        assert_eq!((deleted.status, deleted.body.len()), (204, 0));
        assert_eq!(world.owner.post("/checkpoints/list", thread.clone()).await.expect(200), json!([]));
    }
    assert_eq!(world.see(&task).await["id"], json!(task), "the task itself stays");
}

#[tokio::test]
async fn c4_a_denied_thread_answers_as_a_missing_task_on_all_five() {
    let world = World::new(Storage::Url).await;
    let (task, absent) = (world.task().await, Things::absent().task);
    world.checkpoint(&task).await;
    let before = world.all_of(&task).await;
    let missing_task = world.owner.get(&format!("/tasks/{absent}")).await;
    assert_eq!(missing_task.status, 404);
    for caller in [world.server.viewer(), world.server.editor(), world.server.stranger()] {
        for ((path, needs, denied), (_, _, missing)) in five(&task).into_iter().zip(five(&absent)) {
            let (denied, missing) = (caller.post(path, denied).await, caller.post(path, missing).await);
            assert_eq!(missing.without(&absent), missing_task.without(&absent), "{path}");
            let allowed = match caller.name {
                "viewer" => needs == "read",
                "editor" => needs != "delete",
                _ => false,
            };
            if allowed {
                assert_ne!(denied.status, 404, "{} {path}", caller.name);
            } else {
                assert_eq!(denied.without(&task), missing.without(&absent), "{} {path}", caller.name);
            }
        }
    }
    // The editor's writes are the only ones that can have changed anything.
    let after = world.all_of(&task).await;
    assert_eq!(before["task"], after["task"]);
    assert_eq!(after["checkpoints"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn c5_checkpoints_have_no_relationships_of_their_own() {
    let world = World::new(Storage::Url).await;
    let task = world.task().await;
    let database = world.server.database();
    let relationships = "SELECT count(*) FROM relationships";
    let before = database.number(relationships).await;
    for (path, _, body) in five(&task) {
        assert!(world.owner.post(path, body).await.status < 300, "{path}");
        assert_eq!(database.number(relationships).await, before, "{path}");
    }
    let kinds = database.rows("SELECT DISTINCT resource_kind FROM relationships ORDER BY 1").await;
    assert_eq!(kinds, ["(agent)", "(task)", "(tenant)"]);
}

#[tokio::test]
async fn c6_a_thread_id_that_is_none_is_the_requests_fault() {
    let world = World::new(Storage::Memory).await;
    let task = world.task().await;
    for (path, _, body) in five(&task) {
        for odd in [json!(null), json!(7), json!(1.5), json!(true), json!([task]), json!({ "id": task })] {
            let mut body = body.clone();
            body["thread_id"] = odd.clone();
            let answer = world.owner.post(path, body).await;
            assert_eq!(
                (answer.status, answer.rest_code()),
                (422, Some("BAD_USER_INPUT")),
                "{path} {odd}: {}",
                answer.text()
            );
            assert!(answer.text().contains("thread_id"), "{path} {odd}: {}", answer.text());
        }
        for odd in ["", "{", "[]", "null", "\"x\"", "{}", "{\"thread_id\": }", "\u{feff}{}"] {
            let answer = world.owner.post_bytes(path, odd.into()).await;
            assert_eq!(answer.status, 422, "{path} {odd:?}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn c6_the_id_that_is_checked_is_the_id_that_is_used() {
    let world = World::new(Storage::Url).await;
    let (mine, theirs) = (world.secret().await, world.secret().await);
    let (stranger, database) = (world.server.stranger(), world.server.database());
    world.share(&mine, &world.server.viewer(), "EDITOR").await;
    // A key said twice: whichever is taken, it must be the same one for the check and for the write.
    for (first, last) in [(&mine, &theirs), (&theirs, &mine)] {
        let body = format!(
            r#"{{"thread_id":"{first}","thread_id":"{last}","checkpoint_id":"c","checkpoint":{{}}, "metadata":{{}}}}"#
        );
        for caller in [&world.server.viewer(), &stranger] {
            caller.post_bytes("/checkpoints/put", body.clone().into_bytes()).await;
        }
    }
    let found = format!("SELECT count(*) FROM checkpoints WHERE thread_id = '{theirs}'");
    assert_eq!(database.number(&found).await, 0);
}

async fn put(world: &World, task: &str, id: &str, more: Value) {
    let mut body = world::checkpoint(task, id);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.owner.post("/checkpoints/put", body).await.expect(200);
}

async fn tuple(world: &World, task: &str, more: Value) -> Value {
    let mut body = json!({ "thread_id": task });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.owner.post("/checkpoints/get-tuple", body).await.expect(200)
}

async fn ids(world: &World, task: &str, more: Value) -> Vec<String> {
    let mut body = json!({ "thread_id": task });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let list = world.owner.post("/checkpoints/list", body).await.expect(200);
    let id = |item: &Value| {
        format!("{}{}", item["checkpoint_ns"].as_str().unwrap(), item["checkpoint_id"].as_str().unwrap())
    };
    list.as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn c7_the_latest_checkpoint_is_the_largest_id_of_its_namespace() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let task = world.secret().await;
        assert_eq!(tuple(&world, &task, json!({})).await, Value::Null);
        for id in ["c2", "c3", "c1"] {
            put(&world, &task, id, json!({})).await;
        }
        put(&world, &task, "c9", json!({ "checkpoint_ns": "sub" })).await;
        assert_eq!(tuple(&world, &task, json!({})).await["checkpoint_id"], "c3");
        assert_eq!(tuple(&world, &task, json!({ "checkpoint_id": "" })).await["checkpoint_id"], "c3");
        assert_eq!(tuple(&world, &task, json!({ "checkpoint_id": "c1" })).await["checkpoint_id"], "c1");
        assert_eq!(tuple(&world, &task, json!({ "checkpoint_ns": "sub" })).await["checkpoint_id"], "c9");
        assert_eq!(tuple(&world, &task, json!({ "checkpoint_id": "c9" })).await, Value::Null);
    }
}

#[tokio::test]
async fn c7_blobs_go_by_channel_version_and_never_change() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let task = world.secret().await;
        let blob = |version: Value, bytes: Value| json!({ "channel": "m", "version": version, "type": "msgpack", "blob": bytes });
        let versions = json!({ "id": "c", "channel_versions": { "m": "1", "gone": "7" } });
        for bytes in ["AAH/", "//8="] {
            let more = json!({ "checkpoint": versions, "blobs": [blob(json!("1"), json!(bytes)), blob(json!("2"), json!(null))] });
            put(&world, &task, "c", more).await;
        }
        let expected = json!([blob(json!("1"), json!("AAH/"))]);
        assert_eq!(tuple(&world, &task, json!({})).await["blobs"], expected);
        // LangGraph's saver sends whole numbers as versions; they are kept as their text.
        let numbered = json!({ "id": "d", "channel_versions": { "m": 3 } });
        put(&world, &task, "d", json!({ "checkpoint": numbered, "blobs": [blob(json!(3), json!("AA=="))] })).await;
        assert_eq!(tuple(&world, &task, json!({})).await["blobs"], json!([blob(json!("3"), json!("AA=="))]));
    }
}

#[tokio::test]
async fn c7_a_parent_is_written_once_and_the_rest_is_replaced() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let task = world.secret().await;
        put(&world, &task, "c", json!({ "parent_checkpoint_id": "a", "metadata": { "n": 1 } })).await;
        put(&world, &task, "c", json!({ "parent_checkpoint_id": "b", "metadata": { "n": 2 } })).await;
        let now = tuple(&world, &task, json!({})).await;
        assert_eq!((&now["parent_checkpoint_id"], &now["metadata"]), (&json!("a"), &json!({ "n": 2 })));
    }
}

#[tokio::test]
async fn c7_pending_writes_come_in_order_and_stay_unless_upserted() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let task = world.secret().await;
        put(&world, &task, "c", json!({})).await;
        let write = |node: &str, idx: i32, blob: &str| json!({ "task_id": node, "idx": idx, "channel": "ch", "type": "json", "blob": blob });
        let send = async |writes: Value, upsert: bool| {
            let body = json!({ "thread_id": task, "checkpoint_id": "c", "writes": writes, "upsert": upsert });
            assert_eq!(world.owner.post("/checkpoints/put-writes", body).await.status, 204);
        };
        let seen = async || tuple(&world, &task, json!({})).await["pending_writes"].clone();
        send(
            json!([write("b", 1, "AA=="), write("b", 0, "AA=="), write("a", -1, "AA=="), write("a", 5, "AA==")]),
            false,
        )
        .await;
        let order =
            json!([write("a", -1, "AA=="), write("a", 5, "AA=="), write("b", 0, "AA=="), write("b", 1, "AA==")]);
        assert_eq!(seen().await, order);
        send(json!([write("b", 1, "AQ==")]), false).await;
        assert_eq!(seen().await, order, "ignored");
        send(json!([write("b", 1, "AQ==")]), true).await;
        assert_eq!(seen().await[3], write("b", 1, "AQ=="), "replaced");
        send(json!([]), false).await;
    }
}

#[tokio::test]
async fn c7_lists_run_latest_first_and_can_be_narrowed() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let task = world.secret().await;
        for step in 0..4 {
            let source = if step % 2 == 0 { "input" } else { "loop" };
            let metadata = json!({ "source": source, "step": step, "deep": { "a": step, "b": 1 } });
            put(&world, &task, &format!("c{step}"), json!({ "metadata": metadata })).await;
        }
        put(&world, &task, "c1", json!({ "checkpoint_ns": "s:" })).await;
        let list = async |more: Value| ids(&world, &task, more).await;
        assert_eq!(list(json!({})).await, ["c3", "c2", "c1", "s:c1", "c0"]);
        assert_eq!(list(json!({ "checkpoint_ns": "" })).await, ["c3", "c2", "c1", "c0"]);
        assert_eq!(list(json!({ "checkpoint_ns": "s:" })).await, ["s:c1"]);
        assert_eq!(list(json!({ "before_checkpoint_id": "c2", "limit": 1 })).await, ["c1"]);
        assert_eq!(list(json!({ "before_checkpoint_id": "" })).await, [""; 0]);
        assert_eq!(list(json!({ "filter_metadata": { "source": "input" } })).await, ["c2", "c0"]);
        assert_eq!(list(json!({ "filter_metadata": { "deep": { "a": 3 } } })).await, ["c3"]);
        assert_eq!(list(json!({ "filter_metadata": { "step": "3" } })).await, [""; 0]);
        for limit in [0, 1001, -1] {
            let body = json!({ "thread_id": task, "limit": limit });
            assert_eq!(world.owner.post("/checkpoints/list", body).await.status, 422, "{limit}");
        }
    }
}
