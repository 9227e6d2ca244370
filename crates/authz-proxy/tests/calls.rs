//! What goes out: how many calls, how many at a time, and what is in them.

use authz::{
    Action, Authorizer, Behalf, Check, Claims, Consistency, EVERY, Id, Kind, Principal, Registration, Relation,
    Relationship, ResourceRef,
};
use authz_proxy::{AuthzProxy, BadSettings, Settings};
use authz_service::{Service, Trouble};
use futures::future::join_all;
use http::Version;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const NOW: &Consistency = &Consistency::FullyConsistent;

fn task(id: impl std::fmt::Display) -> ResourceRef {
    ResourceRef { kind: Kind::Task, id: id.to_string().into() }
}

fn alice() -> Principal {
    Principal::user("alice")
}

fn patient(service: &Service) -> Settings {
    Settings { timeout: Duration::from_secs(20), ..Settings::new(&service.url) }
}

fn bodies(service: &Service) -> Vec<Value> {
    service.calls().into_iter().map(|call| call.body).collect()
}

#[tokio::test]
async fn a_question_is_asked_once_in_a_batch() {
    let service = Service::start();
    let engine = AuthzProxy::new(patient(&service)).unwrap();
    let (read, both) = (Action::Read.into(), Action::Read | Action::Update);
    let checks = [(1, read), (2, both), (1, both), (1, read), (2, read)]
        .map(|(id, actions)| Check { resource: task(id), actions });
    assert_eq!(engine.check(&alice(), &checks, NOW).await.unwrap().len(), 5);
    let mut asked: Vec<_> =
        bodies(&service).iter().map(|body| format!("{} {}", body["operation"], body["resource"]["selector"])).collect();
    asked.sort();
    assert_eq!(asked, [r#""read" "1""#, r#""read" "2""#, r#""update" "1""#, r#""update" "2""#]);
}

/// What the schema does not know is not asked, and neither is anything of every task but whether one may be made.
#[tokio::test]
async fn what_cannot_be_is_not_asked() {
    let service = Service::start();
    let engine = AuthzProxy::new(patient(&service)).unwrap();
    let all = authz::ActionSet::all();
    let agent = ResourceRef { kind: Kind::Agent, id: EVERY.into() };
    let key = ResourceRef { kind: Kind::ApiKey, id: "key".into() };
    let checks = [agent, task(EVERY), key].map(|resource| Check { resource, actions: all });
    let decisions = engine.check(&alice(), &checks, NOW).await.unwrap();
    assert_eq!(decisions.map_allowed(), [authz::ActionSet::empty(), Action::Create.into(), authz::ActionSet::empty()]);
    // They are under way together, and arrive in any order.
    let mut asked: Vec<_> = bodies(&service).iter().map(|body| body["operation"].to_string()).collect();
    asked.sort();
    assert_eq!(asked, [r#""create""#, r#""delete""#, r#""read""#]);
}

trait Allowed {
    fn map_allowed(&self) -> Vec<authz::ActionSet>;
}

impl Allowed for Vec<authz::Decision> {
    fn map_allowed(&self) -> Vec<authz::ActionSet> {
        self.iter().map(|decision| decision.allowed).collect()
    }
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_is_allowed() {
    let service = Service::start();
    service.suffer("", Trouble::Slow(Duration::from_millis(20)));
    let batch: Vec<_> = (0..40).map(|id| Check { resource: task(id), actions: Action::Read.into() }).collect();
    let one = AuthzProxy::new(Settings { concurrency: 12, batch: 5, ..patient(&service) }).unwrap();
    one.check(&alice(), &batch, NOW).await.unwrap();
    assert_eq!(service.busiest(), 5, "of one batch");
    let clones: Vec<_> = (0..8).map(|_| one.clone()).collect();
    for outcome in join_all(clones.iter().map(|engine| async { engine.check(&alice(), &batch, NOW).await })).await {
        assert_eq!(outcome.unwrap().len(), 40);
    }
    assert_eq!(service.busiest(), 12, "of them all");
    assert_eq!(service.calls().len(), 9 * 40);
}

/// Waiting for a turn counts: a service that stalls does not pile callers up.
#[tokio::test]
async fn a_call_that_has_waited_too_long_for_its_turn_is_given_up() {
    let service = Service::start();
    service.suffer("", Trouble::Silent);
    let timeout = Duration::from_millis(300);
    let engine = AuthzProxy::new(Settings { concurrency: 2, timeout, ..patient(&service) }).unwrap();
    let check = [Check { resource: task(1), actions: Action::Read.into() }];
    let (alice, check) = (&alice(), &check);
    let outcomes = join_all((0..20).map(|_| engine.check(alice, check, NOW))).await;
    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap_err().class() == "Timeout"));
    assert!(service.busiest() <= 2 && service.calls().len() <= 4, "those without a turn were not sent");
    service.recover();
    assert!(engine.check(alice, check, NOW).await.is_ok(), "turns were not lost");
}

#[tokio::test]
async fn http_2_can_be_spoken_to_a_service_that_does() {
    let service = Service::start();
    for (http2_only, version) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
        let engine = AuthzProxy::new(Settings { http2_only, ..patient(&service) }).unwrap();
        engine.deregister(&task(1)).await.unwrap();
        assert_eq!(service.calls()[0].version, version);
    }
}

#[tokio::test]
async fn the_gateway_says_who_it_is_if_it_is_told_to() {
    let service = Service::start();
    for (header, sent) in [("authorization", "Bearer hush"), ("x-api-key", "hush")] {
        let credential = Some("hush".into());
        let settings = Settings { credential, credential_header: header.into(), ..patient(&service) };
        assert!(!format!("{settings:?}").contains("hush"));
        AuthzProxy::new(settings).unwrap().deregister(&task(1)).await.unwrap();
        assert_eq!(service.calls()[0].headers[header], sent);
    }
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    for endpoint in ["", "nowhere", "ftp://h", "http://", "http://u:p@h", "http://h/?q=1", "http://h/#f", "/v1"] {
        let refused = AuthzProxy::new(Settings::new(endpoint)).err();
        assert!(matches!(refused, Some(BadSettings::Endpoint)), "{endpoint}: {refused:?}");
    }
    let good = || Settings::new("https://h:1/base//");
    assert!(AuthzProxy::new(good()).is_ok());
    let zero = AuthzProxy::new(Settings { batch: 0, ..good() }).err();
    assert!(matches!(zero, Some(BadSettings::Zero)));
    let header = AuthzProxy::new(Settings { credential_header: "x y".into(), ..good() }).err();
    assert!(matches!(header, Some(BadSettings::CredentialHeader)));
    let credential = AuthzProxy::new(Settings { credential: Some("a\nb".into()), ..good() }).err();
    assert!(matches!(credential, Some(BadSettings::Credential)));
}

/// The bodies, word for word: what an existing service has to understand.
#[tokio::test]
async fn the_words_of_the_wire() {
    let service = Service::start();
    let engine = AuthzProxy::new(Settings { endpoint: format!("{}/", service.url), ..patient(&service) }).unwrap();
    let (bot, t1) = (Principal::service_account("bot"), || json!({ "type": "task", "selector": "t1" }));
    let agent = ResourceRef { kind: Kind::Agent, id: "a1".into() };
    let tenant = ResourceRef { kind: Kind::Tenant, id: "acme".into() };
    let registration =
        Registration { resource: task("t1"), owner: alice(), tenant: "acme".into(), parent: Some(agent.clone()) };
    engine.register(&registration).await.unwrap();
    let edges = [
        Relationship::held(task("t1"), Relation::Owner, &bot),
        Relationship::held(task("t1"), Relation::Editor, &bot),
        Relationship::held(task("t1"), Relation::Viewer, &Principal::agent(&Id::new("a2"))),
        Relationship::between(task("t1"), Relation::ParentAgent, &agent),
    ];
    engine.grant(&edges).await.unwrap();
    engine.revoke(&edges[..1]).await.unwrap();
    engine.deregister(&task("t1")).await.unwrap();
    let every =
        |kind, action: Action| Check { resource: ResourceRef { kind, id: EVERY.into() }, actions: action.into() };
    let making = [
        Check { resource: tenant, actions: Action::Create.into() },
        every(Kind::Task, Action::Create),
        Check { resource: task("t1"), actions: Action::Share.into() },
    ];
    let bound = engine.on_behalf(&Behalf { tenant: Id::new("acme"), claims: None }).unwrap();
    assert!(bound.asks_to_create);
    bound.engine.check(&alice(), &making, NOW).await.unwrap();
    bound.engine.lookup(&alice(), Kind::Task, Action::Read, Some(7), NOW).await.unwrap();
    engine.holders(&[task("t1")]).await.unwrap();
    let found: Vec<_> = service.calls().into_iter().map(|call| json!([call.word(), call.body])).collect();
    let (in_acme, bot) = (json!({ "user_id": "alice", "account_id": "acme" }), json!({ "service_account_id": "bot" }));
    let own = json!({ "service_account_id": "taskgate" });
    let all_agents = json!({ "type": "agent", "selector": "*" });
    let all_tasks = json!({ "type": "task", "selector": "*" });
    let a1 = json!({ "type": "agent", "selector": "a1" });
    let expected = [
        json!(["register", { "principal": in_acme, "resource": t1(), "parent": a1, "account_id": "acme" }]),
        json!(["grant", { "principal": bot, "resource": t1(), "operation": "create", "relation": "owner" }]),
        json!(["grant", { "principal": bot, "resource": t1(), "operation": "update", "relation": "editor" }]),
        json!(["grant", { "principal": { "agent_id": "a2" }, "resource": t1(), "operation": "read", "relation": "viewer" }]),
        json!(["grant", { "resource": t1(), "operation": "execute", "relation": "parent_agent", "subject": a1 }]),
        json!(["revoke", { "principal": bot, "resource": t1(), "operation": "delete", "relation": "owner" }]),
        json!(["deregister", { "principal": own, "resource": t1() }]),
        json!(["check", { "principal": in_acme, "resource": all_agents, "operation": "create", "account_id": "acme" }]),
        json!(["check", { "principal": in_acme, "resource": all_tasks, "operation": "create", "account_id": "acme" }]),
        json!(["check", { "principal": in_acme, "resource": t1(), "operation": "share" }]),
        json!(["search", { "principal": in_acme, "filter_resource": "task", "filter_operation": "read" }]),
        json!(["holders", { "principal": own, "resources": [t1()] }]),
    ];
    // Questions of one batch go out together.
    let sorted = |mut all: Vec<Value>| {
        all.sort_by_key(Value::to_string);
        all
    };
    assert_eq!(sorted(found), sorted(expected.to_vec()));
}

/// What the service said of a caller goes back to it as it was, and for that caller only.
#[tokio::test]
async fn claims_go_back_verbatim() {
    let service = Service::start();
    let engine = AuthzProxy::new(patient(&service)).unwrap();
    let said = json!({ "user_id": "alice", "account_id": "other", "scopes": [1.5, "x"], "nested": { "a": null } });
    let claims = Some(Claims::new(alice(), said.to_string()));
    let bound = engine.on_behalf(&Behalf { tenant: Id::new("acme"), claims }).unwrap().engine;
    let check = [Check { resource: task(1), actions: Action::Read.into() }];
    bound.check(&alice(), &check, NOW).await.unwrap();
    bound.check(&Principal::user("bob"), &check, NOW).await.unwrap();
    engine.check(&alice(), &check, NOW).await.unwrap();
    let told: Vec<_> = bodies(&service).into_iter().map(|body| body["principal"].clone()).collect();
    let (bob, bare) = (json!({ "user_id": "bob", "account_id": "acme" }), json!({ "user_id": "alice" }));
    assert_eq!(told, [said, bob, bare]);
}

/// Callers do not wait for each other's batches to end.
#[tokio::test]
async fn a_large_batch_leaves_room_for_others() {
    let service = Service::start();
    service.suffer("", Trouble::Slow(Duration::from_millis(30)));
    let engine = Arc::new(AuthzProxy::new(Settings { concurrency: 6, batch: 4, ..patient(&service) }).unwrap());
    let check = |id: usize| Check { resource: task(id), actions: Action::Read.into() };
    let large: Vec<_> = (0..120).map(check).collect();
    let alice = &alice();
    let large = engine.check(alice, &large, NOW);
    let small = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        engine.check(alice, &[check(500)], NOW).await
    };
    futures::pin_mut!(large, small);
    let first = futures::future::select(large, small).await;
    assert!(matches!(first, futures::future::Either::Right((Ok(_), _))), "the small one waited for the large one");
}
