//! Events over REST.

use crate::world::World;
use gateway::lifecycle::new_id;
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn p4_an_event_takes_both_the_task_and_the_agent() {
    let world = World::new().await;
    let task = world.task().await;
    let (id, absent) = (world.event(&task, "hi").await, new_id());
    let path = format!("/events/{id}");
    // The viewer may see the task and not the agent, and is asked about both either way.
    let hidden = world.get("viewer", &path).await.seen(&id);
    assert_eq!(hidden.0, StatusCode::NOT_FOUND);
    assert_eq!(hidden, world.get("viewer", &format!("/events/{absent}")).await.seen(&absent));
    world.show_agent("viewer").await;
    world.show_agent("insider").await;
    let event = world.get("viewer", &path).await.ok();
    assert_eq!(event["content"]["content"], "hi");
    assert_eq!((&event["task_id"], &event["agent_id"]), (&json!(task.id.as_str()), &json!(world.agent.id.as_str())));
    assert!(event["sequence_id"].is_i64() && event["created_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    assert_eq!(world.get("insider", &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn p4_a_list_takes_both_and_names_the_one_that_is_missing() {
    let world = World::new().await;
    let task = world.task().await;
    let list = async |who: &str, task: &str, agent: &str| {
        world.get(who, &format!("/events?task_id={task}&agent_id={agent}")).await
    };
    let (task, agent, absent) = (task.id.as_str(), world.agent.id.as_str(), new_id());
    assert_eq!(list("owner", task, agent).await.ok(), json!([]));
    let hidden = list("viewer", task, agent).await;
    assert_eq!(hidden.message(), format!("Item with id '{agent}' does not exist."));
    assert_eq!(hidden.seen(agent), list("viewer", task, &absent).await.seen(&absent));
    for missing in ["/events", "/events?task_id=t", "/events?agent_id=a"] {
        let answer = world.get("owner", missing).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert!(answer.questions.is_empty());
    }
}

#[tokio::test]
async fn a_list_goes_on_behind_a_cursor() {
    let world = World::new().await;
    let (task, other) = (world.task().await, world.task().await);
    let mut made = vec![];
    for text in ["0", "1", "2", "3"] {
        made.push(world.event(&task, text).await);
    }
    let foreign = world.event(&other, "x").await;
    let list = async |query: &str| {
        world.get("runtime", &format!("/events?task_id={}&agent_id={}{query}", task.id, world.agent.id)).await
    };
    assert_eq!(list("").await.rows("id"), made);
    assert_eq!(list(&format!("&last_processed_event_id={}", made[1])).await.rows("id"), made[2..]);
    assert_eq!(list(&format!("&last_processed_event_id={}&limit=1", made[1])).await.rows("id"), made[2..3]);
    for unknown in [foreign, new_id(), String::new()] {
        let answer = list(&format!("&last_processed_event_id={unknown}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    }
    for bad in ["0", "1001", "x"] {
        let answer = list(&format!("&limit={bad}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    }
    assert_eq!(list("&limit=1000").await.ok().as_array().map(Vec::len), Some(4));
    assert_ne!(list("").await.ok(), Value::Null);
}
