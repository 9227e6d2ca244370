//! Permission per operation, beside checkpoints and trackers (P4 to P7).

use blackbox::{As, Settings, Storage, Things, World, documents};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn p4_events_are_read_with_their_task_and_denied_is_404() {
    let world = World::new(Storage::Url).await;
    let (things, absent) = (world.things().await, Things::absent());
    let one = |things: &Things| format!("/events/{}", things.event);
    let list = |things: &Things| format!("/events?task_id={}&agent_id={}", things.task, world.agent);
    for caller in [world.server.owner(), world.server.agent()] {
        assert_eq!(caller.get(&one(&things)).await.expect(200)["id"], json!(things.event), "{}", caller.name);
        let events = caller.get(&list(&things)).await.expect(200);
        assert_eq!(events[0]["id"], json!(things.event), "{}", caller.name);
    }
    let stranger = world.server.stranger();
    let (denied, missing) = (stranger.get(&one(&things)).await, stranger.get(&one(&absent)).await);
    assert_eq!((denied.status, denied.without(&things.event)), (404, missing.without(&absent.event)));
    let (denied, missing) = (stranger.get(&list(&things)).await, stranger.get(&list(&absent)).await);
    assert_eq!((denied.status, denied.without(&things.task)), (404, missing.without(&absent.task)));
}

#[tokio::test]
async fn p5_a_name_cannot_be_probed() {
    let world = World::new(Storage::Url).await;
    let (things, absent) = (world.things().await, Things::absent().name);
    let secret = world.secret().await;
    let secret_name = world.see(&secret).await["name"].as_str().unwrap().to_owned();
    for (caller, name, id) in [
        (world.server.stranger(), &things.name, &things.task),
        (world.server.viewer(), &secret_name, &secret),
        (world.server.anonymous(), &things.name, &things.task),
    ] {
        for (method, body) in [("GET", None), ("PUT", Some(json!({}))), ("DELETE", None)] {
            let ask = async |name: &str| {
                let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
                caller.ask(method, &format!("/tasks/name/{name}"), body.as_ref()).await
            };
            let (denied, missing) = (ask(name).await, ask(&absent).await);
            assert_eq!(denied.without(name), missing.without(&absent), "{} {method}", caller.name);
            assert!(!denied.text().contains(id.as_str()), "the answer gives the id away: {}", denied.text());
        }
        let ask = async |name: &str| caller.gql(documents::TASK_BY_NAME, json!({ "name": name })).await;
        assert_eq!(ask(name).await.without(name), ask(&absent).await.without(&absent), "{}", caller.name);
    }
}

#[tokio::test]
async fn p5_a_name_taken_in_another_tenant_is_free_here() {
    let world = World::new(Storage::Url).await;
    let stranger = world.server.stranger();
    let agents = stranger.get("/agents").await.expect(200);
    let create = |agent: &Value| json!({ "input": { "agentId": agent, "name": "the-same-name" } });
    let ours = world.owner.gql(documents::CREATE_TASK, create(&json!(world.agent))).await.data();
    let theirs = stranger.gql(documents::CREATE_TASK, create(&agents[0]["id"])).await.data();
    assert_ne!(ours["createTask"]["id"], theirs["createTask"]["id"]);
    for (caller, task) in [(&world.owner, &ours), (&stranger, &theirs)] {
        let found = caller.get("/tasks/name/the-same-name").await.expect(200);
        assert_eq!(found["id"], task["createTask"]["id"], "{}", caller.name);
    }
}

const PAGE: &str = "query($first: Int!, $after: String, $filter: TaskFilter) {
    tasks(first: $first, after: $after, filter: $filter) { nodes { id } pageInfo { hasNextPage endCursor } }
}";

