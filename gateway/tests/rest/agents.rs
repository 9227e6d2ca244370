//! Agents over REST.

use crate::world::World;
use gateway::lifecycle::new_id;
use http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn p7_an_agent_is_shown_to_those_who_may_by_id_and_by_name() {
    let world = World::new().await;
    for who in ["owner", "runtime"] {
        let agent = world.get(who, &format!("/agents/{}", world.agent.id)).await.ok();
        assert_eq!(agent, world.get(who, "/agents/name/scribe").await.ok());
        assert_eq!((&agent["name"], &agent["acp_type"]), (&json!("scribe"), &json!("async")));
        assert_eq!((&agent["status"], &agent["agent_input_type"]), (&json!("Ready"), &json!(null)));
        assert!(agent.get("acp_url").is_none());
    }
}

#[tokio::test]
async fn p7_a_list_shows_the_agents_the_caller_may_see() {
    let world = World::new().await;
    let id = world.agent.id.to_string();
    assert_eq!(world.get("owner", "/agents").await.rows("id"), [id.as_str()]);
    assert_eq!(world.get("runtime", "/agents?order_by=name&order_direction=asc").await.rows("id"), [id.as_str()]);
    for who in ["viewer", "insider", "stranger"] {
        assert_eq!(world.get(who, "/agents").await.ok(), json!([]));
    }
    for bad in ["limit=0", "limit=1001", "page_number=0", "order_by=acp_url", "order_direction=up"] {
        let answer = world.get("owner", &format!("/agents?{bad}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    }
}

#[tokio::test]
async fn p7_who_works_on_a_task_is_told_to_those_who_may_see_both() {
    let world = World::new().await;
    let task = world.task().await;
    let of = async |who: &str, task: &str| world.get(who, &format!("/agents?task_id={task}")).await;
    assert_eq!(of("owner", task.id.as_str()).await.rows("id"), [world.agent.id.as_str()]);
    assert_eq!(of("viewer", task.id.as_str()).await.ok(), json!([]));
    world.show_agent("insider").await;
    assert_eq!(world.get("insider", "/agents").await.rows("id").len(), 1);
    let (hidden, absent) = (of("insider", task.id.as_str()).await, new_id());
    assert_eq!(hidden.seen(task.id.as_str()), of("insider", &absent).await.seen(&absent));
    assert_eq!(hidden.ok(), json!([]));
}
