//! A denied field is null with one error, whatever the shape of the query, and nothing else changes.

use crate::world::{Who, World, codes, paths};
use authz::DenialPolicy;
use serde_json::{Value, json};

async fn viewer(query: &str) -> (Value, Value) {
    let world = World::new().await;
    (world.about(Who::Viewer, query).await, world.about(Who::Owner, query).await)
}

#[tokio::test]
async fn a_denied_field_is_null_and_its_siblings_stay_in_order() {
    let (viewer, owner) = viewer("task(id: $id) { name creator status access { role } id }").await;
    let keys = viewer["data"]["task"].to_string();
    assert_eq!(viewer["data"]["task"]["creator"], Value::Null);
    assert_eq!(viewer["data"]["task"]["access"], Value::Null);
    assert_eq!(viewer["data"]["task"]["name"], "the task");
    assert!(keys.contains(r#""status":"RUNNING""#), "{keys}");
    assert_eq!(paths(&viewer), ["task.creator", "task.access"]);
    assert_eq!(codes(&viewer), ["NOT_FOUND", "NOT_FOUND"]);
    assert_eq!(owner["errors"], Value::Null);
    assert_eq!(owner["data"]["task"]["creator"], "user:owner");
    assert_eq!(owner["data"]["task"]["access"].as_array().unwrap().len(), 3);
}

/// The order is that of the bytes: a parsed object has forgotten it.
#[tokio::test]
async fn fields_are_answered_in_the_order_asked() {
    let world = World::new().await;
    let query = json!({"query": "query($id: ID!) { task(id: $id) { status access { role } name creator id } }",
        "variables": {"id": world.task}});
    let text = world.post(Who::Viewer, query.to_string()).await.text();
    let places: Vec<_> = ["\"status\"", "\"access\"", "\"name\"", "\"creator\"", "\"id\""]
        .iter()
        .map(|key| text.rfind(key).unwrap_or_else(|| panic!("{key} in {text}")))
        .collect();
    // `creator` and `access` are also in the errors, which come first: the last one is in the data.
    assert!(places.is_sorted(), "{text}");
}

#[tokio::test]
async fn an_alias_is_the_path() {
    let (viewer, _) = viewer("it: task(id: $id) { who: creator n: name }").await;
    assert_eq!(viewer["data"], json!({"it": {"who": null, "n": "the task"}}));
    assert_eq!(paths(&viewer), ["it.who"]);
}

#[tokio::test]
async fn fragments_hide_nothing() {
    let world = World::new().await;
    let query = "query($id: ID!) { task(id: $id) { ...a } } \
        fragment a on Task { ...b ... on Task { access { role } } ... { status } } \
        fragment b on Task { creator name }";
    let viewer = world.ask(Who::Viewer, query, json!({"id": world.task})).await;
    assert_eq!(
        viewer["data"]["task"],
        json!({"creator": null, "name": "the task", "access": null, "status": "RUNNING"})
    );
    assert_eq!(paths(&viewer), ["task.creator", "task.access"]);
    let owner = world.ask(Who::Owner, query, json!({"id": world.task})).await;
    assert_eq!(owner["errors"], Value::Null);
    assert_eq!(owner["data"]["task"]["creator"], "user:owner");
}

#[tokio::test]
async fn each_item_of_a_list_stands_for_itself() {
    let world = World::new().await;
    let other = world.make_task("another").await;
    world.grant(&other, authz::Role::Editor, &authz::Principal::user("viewer")).await;
    let query =
        "{ tasks(orderBy: {field: NAME, direction: ASC}) { nodes { name creator } edges { node { creator } } } }";
    let viewer = world.ask(Who::Viewer, query, json!({})).await;
    assert_eq!(
        viewer["data"]["tasks"]["nodes"],
        json!([{"name": "another", "creator": "user:owner"}, {"name": "the task", "creator": null}])
    );
    assert_eq!(viewer["data"]["tasks"]["edges"][1]["node"]["creator"], Value::Null);
    let mut paths = paths(&viewer);
    paths.sort();
    assert_eq!(paths, ["tasks.edges.1.node.creator", "tasks.nodes.1.creator"]);
}

#[tokio::test]
async fn nesting_leads_back_to_the_same_permission() {
    let (viewer, owner) =
        viewer("task(id: $id) { trackers { id task { creator trackers { task { name creator } } } } }").await;
    let inner = &viewer["data"]["task"]["trackers"][0]["task"];
    assert_eq!(inner["creator"], Value::Null);
    assert_eq!(inner["trackers"][0]["task"], json!({"name": "the task", "creator": null}));
    assert_eq!(paths(&viewer), ["task.trackers.0.task.creator", "task.trackers.0.task.trackers.0.task.creator"]);
    assert_eq!(owner["data"]["task"]["trackers"][0]["task"]["trackers"][0]["task"]["creator"], "user:owner");
}

#[tokio::test]
async fn what_is_skipped_is_not_denied() {
    let world = World::new().await;
    let query = "query($id: ID!, $no: Boolean!) { task(id: $id) { name creator @include(if: $no) \
        access @skip(if: true) { role } ... on Task @include(if: $no) { access { role } } } }";
    let ask = async |no: bool| world.ask(Who::Viewer, query, json!({"id": world.task, "no": no})).await;
    let without = ask(false).await;
    assert_eq!(without, json!({"data": {"task": {"name": "the task"}}}));
    assert_eq!(paths(&ask(true).await), ["task.creator", "task.access"]);
}

/// `__typename` and `id` are all that a mutation's answer shows without permission.
#[tokio::test]
async fn a_whole_task_that_may_not_be_read_is_null() {
    let (world, query) = (World::new().await, "a: task(id: $id) { __typename id } b: viewer { tenant }");
    let stranger = world.about(Who::Stranger, query).await;
    assert_eq!(stranger["data"], json!({"a": null, "b": {"tenant": "acme"}}));
    assert_eq!((paths(&stranger), codes(&stranger)), (vec!["a".to_owned()], vec!["NOT_FOUND".to_owned()]));
}

#[tokio::test]
async fn who_may_read_is_told_that_it_is_forbidden_when_the_policy_splits() {
    let world = World::with(DenialPolicy::Split, true).await;
    let viewer = world.about(Who::Viewer, "task(id: $id) { creator access { role } }").await;
    assert_eq!(codes(&viewer), ["FORBIDDEN", "FORBIDDEN"]);
    let stranger = world.about(Who::Stranger, "task(id: $id) { creator }").await;
    assert_eq!(codes(&stranger), ["NOT_FOUND"]);
}

/// Neither the requests beside it nor those that asked before open a field.
#[tokio::test]
async fn each_request_of_a_batch_is_guarded_for_itself() {
    let world = World::new().await;
    let one = json!({"query": "query($id: ID!) { task(id: $id) { name creator } }", "variables": {"id": world.task}});
    let cancel = json!({"query": "mutation($id: ID!) { cancelTask(id: $id) { id } }", "variables": {"id": world.task}});
    let opened = world.post(Who::Owner, json!([one, one]).to_string()).await.json();
    assert_eq!(opened[1]["data"]["task"]["creator"], "user:owner");
    let denied = world.post(Who::Viewer, json!([one, cancel, one]).to_string()).await.json();
    for at in [0, 2] {
        assert_eq!(denied[at]["data"]["task"], json!({"name": "the task", "creator": null}));
        assert_eq!(
            (paths(&denied[at]), codes(&denied[at])),
            (vec!["task.creator".to_owned()], vec!["NOT_FOUND".to_owned()])
        );
    }
    assert_eq!((codes(&denied[1]), paths(&denied[1])), (vec!["NOT_FOUND".to_owned()], vec!["cancelTask".to_owned()]));
    assert_eq!(world.about(Who::Owner, "task(id: $id) { status }").await["data"]["task"]["status"], "RUNNING");
}

/// The schema is everybody's, and says of nothing whether it is there.
#[tokio::test]
async fn introspection_tells_all_the_same_and_opens_nothing() {
    let world = World::new().await;
    let query = "__type(name: \"Task\") { fields { name } } task(id: $id) { __typename creator }";
    let (owner, viewer) = (world.about(Who::Owner, query).await, world.about(Who::Viewer, query).await);
    assert_eq!(owner["data"]["__type"], viewer["data"]["__type"]);
    assert_eq!(viewer["data"]["task"], json!({"__typename": "Task", "creator": null}));
    let stranger = world.about(Who::Stranger, query).await;
    assert_eq!((&stranger["data"]["__type"], &stranger["data"]["task"]), (&owner["data"]["__type"], &Value::Null));
}

/// One interface, several spellings: whatever leads to the field, the permission is asked for.
#[tokio::test]
async fn an_interface_opens_nothing() {
    let world = World::new().await;
    let query =
        "node(id: $id) { id ...n ... on Node { ... on Task { a: creator } } } again: nodes(ids: [$id]) { ...n }";
    let fragment =
        "fragment n on Node { __typename ... on Task { ...t } } fragment t on Task { creator access { role } }";
    let query = format!("query($id: ID!) {{ {query} }} {fragment}");
    let viewer = world.ask(Who::Viewer, &query, json!({"id": world.task})).await;
    let node = json!({"id": world.task, "__typename": "Task", "creator": null, "access": null, "a": null});
    assert_eq!(viewer["data"]["node"], node);
    assert_eq!(viewer["data"]["again"], json!([{"__typename": "Task", "creator": null, "access": null}]));
    let mut paths = paths(&viewer);
    paths.sort();
    assert_eq!(paths, ["again.0.access", "again.0.creator", "node.a", "node.access", "node.creator"]);
    let owner = world.ask(Who::Owner, &query, json!({"id": world.task})).await;
    assert_eq!((&owner["errors"], &owner["data"]["node"]["a"]), (&Value::Null, &json!("user:owner")));
}
