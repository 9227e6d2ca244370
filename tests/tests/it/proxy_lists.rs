//! With an agentex-auth service that nobody else tells anything, and what it was told beside the rows as well: lists are
//! found there, and the service decides what is shown.

use crate::proxy::{ada_as_told, asked, settings};
use authz_service::Service;
use blackbox::{
    As, Settings, Storage, World, documents,
    gateways::{counted, with_cache},
    world,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test]
async fn lists_are_found_beside_the_rows_where_nobody_else_tells_the_service() {
    let service = Service::start();
    found_beside(&service, settings(&service)).await;
}

#[tokio::test]
async fn lists_are_found_beside_the_rows_and_decisions_are_kept() {
    let service = Service::start();
    found_beside(&service, with_cache(settings(&service))).await;
}

/// What a command says.
async fn told(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = world.server.command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

async fn is_used(world: &World, wanted: bool) {
    for _ in 0..200 {
        if (counted(&world.server, "taskgate_engine_lists_indexed").await > 0.0) == wanted {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the index is never {}", if wanted { "used" } else { "given up" });
}

/// What a command makes up for is told to the service and to the index: nobody else would tell that one.
#[tokio::test]
async fn what_a_command_makes_up_for_is_listed() {
    let service = Service::start();
    service.introduce("ada-token", ada_as_told());
    // The gateway's own reconciler does not come in between.
    let settings = settings(&service).with("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "3600000");
    let settings = settings.with("TASKGATE_ROUTING__REFRESH_MS", "500");
    let world = World::with(settings, Storage::Url).await;
    let ada = As::new("ada", &world.server.demo.url(), Some("ada-token".to_owned()), None);
    assert_eq!(told(&world, &["engine", "index", "proxy", "--ours-alone"]).await.0, Some(0));
    is_used(&world, true).await;
    let switch = async |mode: &'static str| {
        let switch = ["dual-write", "switch", "task", mode, "--account", "demo", "--reason", "a test"];
        assert_eq!(told(&world, &switch).await.0, Some(0));
        sleep(Duration::from_secs(1)).await;
    };
    switch("off").await;
    let made = ada.gql(documents::CREATE_TASK, json!({ "input": { "agentId": world.agent } })).await;
    let task = made.json()["data"]["createTask"]["id"].as_str().unwrap().to_owned();
    let lists = async || ada.get("/tasks?limit=100").await.expect(200).to_string().contains(&task);
    assert!(!lists().await, "the service does not know it");
    switch("on").await;
    // Of a service that cannot be read through the comparison that comes after it fails.
    told(&world, &["dual-write", "reconcile"]).await;
    ada.get(&format!("/tasks/{task}")).await.expect(200);
    assert!(lists().await);
    assert!(asked(&service, "search").is_empty(), "and not because the service named it");
}

async fn found_beside(service: &Service, settings: Settings) {
    let settings = settings.with("TASKGATE_ROUTING__REFRESH_MS", "500");
    service.introduce("ada-token", ada_as_told());
    service.introduce("eve-token", json!({ "user_id": "eve", "account_id": "demo" }));
    let world = World::with(settings.clone(), Storage::Url).await;
    let other = World::on(settings.start_on(world.server.database().clone()).await);
    let caller = |at: &World, token: &str| As::new("caller", &at.server.demo.url(), Some(token.to_owned()), None);
    let (ada, eve, there) = (caller(&world, "ada-token"), caller(&world, "eve-token"), caller(&other, "eve-token"));
    let make = async || {
        let input = json!({ "agentId": world.agent, "name": world::nobody() });
        let made = ada.gql(documents::CREATE_TASK, json!({ "input": input })).await.data();
        made["createTask"]["id"].as_str().unwrap().to_owned()
    };
    let lists = async |who: &As, task: &str| who.get("/tasks?limit=100").await.expect(200).to_string().contains(task);
    let role = |task: &str| json!({ "id": task, "principal": "user:eve", "role": "VIEWER" });

    // Nobody has said that it can be whole.
    let (code, said) = told(&world, &["engine", "index", "proxy"]).await;
    assert!(code == Some(1) && said.contains("--ours-alone"), "{said}");
    let old = make().await;
    let (code, said) = told(&world, &["engine", "index", "proxy", "--ours-alone"]).await;
    assert!(code == Some(0) && said.contains("lists of proxy are found in the index beside the rows"), "{said}");
    is_used(&world, true).await;
    is_used(&other, true).await;

    drop(service.calls());
    let new = make().await;
    assert!(lists(&ada, &old).await && lists(&ada, &new).await, "what was there before, and what is new");
    for at in [&eve, &there] {
        assert!(!lists(at, &old).await && !lists(at, &new).await);
    }
    ada.gql(documents::SHARE_TASK, role(&new)).await.data();
    assert!(lists(&eve, &new).await && lists(&there, &new).await);
    ada.gql(documents::UNSHARE_TASK, role(&new)).await.data();
    assert!(!lists(&eve, &new).await && !lists(&there, &new).await);
    ada.gql(documents::SHARE_TASK, role(&new)).await.data();
    assert!(lists(&there, &new).await, "given again");
    // An API key of an agent is read by who may change the agent, as a member of its tenant: the service knows who is.
    let keys = "query($id: ID!) { agent(id: $id) { apiKeys { nodes { id } } } }";
    let key = json!({ "input": { "agentId": world.agent, "name": world::nobody() } });
    let key = ada.gql(documents::CREATE_API_KEY, key).await.data().to_string();
    let listed = ada.gql(keys, json!({ "id": world.agent })).await.data();
    let listed = listed["agent"]["apiKeys"]["nodes"].as_array().cloned().unwrap_or_default();
    assert!(listed.iter().any(|node| key.contains(node["id"].as_str().unwrap())), "{listed:?} and {key}");
    assert_eq!(asked(service, "search"), Vec::<Value>::new(), "the service named nothing");

    // The service decides what is shown, whatever stands in the index.
    let eves = "SELECT count(*) FROM relationships WHERE subject_id = 'eve'";
    assert_eq!(world.server.database().number(eves).await, 1);
    let beside = format!(
        "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
         VALUES ('task', '{old}', 'viewer', 'user', 'eve')"
    );
    world.server.database().run(&beside).await;
    assert!(!lists(&eve, &old).await && !lists(&there, &old).await);
    ada.delete(&format!("/tasks/{old}")).await.expect(200);
    assert!(!lists(&ada, &old).await);

    // Where the embedded engine decides for anybody, it must not decide by what was told to another.
    let route = ["engine", "route", "task", "graph", "--account", "zeta", "--reason", "a test"];
    assert_eq!(told(&world, &route).await.0, Some(0));
    is_used(&world, false).await;
    assert!(lists(&ada, &new).await);
}
