//! Trackers over REST.

use crate::world::World;
use gateway::lifecycle::new_id;
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn t1_a_reader_of_the_task_reads_its_tracker() {
    let world = World::new().await;
    let task = world.task().await;
    let id = world.tracker(&task).await;
    for who in ["owner", "editor", "viewer", "runtime"] {
        let mut tracker = world.get(who, &format!("/tracker/{id}")).await.ok();
        let times = ["created_at", "updated_at"].map(|field| tracker.as_object_mut().unwrap().remove(field).unwrap());
        assert!(times.iter().all(|time| time.as_str().is_some_and(|time| time.len() == 27 && time.ends_with('Z'))));
        let expected = json!({"id": id, "agent_id": world.agent.id.as_str(), "task_id": task.id.as_str(),
            "status": null, "status_reason": null, "last_processed_event_id": null});
        assert_eq!(tracker, expected);
    }
}

#[tokio::test]
async fn t2_a_list_shows_what_the_caller_may_read_and_denies_nobody() {
    let world = World::new().await;
    let task = world.task().await;
    let id = world.tracker(&task).await;
    for who in ["owner", "editor", "viewer", "runtime"] {
        assert_eq!(world.get(who, "/tracker").await.rows("id"), [id.as_str()]);
        assert_eq!(world.get(who, &format!("/tracker?task_id={}", task.id)).await.rows("id"), [id.as_str()]);
    }
    for who in ["insider", "stranger"] {
        for query in [String::new(), format!("?task_id={}", task.id), format!("?agent_id={}", world.agent.id)] {
            assert_eq!(world.get(who, &format!("/tracker{query}")).await.ok(), json!([]));
        }
    }
}

#[tokio::test]
async fn t2_an_explicit_task_that_is_hidden_is_as_empty_as_one_that_is_not_there() {
    let world = World::new().await;
    let task = world.task().await;
    let ask = async |typed: &str| world.get("stranger", &format!("/tracker?task_id={typed}")).await.seen(typed);
    let hidden = ask(task.id.as_str()).await;
    assert_eq!(hidden.2, "[]");
    assert_eq!(hidden, ask(&new_id()).await);
    assert_eq!(world.get("owner", "/tracker?task_id=").await.ok(), json!([]));
}

#[tokio::test]
async fn t2_an_agent_is_a_plain_filter() {
    let world = World::new().await;
    let id = world.tracker(&world.task().await).await;
    let of = async |agent: &str| world.get("viewer", &format!("/tracker?agent_id={agent}")).await.rows("id");
    assert_eq!(of(world.agent.id.as_str()).await, [id]);
    assert!(of(&new_id()).await.is_empty());
}

#[tokio::test]
async fn t2_pages_do_not_overlap_and_limits_have_bounds() {
    let world = World::new().await;
    let mut made = vec![];
    for _ in 0..5 {
        made.push(world.tracker(&world.task().await).await);
    }
    let page = async |query: &str| world.get("owner", &format!("/tracker?{query}")).await;
    let mut seen = vec![];
    for number in 1..=3 {
        let query = format!("limit=2&page_number={number}&order_by=created_at&order_direction=ASC");
        seen.extend(page(&query).await.rows("id"));
    }
    assert_eq!(seen, made);
    assert!(page("limit=2&page_number=4294967295").await.rows("id").is_empty());
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("page_number=0", "page_number"),
        ("order_by=agents", "order_by"),
        ("order_direction=up", "order_direction"),
    ] {
        let answer = page(query).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert!(answer.message().starts_with(&format!("{field}: ")), "{answer:?}");
    }
}

#[tokio::test]
async fn t3_the_agents_own_commits_work() {
    let world = World::new().await;
    let task = world.task().await;
    let (path, event) = (format!("/tracker/{}", world.tracker(&task).await), world.event(&task, "hi").await);
    for who in ["runtime", "owner"] {
        let commit = json!({"last_processed_event_id": event, "status": who});
        let tracker = world.put(who, &path, commit).await.ok();
        assert_eq!((&tracker["last_processed_event_id"], &tracker["status"]), (&json!(event), &json!(who)));
    }
    let refused = world.put("editor", &path, json!({"status": "editor"})).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("owner", &path).await.ok()["status"], "owner");
}

#[tokio::test]
async fn t4_absent_keeps_and_null_empties_but_the_cursor_stays() {
    let world = World::new().await;
    let task = world.task().await;
    let (path, event) = (format!("/tracker/{}", world.tracker(&task).await), world.event(&task, "hi").await);
    let put = async |body: Value| {
        let tracker = world.put("runtime", &path, body).await.ok();
        ["last_processed_event_id", "status", "status_reason"].map(|field| tracker[field].clone())
    };
    let all = json!({"last_processed_event_id": event, "status": "A", "status_reason": "B"});
    assert_eq!(put(all).await, [json!(event), json!("A"), json!("B")]);
    assert_eq!(put(json!({})).await, [json!(event), json!("A"), json!("B")]);
    assert_eq!(put(json!({"status": null})).await, [json!(event), json!(null), json!("B")]);
    let nothing = json!({"last_processed_event_id": null, "status_reason": null});
    assert_eq!(put(nothing).await, [json!(event), json!(null), json!(null)]);
    for bad in [json!({"status": 7}), json!({"last_processed_event_id": []}), json!(null), json!([])] {
        let answer = world.put("runtime", &path, bad).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    }
    let empty = world.send("runtime", "PUT", &path, None).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn t4_a_cursor_takes_only_its_tasks_events_and_never_goes_back() {
    let world = World::new().await;
    let (task, other) = (world.task().await, world.task().await);
    let path = format!("/tracker/{}", world.tracker(&task).await);
    let (first, second) = (world.event(&task, "1").await, world.event(&task, "2").await);
    let foreign = world.event(&other, "3").await;
    let commit = async |event: &str| {
        world.put("runtime", &path, json!({"last_processed_event_id": event, "status": "moved"})).await
    };
    commit(&second).await.ok();
    world.put("runtime", &path, json!({"status": "still"})).await.ok();
    for (event, told) in
        [(first, "Cannot move cursor backwards"), (foreign, "Event with ID"), (new_id(), "Event with ID")]
    {
        let refused = commit(&event).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        assert!(refused.message().starts_with(told) && refused.message().contains(&event), "{refused:?}");
    }
    assert_eq!(commit("").await.status, StatusCode::BAD_REQUEST);
    let tracker = world.get("viewer", &path).await.ok();
    assert_eq!((&tracker["last_processed_event_id"], &tracker["status"]), (&json!(second), &json!("still")));
    assert_eq!(commit(&second).await.ok()["status"], "moved");
}
