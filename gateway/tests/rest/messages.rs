//! Messages over REST.

use crate::world::{Answer, World};
use gateway::lifecycle::new_id;
use http::StatusCode;
use serde_json::{Value, json};

fn text(content: &str) -> Value {
    json!({"type": "text", "author": "user", "content": content})
}

async fn say(world: &World, task: &tasks::Task, content: Value) -> Value {
    world.post("editor", "/messages", json!({"task_id": task.id.as_str(), "content": content})).await.ok()
}

fn ids(messages: &Value) -> Vec<String> {
    messages.as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

fn invalid(answer: &Answer, field: &str) {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    assert!(answer.message().starts_with(field), "{field}: {answer:?}");
}

#[tokio::test]
async fn p4_every_kind_of_content_comes_back_with_its_defaults() {
    let world = World::new().await;
    let task = world.task().await;
    for (content, default) in [
        (text("hi"), json!({"format": "plain", "attachments": null})),
        (json!({"type": "data", "author": "agent", "data": {"a": [1]}}), json!({})),
        (
            json!({"type": "tool_request", "author": "agent", "tool_call_id": "1", "name": "f", "arguments": {}}),
            json!({}),
        ),
        (
            json!({"type": "tool_response", "author": "agent", "tool_call_id": "1", "name": "f", "content": {"ok": true}}),
            json!({"is_error": null}),
        ),
        (json!({"type": "reasoning", "author": "agent", "summary": ["s"]}), json!({"content": null})),
    ] {
        let mut kept = content.clone();
        kept["style"] = "static".into();
        kept.as_object_mut().unwrap().extend(default.as_object().cloned().unwrap());
        let said = say(&world, &task, content).await;
        assert_eq!((&said["content"], &said["streaming_status"]), (&kept, &Value::Null));
        assert_eq!(said["task_id"], task.id.as_str());
        let id = said["id"].as_str().unwrap();
        assert_eq!(world.get("viewer", &format!("/messages/{id}")).await.ok(), said);
    }
}

#[tokio::test]
async fn p4_a_message_says_when_it_was_said() {
    let world = World::new().await;
    let task = world.task().await;
    let at = async |created_at: Value| {
        let body = json!({"task_id": task.id.as_str(), "content": text("hi"), "created_at": created_at, "streaming_status": "IN_PROGRESS"});
        world.post("editor", "/messages", body).await
    };
    for given in ["2026-01-31T12:00:00.123456Z", "2026-01-31T13:00:00.1234567+01:00", "2026-01-31T12:00:00.123456"] {
        let said = at(given.into()).await.ok();
        assert_eq!(
            (&said["created_at"], &said["updated_at"]),
            (&json!("2026-01-31T12:00:00.123456Z"), &said["created_at"])
        );
        assert_eq!(said["streaming_status"], "IN_PROGRESS");
    }
    assert!(at(Value::Null).await.ok()["created_at"].as_str().is_some_and(|time| time.len() == 27));
    let leap = at("2016-12-31T23:59:60Z".into()).await.ok();
    assert_eq!(leap["created_at"], "2017-01-01T00:00:00.000000Z");
    let far = ["0000-01-01T00:00:00Z", "+12026-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "yesterday", ""];
    for odd in far.map(Value::from).into_iter().chain([json!(7), json!([])]) {
        invalid(&at(odd).await, "created_at: ");
    }
}

#[tokio::test]
async fn p4_a_batch_is_said_in_order_a_millisecond_apart() {
    let world = World::new().await;
    let task = world.task().await;
    let batch = async |contents: Value| {
        let body = json!({"task_id": task.id.as_str(), "contents": contents, "created_at": "2026-01-31T12:00:00Z"});
        world.post("runtime", "/messages/batch", body).await
    };
    let said = batch(json!([text("a"), text("b"), text("c")])).await.ok();
    let times: Vec<_> =
        said.as_array().unwrap().iter().map(|message| message["created_at"].as_str().unwrap()).collect();
    assert_eq!(times, ["2026-01-31T12:00:00.000000Z", "2026-01-31T12:00:00.001000Z", "2026-01-31T12:00:00.002000Z"]);
    assert_eq!(batch(json!([])).await.ok(), json!([]));
    invalid(&batch(json!([text("fine"), {"type": "text", "author": "user"}])).await, "contents[1]");
    let listed = world.get("viewer", &format!("/messages?task_id={}&order_direction=asc", task.id)).await.ok();
    assert_eq!(listed, said);
}

#[tokio::test]
async fn p4_changing_a_message_takes_update_on_the_task_the_body_names() {
    let world = World::new().await;
    let task = world.task().await;
    let path = format!("/messages/{}", world.message(&task).await);
    let update =
        async |who: &str, task: &str| world.put(who, &path, json!({"task_id": task, "content": text("new")})).await;
    for who in ["owner", "editor", "runtime"] {
        update(who, task.id.as_str()).await.ok();
    }
    for who in ["viewer", "insider", "stranger"] {
        let (denied, absent) = (update(who, task.id.as_str()).await, new_id());
        assert_eq!(denied.message(), format!("Item with id '{}' does not exist.", task.id));
        assert_eq!(denied.seen(task.id.as_str()), update(who, &absent).await.seen(&absent));
    }
    invalid(&world.put("stranger", &path, json!({"content": 7})).await, "task_id: ");
}

#[tokio::test]
async fn p4_a_message_of_another_task_is_as_missing_as_one_that_is_not_there() {
    let world = World::new().await;
    let (task, other) = (world.task().await, world.task().await);
    let foreign = say(&world, &other, text("theirs")).await["id"].as_str().unwrap().to_owned();
    let (absent, body) = (new_id(), json!({"task_id": task.id.as_str(), "content": text("new")}));
    let update = async |id: &str| world.put("editor", &format!("/messages/{id}"), body.clone()).await;
    let refused = update(&foreign).await;
    assert_eq!(refused.message(), format!("Item with id '{foreign}' does not exist."));
    assert_eq!(refused.seen(&foreign), update(&absent).await.seen(&absent));

    let ours = say(&world, &task, text("ours")).await;
    let batch = async |id: &str| {
        let updates = json!({ ours["id"].as_str().unwrap(): text("new"), id: text("new") });
        world.put("editor", "/messages/batch", json!({"task_id": task.id.as_str(), "updates": updates})).await
    };
    assert_eq!(batch(&foreign).await.seen(&foreign), batch(&absent).await.seen(&absent));
    let left = world.get("viewer", &format!("/messages?task_id={}", task.id)).await.ok();
    assert_eq!(left, json!([ours]));
}

#[tokio::test]
async fn p4_messages_are_changed_one_by_one_or_together() {
    let world = World::new().await;
    let task = world.task().await;
    let (one, two) = (say(&world, &task, text("1")).await, say(&world, &task, text("2")).await);
    let (one, two) = (one["id"].as_str().unwrap(), two["id"].as_str().unwrap());
    let path = format!("/messages/{one}");
    let body = json!({"task_id": task.id.as_str(), "content": text("new"), "streaming_status": "DONE"});
    let changed = world.put("editor", &path, body).await.ok();
    assert_eq!((&changed["content"]["content"], &changed["streaming_status"]), (&json!("new"), &json!("DONE")));
    let body = json!({"task_id": task.id.as_str(), "content": text("newer"), "streaming_status": null});
    assert_eq!(world.put("editor", &path, body).await.ok()["streaming_status"], "DONE");
    let body = json!({"task_id": task.id.as_str(), "updates": {one: text("A"), two: text("B")}});
    let changed = world.put("editor", "/messages/batch", body).await.ok();
    let said: Vec<_> = changed.as_array().unwrap().iter().map(|message| &message["content"]["content"]).collect();
    assert_eq!(said, ["A", "B"]);
    let empty = json!({"task_id": task.id.as_str(), "updates": {}});
    assert_eq!(world.put("editor", "/messages/batch", empty).await.ok(), json!([]));
}

#[tokio::test]
async fn p4_messages_are_listed_and_picked() {
    let world = World::new().await;
    let task = world.task().await;
    let mut said = vec![];
    for content in [text("a"), json!({"type": "data", "author": "agent", "data": {"k": 1}}), text("b")] {
        said.push(say(&world, &task, content).await["id"].as_str().unwrap().to_owned());
    }
    let list = async |query: &str| world.get("viewer", &format!("/messages?task_id={}&{query}", task.id)).await;
    let newest: Vec<_> = said.iter().rev().cloned().collect();
    assert_eq!(list("").await.rows("id"), newest);
    assert_eq!(list("limit=0&order_by=id&order_direction=asc").await.rows("id"), said);
    assert_eq!(list("limit=2&page_number=2").await.rows("id"), said[..1]);
    let data = "%7B%22content%22:%7B%22type%22:%22data%22,%22data%22:%7B%22k%22:1%7D%7D%7D";
    assert_eq!(list(&format!("filters={data}")).await.rows("id"), said[1..2]);
    let texts = "[%7B%22content%22:%7B%22type%22:%22data%22%7D,%22exclude%22:true%7D]";
    assert_eq!(list(&format!("filters={texts}")).await.rows("id"), [said[2].clone(), said[0].clone()]);
    assert_eq!(list("filters=%7B").await.status, StatusCode::BAD_REQUEST);
    for (bad, field) in [
        ("filters=7", "filters"),
        ("limit=1001", "limit"),
        ("page_number=0", "page_number"),
        ("order_by=content", "order_by"),
    ] {
        invalid(&list(bad).await, field);
    }
    invalid(&world.get("viewer", "/messages").await, "task_id");
}

#[tokio::test]
async fn p4_a_cursor_goes_on_where_a_page_ended_in_both_directions() {
    let world = World::new().await;
    let task = world.task().await;
    let contents: Vec<_> = (0..5).map(|number| text(&number.to_string())).collect();
    let body = json!({"task_id": task.id.as_str(), "contents": contents, "created_at": "2026-01-31T12:00:00Z"});
    let said = ids(&world.post("editor", "/messages/batch", body).await.ok());
    let page =
        async |query: &str| world.get("viewer", &format!("/messages/paginated?task_id={}&{query}", task.id)).await;
    let (mut seen, mut cursor) = (vec![], String::new());
    let end = loop {
        let page = page(&format!("limit=2{cursor}")).await.ok();
        seen.extend(ids(&page["data"]));
        if page["has_more"] == false {
            break page;
        }
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    };
    assert_eq!(seen.into_iter().rev().collect::<Vec<_>>(), said);
    assert_eq!(end["next_cursor"], Value::Null);

    // From the cursor of the second newest message upwards, each page newest first.
    let newest = page("limit=5").await.ok();
    assert_eq!((ids(&newest["data"]).len(), &newest["has_more"]), (5, &json!(false)));
    let third = page("limit=3").await.ok()["next_cursor"].as_str().unwrap().to_owned();
    let up = page(&format!("limit=1&direction=newer&cursor={third}")).await.ok();
    assert_eq!((ids(&up["data"]), &up["has_more"]), (vec![said[3].clone()], &json!(true)));
    let cursor = up["next_cursor"].as_str().unwrap();
    let up = page(&format!("limit=2&direction=newer&cursor={cursor}")).await.ok();
    assert_eq!((ids(&up["data"]), &up["has_more"]), (vec![said[4].clone()], &json!(false)));
    let top = up["next_cursor"].as_str().unwrap();
    let nothing = page(&format!("direction=newer&cursor={top}")).await.ok();
    assert_eq!((&nothing["data"], &nothing["has_more"]), (&json!([]), &json!(false)));
    let late = say(&world, &task, text("late")).await;
    let polled = page(&format!("direction=newer&cursor={top}")).await.ok();
    assert_eq!(ids(&polled["data"]), [late["id"].as_str().unwrap()]);

    for (bad, field) in [
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("cursor=eyJ2IjoyLCJpZCI6ImEiLCJjcmVhdGVkX2F0IjoiMjAyNi0wMS0wMVQwMDowMDowMFoifQ", "cursor"),
        ("direction=up", "direction"),
        ("limit=0", "limit"),
    ] {
        invalid(&page(bad).await, field);
    }
}
