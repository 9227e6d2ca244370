//! States over REST.

use crate::world::World;
use gateway::lifecycle::new_id;
use http::StatusCode;
use serde_json::{Value, json};

async fn keep(world: &World, task: &tasks::Task) -> Value {
    let body = json!({"task_id": task.id.as_str(), "agent_id": world.agent.id.as_str(), "state": {"a": {"b": [1]}}});
    world.post("runtime", "/states", body).await.ok()
}

#[tokio::test]
async fn p4_a_state_is_made_read_replaced_and_deleted() {
    let world = World::new().await;
    let task = world.task().await;
    let kept = keep(&world, &task).await;
    assert_eq!((&kept["task_id"], &kept["agent_id"]), (&json!(task.id.as_str()), &json!(world.agent.id.as_str())));
    assert!(kept["created_at"].as_str().is_some_and(|time| time.len() == 27 && time.ends_with('Z')));
    let path = format!("/states/{}", kept["id"].as_str().unwrap());
    assert_eq!(world.get("viewer", &path).await.ok(), kept);
    let replaced = world.put("editor", &path, json!({"state": {"n": 1}})).await.ok();
    assert_eq!((&replaced["id"], &replaced["state"]), (&kept["id"], &json!({"n": 1})));
    for bad in [json!({}), json!({"state": null}), json!({"state": []})] {
        assert_eq!(world.put("editor", &path, bad).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(world.send("owner", "DELETE", &path, None).await.ok(), replaced);
    assert_eq!(world.get("owner", &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn p4_an_agent_has_one_state_on_a_task() {
    let world = World::new().await;
    let task = world.task().await;
    keep(&world, &task).await;
    let again = json!({"task_id": task.id.as_str(), "agent_id": world.agent.id.as_str(), "state": {}});
    let refused = world.post("editor", "/states", again).await;
    assert_eq!(
        (refused.status, &refused.headers["x-error-code"]),
        (StatusCode::CONFLICT, &"ALREADY_EXISTS".parse().unwrap())
    );
    let foreign = json!({"task_id": task.id.as_str(), "agent_id": new_id(), "state": {}});
    assert_eq!(world.post("editor", "/states", foreign).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn p4_a_list_without_a_task_shows_what_may_be_read_and_with_one_asks_for_it() {
    let world = World::new().await;
    let (one, two) = (world.task().await, world.task().await);
    let kept = [keep(&world, &one).await, keep(&world, &two).await];
    let kept: Vec<_> = kept.iter().map(|state| state["id"].as_str().unwrap().to_owned()).collect();
    let list = async |who: &str, query: &str| world.get(who, &format!("/states?{query}")).await;
    let newest: Vec<_> = kept.iter().rev().cloned().collect();
    for who in ["owner", "viewer", "runtime"] {
        assert_eq!(list(who, "").await.rows("id"), kept);
        assert_eq!(list(who, &format!("task_id={}", two.id)).await.rows("id"), kept[1..]);
        assert_eq!(list(who, &format!("agent_id={}&order_by=created_at", world.agent.id)).await.rows("id"), newest);
        assert_eq!(list(who, "order_direction=desc&limit=1").await.rows("id"), newest[..1]);
        assert!(list(who, &format!("agent_id={}", new_id())).await.rows("id").is_empty());
    }
    assert_eq!(list("stranger", "").await.ok(), json!([]));
    let (hidden, absent) = (list("stranger", &format!("task_id={}", one.id)).await, new_id());
    assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    assert_eq!(hidden.seen(one.id.as_str()), list("stranger", &format!("task_id={absent}")).await.seen(&absent));
    assert_eq!(list("owner", "task_id=").await.status, StatusCode::NOT_FOUND);
    for bad in ["limit=0", "limit=1001", "page_number=0", "order_by=state", "order_direction=up"] {
        assert_eq!(list("owner", bad).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}
