//! Lists: pages, orders, filters, and who is left out.

use crate::world::{Who, World, codes};
use authz::{Principal, Role};
use serde_json::{Value, json};

/// The names of all tasks, page by page.
async fn walk(world: &World, who: Who, first: usize, order: &str) -> Vec<Value> {
    let query = format!(
        "query($after: String) {{ tasks(first: {first}, after: $after, orderBy: {order}) {{ nodes {{ name }} \
         edges {{ cursor }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    let (mut names, mut after) = (vec![], Value::Null);
    loop {
        let answer = world.ask(who, &query, json!({ "after": after })).await;
        let page = &answer["data"]["tasks"];
        assert_eq!(page["pageInfo"]["hasPreviousPage"], json!(!after.is_null()), "{answer}");
        let edges = page["edges"].as_array().unwrap();
        assert_eq!(page["pageInfo"]["startCursor"], edges.first().map_or(Value::Null, |edge| edge["cursor"].clone()));
        assert_eq!(page["pageInfo"]["endCursor"], edges.last().map_or(Value::Null, |edge| edge["cursor"].clone()));
        names.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["name"].clone()));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return names;
        }
        assert_eq!(edges.len(), first);
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test]
async fn pages_of_any_size_are_the_same_list() {
    let world = World::new().await;
    for n in 0..6 {
        world.make_task(&format!("n{n}")).await;
    }
    for field in ["UPDATED_AT", "CREATED_AT", "NAME", "STATUS", "ID"] {
        for direction in ["ASC", "DESC"] {
            let order = format!("{{field: {field}, direction: {direction}}}");
            let whole = walk(&world, Who::Owner, 100, &order).await;
            assert_eq!(whole.len(), 7);
            for first in [1, 2, 7] {
                assert_eq!(walk(&world, Who::Owner, first, &order).await, whole, "{order} by {first}");
            }
        }
    }
    let by_name = walk(&world, Who::Owner, 3, "{field: NAME, direction: ASC}").await;
    assert_eq!(by_name, ["n0", "n1", "n2", "n3", "n4", "n5", "the task"]);
}

#[tokio::test]
async fn a_page_is_full_whatever_is_hidden_between() {
    let world = World::new().await;
    for n in 0..9 {
        let task = world.make_task(&format!("n{n}")).await;
        if n % 3 == 2 {
            world.grant(&task, Role::Viewer, &Principal::user("stranger")).await;
        }
    }
    let names = walk(&world, Who::Stranger, 2, "{field: NAME, direction: ASC}").await;
    assert_eq!(names, ["n2", "n5", "n8"]);
    assert!(walk(&world, Who::Editor, 1, "{field: NAME}").await.contains(&json!("the task")));
}

#[tokio::test]
async fn filters_hold_together() {
    let world = World::new().await;
    let names = async |filter: &str| {
        let answer = world.owner(&format!("{{ tasks(filter: {filter}) {{ nodes {{ name }} }} }}")).await;
        answer["data"]["tasks"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}")).len()
    };
    let agent = json!(world.agent);
    assert_eq!(names(&format!("{{status: RUNNING, agentId: {agent}, metadata: {{color: \"red\"}}}}")).await, 1);
    assert_eq!(names("{agentName: \"the-agent\"}").await, 1);
    for none in ["{status: FAILED}", "{agentName: \"x\"}", "{agentId: \"x\"}", "{metadata: {color: \"blue\"}}"] {
        assert_eq!(names(none).await, 0, "{none}");
    }
}

#[tokio::test]
async fn trackers_of_what_may_not_be_read_are_left_out() {
    let world = World::new().await;
    let list = async |who: Who, arguments: &str| {
        let answer = world.ask(who, &format!("{{ trackers{arguments} {{ nodes {{ id }} }} }}"), json!({})).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["trackers"]["nodes"].as_array().unwrap().len()
    };
    let of_task = format!("(taskId: \"{}\")", world.task);
    assert_eq!(list(Who::Viewer, "").await, 1);
    assert_eq!(list(Who::Viewer, &of_task).await, 1);
    assert_eq!(list(Who::Viewer, &format!("(agentId: \"{}\")", world.agent)).await, 1);
    assert_eq!(list(Who::Viewer, "(agentId: \"x\")").await, 0);
    assert_eq!(list(Who::Stranger, "").await, 0);
    assert_eq!(list(Who::Stranger, &of_task).await, 0);
    assert_eq!(list(Who::Stranger, "(taskId: \"absent\")").await, 0);
}

#[tokio::test]
async fn agents_are_listed_to_those_who_may_read_them() {
    let world = World::new().await;
    let query = "{ agents(orderBy: {field: NAME, direction: ASC}) { nodes { name acpUrl } } }";
    let agents = async |who: Who| world.ask(who, query, json!({})).await;
    assert_eq!(
        agents(Who::Owner).await["data"]["agents"]["nodes"],
        json!([{"name": "the-agent", "acpUrl": "http://agent"}])
    );
    let viewer = agents(Who::Viewer).await;
    assert_eq!(viewer["data"]["agents"]["nodes"], json!([{"name": "the-agent", "acpUrl": null}]));
    assert_eq!(codes(&viewer), ["NOT_FOUND"]);
    assert_eq!(agents(Who::Stranger).await["data"]["agents"]["nodes"], json!([]));
    // The task may be read by the editor, and its agent may not.
    let editor = world.about(Who::Editor, "task(id: $id) { agents { id } }").await;
    assert_eq!(editor, json!({"data": {"task": {"agents": []}}}));
}

#[tokio::test]
async fn checkpoints_are_paged_latest_first() {
    let world = World::new().await;
    for id in ["2", "3", "4"] {
        world.put_checkpoint(&world.task, id).await;
    }
    for (field, inner) in
        [("checkpoints(threadId: $id, first: 3, after: $after)", false), ("checkpoints(first: 3, after: $after)", true)]
    {
        let page =
            format!("{field} {{ nodes {{ checkpointId }} pageInfo {{ hasNextPage hasPreviousPage endCursor }} }}");
        let page = if inner { format!("task(id: $id) {{ {page} }}") } else { page };
        let query = format!("query($id: ID!, $after: String) {{ {page} }}");
        let ask = async |after: &Value| {
            let answer = world.ask(Who::Viewer, &query, json!({"id": world.task, "after": after})).await;
            let data = &answer["data"];
            if inner { data["task"]["checkpoints"].clone() } else { data["checkpoints"].clone() }
        };
        let ids = |page: &Value| {
            page["nodes"].as_array().unwrap().iter().map(|node| node["checkpointId"].clone()).collect::<Vec<_>>()
        };
        let first = ask(&Value::Null).await;
        assert_eq!(ids(&first), ["4", "3", "2"]);
        assert_eq!(first["pageInfo"]["hasNextPage"], true);
        let second = ask(&first["pageInfo"]["endCursor"]).await;
        assert_eq!(ids(&second), ["1"]);
        assert_eq!(second["pageInfo"]["hasNextPage"], false);
        assert_eq!(second["pageInfo"]["hasPreviousPage"], true);
    }
    let before = world
        .about(Who::Viewer, "checkpoints(threadId: $id, before: \"3\", metadata: {step: 1}) { nodes { checkpointId } }")
        .await;
    assert_eq!(before["data"]["checkpoints"]["nodes"], json!([{"checkpointId": "2"}, {"checkpointId": "1"}]));
}
