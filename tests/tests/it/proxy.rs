//! With an agentex-auth service in place of the embedded engine nothing is different for callers, and the service
//! says who they are.

use crate::{matrix, sweep::sweep};
use authz_service::{Service, Trouble};
use blackbox::{
    Answer, As, Settings, Storage, Things, World, documents,
    gateways::{Gateways, counted, redis_url, with_cache},
    tree, world,
};
use serde_json::{Value, json};

/// What no caller is to read of what lies behind the gateway.
const SECRETS: &[&str] = &["authz", "authn", "127.0.0.1", "refused", "reqwest", "hush", "proxy", "nonsense"];

pub fn settings(service: &Service) -> Settings {
    Settings::default()
        .with("TASKGATE_ENGINE", "proxy")
        .with("TASKGATE_PROXY__ENDPOINT", &service.url)
        .with("TASKGATE_PROXY__AUTHN_CACHE_MS", "0")
}

/// Ada is the demo's owner, as the service says; Eve is somebody else in the same account.
async fn known_to(service: &Service) -> (World, As, As) {
    known(service, settings(service)).await
}

async fn known(service: &Service, settings: Settings) -> (World, As, As) {
    service.introduce("ada-token", ada_as_told());
    service.introduce("eve-token", json!({ "user_id": "eve", "account_id": "demo" }));
    let world = World::with(settings, Storage::Memory).await;
    let caller = |name, token: &str| As::new(name, &world.server.demo.url(), Some(token.to_owned()), None);
    let (ada, eve) = (caller("ada", "ada-token"), caller("eve", "eve-token"));
    (world, ada, eve)
}

/// What the service says of Ada: more than the gateway understands.
pub fn ada_as_told() -> Value {
    json!({ "user_id": "demo-owner", "account_id": "demo", "scopes": ["hush", 1.5], "email": null })
}

/// The questions the service was asked in the words of the wire.
pub fn asked(service: &Service, word: &str) -> Vec<Value> {
    service.calls().into_iter().filter(|call| call.word() == word).map(|call| call.body).collect()
}

fn keeps_quiet(answer: &Answer) {
    let told = answer.text().to_lowercase();
    assert_eq!(SECRETS.iter().find(|secret| told.contains(**secret)), None, "{told}");
}

#[tokio::test]
async fn the_matrix_is_the_same() {
    let service = Service::start();
    matrix_is_the_same(settings(&service)).await;
}

#[tokio::test]
async fn the_matrix_is_the_same_when_decisions_are_kept() {
    let service = Service::start();
    matrix_is_the_same(with_cache(settings(&service))).await;
}