/// The ids of all tasks that a caller is shown, in pages of `size`.
async fn all_pages(caller: &As, size: u32, filter: &Value) -> Vec<String> {
    let (mut ids, mut after) = (vec![], Value::Null);
    loop {
        let data = caller.gql(PAGE, json!({ "first": size, "after": after, "filter": filter })).await.data();
        let nodes = data["tasks"]["nodes"].as_array().unwrap().clone();
        ids.extend(nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()));
        if data["tasks"]["pageInfo"]["hasNextPage"] == json!(false) {
            return ids;
        }
        assert_eq!(nodes.len(), size as usize, "only the last page may be short");
        after = data["tasks"]["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test]
async fn p6_a_list_holds_what_the_caller_may_read_in_pages_of_any_size() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let viewer = world.server.viewer();
        let mine = json!({ "metadata": { "list": "p6" } });
        let mut shown = BTreeSet::new();
        // First, middle and last pages that are hidden whole.
        for (index, shared) in [0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0].into_iter().enumerate() {
            let input =
                json!({ "agentId": world.agent, "name": format!("p6-{index}"), "taskMetadata": { "list": "p6" } });
            let task = world.make(input).await;
            if shared == 1 {
                world.share(&task, &viewer, "VIEWER").await;
                shown.insert(task);
            }
        }
        for size in [1, 2, 3, 100] {
            let pages = all_pages(&viewer, size, &mine).await;
            assert_eq!(pages.len(), shown.len(), "no row twice, in pages of {size}");
            assert_eq!(pages.into_iter().collect::<BTreeSet<_>>(), shown, "in pages of {size}");
        }
        assert_eq!(all_pages(&world.owner, 5, &mine).await.len(), 12);
        assert_eq!(all_pages(&world.server.stranger(), 5, &mine).await.len(), 0);

        let metadata = r#"{"list":"p6"}"#;
        let query = [("task_metadata", metadata), ("limit", "2"), ("order_by", "name")];
        let mut rest = BTreeSet::new();
        for page in 1..=3 {
            let request = viewer.request(reqwest::Method::GET, "/tasks").query(&query).query(&[("page_number", page)]);
            let list = viewer.send(request).await.expect(200);
            rest.extend(list.as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()));
        }
        assert_eq!(rest, shown, "over REST too");
    }
}

#[tokio::test]
async fn p6_a_list_follows_a_share_and_its_end_at_once() {
    let world = World::new(Storage::Url).await;
    let (task, viewer) = (world.secret().await, world.server.viewer());
    let listed = async || viewer.get("/tasks?limit=1000").await.expect(200).to_string().contains(&task);
    assert!(!listed().await);
    world.share(&task, &viewer, "VIEWER").await;
    assert!(listed().await);
    assert_eq!(viewer.get(&format!("/tasks/{task}")).await.status, 200);
    let variables = json!({ "id": task, "principal": viewer.principal, "role": "VIEWER" });
    world.owner.gql(documents::UNSHARE_TASK, variables).await.data();
    assert!(!listed().await);
    assert_eq!(viewer.get(&format!("/tasks/{task}")).await.status, 404);
}

#[tokio::test]
async fn p7_agents_follow_one_rule_by_id_and_by_name() {
    let world = World::new(Storage::Url).await;
    let (things, absent) = (world.things().await, Things::absent());
    for caller in [world.server.owner(), world.server.agent()] {
        let by_id = caller.get(&format!("/agents/{}", things.agent)).await.expect(200);
        let by_name = caller.get(&format!("/agents/name/{}", things.agent_name)).await.expect(200);
        assert_eq!(by_id, by_name, "{}", caller.name);
        assert!(by_id.get("acp_url").is_none(), "where it listens is not everybody's to know");
    }
    let secret = json!({ "input": { "name": "p7-secret", "description": "nobody else's", "acpType": "ASYNC" } });
    let made = world.owner.gql(documents::CREATE_AGENT, secret).await.data();
    let id = made["createAgent"]["id"].as_str().unwrap().to_owned();
    for caller in [world.server.viewer(), world.server.stranger()] {
        let by_id = caller.get(&format!("/agents/{id}")).await;
        assert_eq!(by_id.without(&id), caller.get(&format!("/agents/{}", absent.agent)).await.without(&absent.agent));
        let by_name = caller.get("/agents/name/p7-secret").await;
        let missing = caller.get(&format!("/agents/name/{}", absent.agent_name)).await;
        assert_eq!((by_name.status, by_name.without("p7-secret")), (404, missing.without(&absent.agent_name)));
        assert!(!by_name.text().contains(&id));
        assert!(!caller.get("/agents?limit=1000").await.expect(200).to_string().contains(&id));
    }
}

#[tokio::test]
async fn p7_what_may_be_read_but_not_changed_is_forbidden_only_under_split() {
    for (policy, status, code) in [("hide", 404, "NOT_FOUND"), ("split", 403, "FORBIDDEN")] {
        let world = World::with(Settings::default().with("TASKGATE_DENIALS", policy), Storage::Memory).await;
        let (task, viewer, stranger) = (world.task().await, world.server.viewer(), world.server.stranger());
        let denied = viewer.put(&format!("/tasks/{task}"), json!({})).await;
        assert_eq!((denied.status, denied.rest_code()), (status, Some(code)), "{policy}");
        let denied = stranger.put(&format!("/tasks/{task}"), json!({})).await;
        assert_eq!((denied.status, denied.rest_code()), (404, Some("NOT_FOUND")), "{policy}");
    }
}
