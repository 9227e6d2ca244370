//! Tasks over REST.

use crate::world::{World, object};
use gateway::lifecycle::{TaskDraft, new_id};
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_task_is_shown_by_id_and_by_name() {
    let world = World::new().await;
    let task = world.task().await;
    let mut shown = world.get("viewer", &format!("/tasks/{}", task.id)).await.ok();
    assert_eq!(shown, world.get("viewer", &format!("/tasks/name/{}", task.name.clone().unwrap())).await.ok());
    for field in ["created_at", "updated_at"] {
        let time = object(&shown)[field].as_str().unwrap().to_owned();
        assert!(time.len() == 27 && time.ends_with('Z'), "{time}");
        shown.as_object_mut().unwrap().remove(field);
    }
    let expected = json!({"id": task.id.as_str(), "name": task.name, "status": "RUNNING",
        "status_reason": "Task created, forwarding to ACP server", "cleaned_at": null, "params": {"secret": 1},
        "task_metadata": null, "agents": null});
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn only_agents_that_the_caller_may_see_are_shown() {
    let world = World::new().await;
    let task = world.task().await;
    let agents = async |who: &str, query: &str| {
        let one = world.get(who, &format!("/tasks/{}?{query}", task.id)).await.ok()["agents"].clone();
        assert_eq!(one, world.get(who, &format!("/tasks?{query}")).await.ok()[0]["agents"]);
        one
    };
    assert_eq!(agents("owner", "relationships=agents").await[0]["id"], world.agent.id.as_str());
    assert_eq!(agents("owner", "relationships=agents,agents&relationships=agents").await.as_array().unwrap().len(), 1);
    assert_eq!(agents("viewer", "relationships=agents").await, json!([]));
    world.show_agent("viewer").await;
    assert_eq!(agents("viewer", "relationships=agents").await[0]["name"], "scribe");
    assert_eq!(agents("viewer", "").await, json!(null));
    for bad in ["relationships=trackers", "relationships=agents,", "relationships="] {
        let answer = world.get("owner", &format!("/tasks/{}?{bad}", task.id)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    }
}

#[tokio::test]
async fn p5_a_name_of_another_tenant_is_nobodys() {
    let world = World::new().await;
    let task = world.task().await;
    let path = format!("/tasks/name/{}", task.name.unwrap());
    assert_eq!(world.get("stranger", &path).await.status, StatusCode::NOT_FOUND);
    assert!(!String::from_utf8_lossy(&world.get("insider", &path).await.bytes).contains(task.id.as_str()));
}

#[tokio::test]
async fn p6_a_list_shows_exactly_what_may_be_read_at_any_page_size() {
    let world = World::new().await;
    let mut made = vec![];
    for _ in 0..7 {
        made.push(world.task().await.id.to_string());
    }
    for size in [1, 2, 3, 7, 50] {
        for (who, expected) in [("viewer", made.clone()), ("runtime", made.clone()), ("insider", vec![])] {
            let mut seen = vec![];
            for page in 1..=8 {
                let path = format!("/tasks?limit={size}&page_number={page}&order_by=created_at&order_direction=asc");
                seen.extend(world.get(who, &path).await.rows("id"));
            }
            assert_eq!(seen, expected, "{who}, {size} at a time");
        }
    }
}

#[tokio::test]
async fn a_list_has_no_params_and_takes_a_limit_of_zero_for_none() {
    let world = World::new().await;
    world.task().await;
    let list = world.get("owner", "/tasks?limit=0").await.ok();
    assert!(!object(&list[0]).contains_key("params") && object(&list[0]).contains_key("agents"));
    for bad in [
        "limit=-1",
        "limit=1001",
        "page_number=0",
        "order_by=params",
        "status=NEW",
        "order_direction=",
        "relationships=x",
    ] {
        let answer = world.get("owner", &format!("/tasks?{bad}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert!(answer.message().starts_with(bad.split('=').next().unwrap()), "{answer:?}");
    }
}

#[tokio::test]
async fn a_list_is_filtered_by_what_is_asked_for() {
    let world = World::new().await;
    let marked = world.task_with(json!({"k": {"deep": 1}, "x": 1})).await.id.to_string();
    let plain = world.task().await.id.to_string();
    world.post("owner", &format!("/tasks/{plain}/complete"), json!({})).await.ok();
    let ids = async |query: &str| world.get("owner", &format!("/tasks?{query}")).await.rows("id");
    assert_eq!(ids("task_metadata=%7B%22k%22:%7B%22deep%22:1%7D%7D").await, [marked.as_str()]);
    assert_eq!(ids("status=COMPLETED").await, [plain.as_str()]);
    assert_eq!(ids("status=RUNNING&agent_name=scribe").await, [marked.as_str()]);
    assert_eq!(ids(&format!("agent_id={}&agent_name=scribe&order_by=id", world.agent.id)).await.len(), 2);
    assert!(ids(&format!("agent_id={}", new_id())).await.is_empty());
    assert!(ids("agent_name=other").await.is_empty());
    for bad in ["status=DELETED", "task_metadata=%7B", "task_metadata=[]", "task_metadata=%7B%7D", "task_metadata="] {
        let answer = world.get("owner", &format!("/tasks?{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
        assert_eq!(answer.json()["code"], 400);
    }
}

#[tokio::test]
async fn a_patch_merges_params_and_replaces_metadata() {
    let world = World::new().await;
    let params = json!({"a": {"x": 1}, "b": 1}).as_object().cloned();
    let metadata = json!({"m": 1}).as_object().cloned();
    let task = world.task_from(TaskDraft { name: Some("patched".into()), params, metadata }).await;
    let path = format!("/tasks/{}", task.id);
    let both = json!({"merge_params": {"a": {"y": 2}, "c": null}, "task_metadata": {"n": 2}, "name": "ignored"});
    let patched = world.put("editor", &path, both).await.ok();
    assert_eq!(patched["params"], json!({"a": {"y": 2}, "b": 1, "c": null}));
    assert_eq!((&patched["task_metadata"], &patched["name"]), (&json!({"n": 2}), &json!("patched")));
    for nothing in [json!({}), json!({"merge_params": null, "task_metadata": null}), json!({"merge_params": {}})] {
        assert_eq!(world.put("editor", &path, nothing).await.ok(), patched);
    }
    let named = world.put("editor", "/tasks/name/patched", json!({"merge_params": {"d": 4}})).await.ok();
    assert_eq!(named["params"]["d"], 4);
    for bad in [json!({"merge_params": []}), json!({"task_metadata": "x"}), json!([]), json!(null)] {
        let answer = world.put("editor", &path, bad).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    }
    assert_eq!(world.send("editor", "PUT", &path, None).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_task_without_params_can_be_given_some() {
    let world = World::new().await;
    let task = world.task_from(TaskDraft::default()).await;
    let path = format!("/tasks/{}", task.id);
    assert_eq!(world.put("owner", &path, json!({"merge_params": {"a": 1}})).await.ok()["params"], json!({"a": 1}));
}

#[tokio::test]
async fn a_step_is_taken_once() {
    let world = World::new().await;
    for (verb, status, reason) in [
        ("complete", "COMPLETED", "Task completed"),
        ("fail", "FAILED", "Task failed"),
        ("terminate", "TERMINATED", "Task terminated"),
        ("timeout", "TIMED_OUT", "Task timed_out"),
        ("cancel", "CANCELED", "Task canceled"),
        ("interrupt", "INTERRUPTED", "Task interrupted"),
    ] {
        let path = format!("/tasks/{}/{verb}", world.task().await.id);
        let bad = world.post("owner", &path, json!({"reason": 7})).await;
        assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
        let told = world.post("owner", &path, json!({"reason": "because"})).await.ok();
        assert_eq!((&told["status"], &told["status_reason"]), (&json!(status), &json!("because")));
        let again = world.post("owner", &path, json!({})).await;
        assert_eq!(again.status, StatusCode::BAD_REQUEST, "{again:?}");
        assert!(again.message().contains(status) && again.json()["code"] == 400);
        for silent in [None, Some(json!(null)), Some(json!({})), Some(json!({"reason": ""}))] {
            let path = format!("/tasks/{}/{verb}", world.task().await.id);
            assert_eq!(world.send("owner", "POST", &path, silent).await.ok()["status_reason"], reason);
        }
    }
}

#[tokio::test]
async fn a_deleted_task_is_gone_with_all_it_owned() {
    let world = World::new().await;
    let (task, named) = (world.task().await, world.task().await);
    let (tracker, event) = (world.tracker(&task).await, world.event(&task, "hi").await);
    let answer = world.send("owner", "DELETE", &format!("/tasks/{}", task.id), None).await.ok();
    assert_eq!(answer["id"], task.id.as_str());
    assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()));
    let name = named.name.unwrap();
    let answer = world.send("owner", "DELETE", &format!("/tasks/name/{name}"), None).await.ok();
    assert_eq!(answer["id"], named.id.as_str());
    for path in [
        format!("/tasks/{}", task.id),
        format!("/tasks/name/{name}"),
        format!("/tracker/{tracker}"),
        format!("/events/{event}"),
    ] {
        assert_eq!(world.get("owner", &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let again = world.send("owner", "DELETE", &format!("/tasks/{}", task.id), None).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("owner", "/tasks").await.ok(), Value::Array(vec![]));
}