async fn matrix_is_the_same(settings: Settings) {
    // Operators cannot have rows compared with what the service has heard of.
    let compared = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains(".dualWrite ") && !line.contains(".reconcileDualWrite "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let agreed = compared(&std::fs::read_to_string(tree::root().join(matrix::FILE)).unwrap());
    let found = compared(&matrix::table(settings, "hide").await);
    let different: Vec<_> = found.lines().filter(|line| !agreed.lines().any(|old| old == *line)).collect();
    assert!(agreed.contains(&found), "{}", different.join("\n"));
}

#[tokio::test]
async fn denied_is_missing_everywhere() {
    let service = Service::start();
    sweep(settings(&service), Storage::Memory, false).await;
}

#[tokio::test]
async fn denied_is_missing_everywhere_when_decisions_are_kept() {
    let service = Service::start();
    sweep(with_cache(settings(&service)), Storage::Memory, false).await;
}

#[tokio::test]
async fn who_the_service_knows_makes_and_reads_tasks_and_is_spoken_of_in_its_own_words() {
    let service = Service::start();
    makes_and_reads_tasks(&service, settings(&service)).await;
}

#[tokio::test]
async fn who_the_service_knows_makes_and_reads_tasks_when_decisions_are_kept() {
    let service = Service::start();
    makes_and_reads_tasks(&service, with_cache(settings(&service))).await;
}

async fn makes_and_reads_tasks(service: &Service, settings: Settings) {
    let (world, ada, eve) = known(service, settings).await;
    drop(service.calls());
    let input = json!({ "agentId": world.agent, "name": world::nobody() });
    let made = ada.gql(documents::CREATE_TASK, json!({ "input": input })).await.data();
    let task = made["createTask"]["id"].as_str().unwrap().to_owned();
    let calls = service.calls();
    let bodies = |word: &str| -> Vec<_> {
        calls.iter().filter(|call| call.word() == word).map(|call| call.body.clone()).collect()
    };
    let authn: Vec<_> = calls.iter().filter(|call| call.word() == "authn").collect();
    assert_eq!((authn.len(), &authn[0].body), (1, &Value::Null));
    assert_eq!(authn[0].headers["authorization"], "Bearer ada-token");
    let checks = bodies("check");
    assert!(!checks.is_empty() && checks.iter().all(|check| check["principal"] == ada_as_told()), "{checks:?}");
    let question = |check: &Value| format!("{} {}", check["operation"], check["resource"]["selector"]);
    let mut questions: Vec<_> = checks.iter().map(question).collect();
    questions.sort();
    assert_eq!(questions[..2], [r#""create" "*""#.to_owned(), format!("\"execute\" \"{}\"", world.agent)]);
    let parent = json!({ "type": "agent", "selector": world.agent });
    let resource = json!({ "type": "task", "selector": task });
    let principal = json!({ "user_id": "demo-owner", "account_id": "demo" });
    let registered = json!({ "principal": principal, "resource": resource, "parent": parent, "account_id": "demo" });
    assert_eq!(bodies("register"), [registered]);

    assert_eq!(ada.get(&format!("/tasks/{task}")).await.expect(200)["id"], json!(task));
    assert_eq!(ada.gql(documents::TASK, json!({ "id": task })).await.data()["task"]["id"], json!(task));
    assert!(ada.get("/tasks?limit=100").await.expect(200).to_string().contains(&task));
    let absent = world::nobody();
    for caller in [&eve, &world.server.stranger()] {
        let (denied, missing) =
            (caller.get(&format!("/tasks/{task}")).await, caller.get(&format!("/tasks/{absent}")).await);
        assert_eq!(denied.status, 404);
        assert_eq!(denied.text().replace(&task, "ID"), missing.text().replace(&absent, "ID"));
        assert!(!caller.get("/tasks?limit=100").await.expect(200).to_string().contains(&task));
    }
    ada.delete(&format!("/tasks/{task}")).await.expect(200);
    assert_eq!(asked(service, "deregister")[0]["resource"], resource);
    assert_eq!(ada.get(&format!("/tasks/{task}")).await.status, 404);
}

#[tokio::test]
async fn who_may_not_make_tasks_at_all_finds_no_agent_to_make_them_on() {
    let service = Service::start();
    let (world, ada, _) = known_to(&service).await;
    service.let_tasks_be_made(false);
    let make = |agent: &str| {
        let variables = json!({ "input": { "agentId": agent, "name": "n" } });
        let ada = ada.clone();
        async move { ada.gql(documents::CREATE_TASK, variables).await }
    };
    let absent = world::nobody();
    let (denied, missing) = (make(&world.agent).await, make(&absent).await);
    assert_eq!(denied.codes(), ["NOT_FOUND"]);
    assert_eq!(denied.text().replace(&world.agent, "ID"), missing.text().replace(&absent, "ID"));
    service.let_tasks_be_made(true);
    make(&world.agent).await.data();
}

async fn is_unavailable(caller: &As, things: &Things) {
    let rest = [
        caller.get("/tasks").await,
        caller.get(&format!("/tasks/{}", things.task)).await,
        caller.get(&format!("/tasks/name/{}", things.name)).await,
        caller.put(&format!("/tracker/{}", things.tracker), json!({ "status": "s" })).await,
        caller.delete(&format!("/tasks/{}", things.task)).await,
    ];
    for answer in &rest {
        assert_eq!((answer.status, answer.rest_code()), (503, Some("UNAVAILABLE")), "{}", answer.text());
        keeps_quiet(answer);
    }
    for (query, variables) in [
        (documents::TASK, json!({ "id": things.task })),
        ("{ tasks { nodes { id } } }", Value::Null),
        (documents::CREATE_TASK, json!({ "input": { "agentId": things.agent } })),
    ] {
        let answer = caller.gql(query, variables).await;
        assert_eq!(answer.codes(), ["UNAVAILABLE"], "{}", answer.text());
        keeps_quiet(&answer);
    }
}

/// 503 and never 401, 404 or a way in; for those who may and those who may not alike.
#[tokio::test]
async fn a_service_in_trouble_is_503_on_both_edges_and_all_is_well_again_after_it() {
    let mut service = Service::start();
    let (world, ada, eve) = known_to(&service).await;
    let things = world.things().await;
    let before = ada.get(&format!("/tasks/{}", things.task)).await.expect(200);
    let nobody = world.server.anonymous();
    let says = |status, body: &str| Some(("", Trouble::Says(status, body.to_owned())));
    for trouble in [
        None,
        says(503, r#"{"message": "hush", "allowed": true, "unscoped": true}"#),
        says(500, "hush"),
        says(404, r#"{"detail": "hush"}"#),
        says(422, r#"{"detail": "hush"}"#),
        says(200, "<html>hush</html>"),
        says(204, ""),
        Some(("", Trouble::HalfAnswered(r#"{"allowed": true"#.to_owned()))),
        Some(("/authz/check", Trouble::Says(401, "hush".to_owned()))),
    ] {
        match &trouble {
            None => service.stop().await,
            Some((path, trouble)) => service.suffer(path, trouble.clone()),
        }
        if matches!(trouble, Some(("/authz/check", _))) {
            let answer = ada.get(&format!("/tasks/{}", things.task)).await;
            assert_eq!(answer.status, 503, "a credential of the gateway's is not the caller's matter");
        } else {
            for caller in [&ada, &eve, &world.owner, &world.server.stranger()] {
                is_unavailable(caller, &things).await;
                is_unavailable(caller, &Things::absent()).await;
            }
        }
        let ready = nobody.get("/readyz").await;
        assert_eq!(ready.status, 503);
        assert_eq!(ready.json()["checks"]["engine"], json!({ "kind": "proxy", "status": "unavailable" }));
        assert_eq!(nobody.get("/tasks").await.status, 401, "who brings nothing stays nobody");
        match &trouble {
            None => service.come_back().await,
            Some(_) => service.recover(),
        }
        assert_eq!(ada.get(&format!("/tasks/{}", things.task)).await.expect(200), before, "after {trouble:?}");
        assert_eq!(eve.get(&format!("/tasks/{}", things.task)).await.status, 404);
        assert_eq!(nobody.get("/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn a_list_is_everything_only_if_the_service_says_so() {
    let service = Service::start();
    let (world, _, eve) = known_to(&service).await;
    let task = world.task().await;
    for (body, status) in [
        (r#"{"items": null}"#, 503),
        ("{}", 503),
        (r#"{"items": [null]}"#, 503),
        (r#"{"unscoped": "true"}"#, 503),
        (r#"{"items": []}"#, 200),
    ] {
        service.suffer("/search", Trouble::Says(200, body.to_owned()));
        let answer = eve.get("/tasks?limit=1000").await;
        assert_eq!(answer.status, status, "{body}");
        assert!(!answer.text().contains(&task), "{body}");
    }
    service.suffer("/search", Trouble::Says(200, r#"{"unscoped": true}"#.to_owned()));
    assert!(eve.get("/tasks?limit=1000").await.expect(200).to_string().contains(&task));
}

/// With a Redis, what such a service says is kept, as what any engine says that is elsewhere.
fn kept(service: &Service) -> Settings {
    settings(service).with("REDIS_URL", redis_url()).with("TASKGATE_CACHE__PREFIX", format!("test-{}", world::nobody()))
}

#[tokio::test]
async fn two_sessions_of_one_person_do_not_borrow_each_other_s_rights() {
    let service = Service::start();
    let (world, ada, _) = known(&service, kept(&service)).await;
    let mut told = ada_as_told();
    told["only"] = json!(["read"]);
    service.introduce("ada-reads-token", told);
    let reader = As::new("ada reads", &world.server.demo.url(), Some("ada-reads-token".to_owned()), None);
    let task = world.secret().await;
    let asked = "query ($id: ID!) { task(id: $id) { viewerCan { read update delete } } }";
    for _ in 0..4 {
        for (caller, more) in [(&ada, true), (&reader, false)] {
            let may = caller.gql(asked, json!({ "id": task })).await.data()["task"]["viewerCan"].clone();
            assert_eq!(may, json!({ "read": true, "update": more, "delete": more }));
        }
    }
    let hits = counted(&world.server, "taskgate_cache_hits_total").await;
    assert!(hits > 0.0, "{hits}: what was asked before is kept");
    assert_eq!(reader.delete(&format!("/tasks/{task}")).await.status, 404);
    ada.delete(&format!("/tasks/{task}")).await.expect(200);
    assert_eq!(reader.get(&format!("/tasks/{task}")).await.status, 404);
}

#[tokio::test]
async fn what_is_taken_away_at_one_gateway_is_never_read_at_another() {
    let service = Service::start();
    let gateways = Gateways::start(settings(&service)).await;
    gateways.revoke(4, 25).await;
    let kept = counted(&gateways.there.server, "taskgate_cache_hits_total").await;
    assert!(kept >= 50.0, "{kept}: the second read of each try is not the service's");
}

#[tokio::test]
async fn while_the_service_is_away_what_is_kept_is_read_and_nothing_else() {
    let mut service = Service::start();
    let world = World::with(kept(&service), Storage::Memory).await;
    let (task, other) = (world.task().await, world.task().await);
    let (owner, viewer, stranger) = (&world.owner, world.server.viewer(), world.server.stranger());
    let path = |task: &str| format!("/tasks/{task}");
    let mut tries = 0;
    let kept = async || counted(&world.server, "taskgate_cache_hits_total").await;
    let before = kept().await;
    while kept().await <= before {
        viewer.get(&path(&task)).await.expect(200);
        tries += 1;
        assert!(tries < 500, "nothing is kept");
    }
    service.stop().await;
    viewer.get(&path(&task)).await.expect(200);
    for answer in [
        viewer.get(&path(&other)).await,
        owner.delete(&path(&task)).await,
        stranger.get(&path(&task)).await,
        stranger.get(&path(&world::nobody())).await,
    ] {
        assert_eq!(answer.status, 503);
        keeps_quiet(&answer);
    }
    service.come_back().await;
    owner.delete(&path(&task)).await.expect(200);
    assert_eq!(viewer.get(&path(&task)).await.status, 404);
}
