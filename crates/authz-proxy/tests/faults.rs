//! A service in trouble: nobody is let in, and all is well again once it is.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail their test by panicking")]

use authz::{
    Action, Authorizer, Check, Consistency, EngineError, Extent, Kind, Lookup, Principal, Registration, Relation,
    Relationship, ResourceRef,
};
use authz_proxy::{AuthzProxy, Settings};
use authz_service::{Service, Trouble};
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

const NOW: &Consistency = &Consistency::FullyConsistent;
const DEADLINE: Duration = Duration::from_millis(400);

fn engine(service: &Service) -> AuthzProxy {
    AuthzProxy::new(Settings { timeout: DEADLINE, ..Settings::new(&service.url) }).unwrap()
}

fn owner() -> Principal {
    Principal::user("owner")
}

fn task() -> ResourceRef {
    ResourceRef { kind: Kind::Task, id: "task".into() }
}

fn registration() -> Registration {
    Registration { resource: task(), owner: owner(), tenant: "tenant".into(), parent: None }
}

async fn reads(engine: &AuthzProxy) -> Result<bool, EngineError> {
    let check = [Check { resource: task(), actions: Action::Read.into() }];
    let decisions = engine.check(&owner(), &check, NOW).await?;
    Ok(decisions.first().unwrap().allowed.contains(Action::Read))
}

/// What each call comes to: `yes`, `no`, what was found, or the class of the error.
async fn all(engine: &AuthzProxy) -> Vec<(&'static str, String)> {
    let (edge, told) = ([Relationship::held(task(), Relation::Viewer, &Principal::user("viewer"))], [task()]);
    let word = |outcome: Result<String, EngineError>| outcome.unwrap_or_else(|error| error.class().to_owned());
    let done = |outcome: Result<_, EngineError>| word(outcome.map(|_| "done".to_owned()));
    let found = engine.lookup(&owner(), Kind::Task, Action::Read, None, NOW).await.map(|found| match found {
        Lookup::Within(Extent::Everything) => "EVERYTHING".to_owned(),
        Lookup::Within(Extent::Ids(ids)) => ids.len().to_string(),
        Lookup::Within(_) | Lookup::Among(_) | Lookup::TooMany => "?".to_owned(),
    });
    vec![
        ("check", word(reads(engine).await.map(|yes| if yes { "yes" } else { "no" }.to_owned()))),
        ("search", word(found)),
        ("grant", done(engine.grant(&edge).await)),
        ("revoke", done(engine.revoke(&edge).await)),
        ("register", done(engine.register(&registration()).await)),
        ("holders", word(engine.holders(&told).await.map(|holders| format!("{}", holders.len())))),
        ("deregister", done(engine.deregister(&ResourceRef { kind: Kind::Task, id: "other".into() }).await)),
    ]
}

fn healthy() -> Vec<(&'static str, String)> {
    [("check", "yes"), ("search", "1"), ("grant", "done"), ("revoke", "done"), ("register", "done"), ("holders", "1")]
        .into_iter()
        .chain([("deregister", "done")])
        .map(|(call, outcome)| (call, outcome.to_owned()))
        .collect()
}

#[tokio::test]
async fn trouble_is_never_an_answer_and_passes() {
    let service = Service::start();
    let engine = engine(&service);
    engine.register(&registration()).await.unwrap();
    assert_eq!(all(&engine).await, healthy());
    let elsewhere = Service::start();
    let says = |status, body: &str| Trouble::Says(status, body.to_owned());
    let yes = r#"{"allowed": true, "unscoped": true, "success": true}"#;
    let troubles = [
        (says(503, yes), "Unavailable"),
        (says(500, yes), "Unavailable"),
        (says(502, "<html>bad gateway</html>"), "Unavailable"),
        (says(429, yes), "Unavailable"),
        (says(504, yes), "Timeout"),
        (Trouble::Silent, "Timeout"),
        (Trouble::Slow(DEADLINE * 3), "Timeout"),
        (Trouble::Stalls(yes.to_owned()), "Timeout"),
        (Trouble::HalfAnswered(yes.to_owned()), "Unavailable"),
        (Trouble::HalfAnswered(r#"{"allowed": tr"#.to_owned()), "Unavailable"),
        (Trouble::LeadsTo(format!("{}/v1/authz/check", elsewhere.url)), "Malformed"),
        (says(201, yes), "Malformed"),
        (says(202, yes), "Malformed"),
        (says(400, yes), "Malformed"),
        (says(401, yes), "Malformed"),
        (says(422, yes), "Malformed"),
        (says(200, ""), "Malformed"),
        (says(200, "OK"), "Malformed"),
        (says(200, r#"{"allowed": true"#), "Malformed"),
        (says(200, "<html>log in first</html>"), "Malformed"),
        (says(200, "\u{0}\u{1}\u{2}"), "Malformed"),
    ];
    for (trouble, class) in troubles {
        service.suffer("", trouble.clone());
        for (call, outcome) in all(&engine).await {
            assert_eq!(outcome, class, "{call} met {trouble:?}");
        }
        service.recover();
        assert_eq!(all(&engine).await, healthy(), "after {trouble:?}");
    }
    assert!(elsewhere.calls().is_empty(), "a question was led elsewhere");
}

/// What only one call can get wrong.
#[tokio::test]
async fn an_answer_to_something_else_is_none() {
    let service = Service::start();
    let engine = engine(&service);
    engine.register(&registration()).await.unwrap();
    for (path, status, body, outcome) in [
        ("check", 403, r#"{"allowed": true}"#, "no"),
        ("check", 403, "", "no"),
        ("check", 200, r#"{"allowed": false}"#, "no"),
        ("check", 200, "null", "Malformed"),
        ("check", 200, "{}", "Malformed"),
        ("check", 200, r#"{"items": ["task"], "unscoped": true}"#, "Malformed"),
        ("check", 404, "", "Malformed"),
        ("search", 200, r#"{"items": null}"#, "Malformed"),
        ("search", 200, r#"{"items": ["task", 7]}"#, "Malformed"),
        ("search", 200, r#"{"items": "task"}"#, "Malformed"),
        ("search", 200, r#"{"unscoped": "true"}"#, "Malformed"),
        ("search", 200, r#"{"allowed": true}"#, "Malformed"),
        ("search", 200, "[]", "Malformed"),
        ("search", 403, r#"{"items": ["task"]}"#, "Malformed"),
        ("grant", 200, r#"{"success": false}"#, "Malformed"),
        ("grant", 403, "{}", "Malformed"),
        ("register", 404, "{}", "Malformed"),
        ("register", 204, "", "Malformed"),
        ("deregister", 404, "{}", "Malformed"),
        ("holders", 200, r#"{"holders": []}"#, "Malformed"),
        ("holders", 404, "", "Unavailable"),
    ] {
        service.suffer(&format!("/{path}"), Trouble::Says(status, body.to_owned()));
        for ((call, found), (_, well)) in all(&engine).await.into_iter().zip(healthy()) {
            assert_eq!(found, if call == path { outcome.to_owned() } else { well }, "{call}: {status} {body}");
        }
    }
}

#[tokio::test]
async fn a_service_that_is_away_is_an_error_until_it_is_back() {
    let mut service = Service::start();
    let engine = engine(&service);
    engine.register(&registration()).await.unwrap();
    for _ in 0..3 {
        service.stop().await;
        for (call, outcome) in all(&engine).await {
            assert_eq!(outcome, "Unavailable", "{call}");
        }
        service.come_back().await;
        assert_eq!(all(&engine).await, healthy());
    }
}

/// It lets itself be connected to, and that is all.
#[tokio::test]
async fn a_service_that_does_not_listen_is_not_waited_for() {
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = Settings { timeout: DEADLINE, ..Settings::new(format!("http://{}", deaf.local_addr().unwrap())) };
    let engine = AuthzProxy::new(settings).unwrap();
    let asked = Instant::now();
    assert_eq!(reads(&engine).await.unwrap_err().class(), "Timeout");
    assert!(asked.elapsed() < DEADLINE * 4, "{:?}", asked.elapsed());
}

/// One question that fails fails the batch: nobody is told a part as if it were all.
#[tokio::test]
async fn a_batch_is_answered_whole_or_not_at_all() {
    let service = Service::start();
    let engine = engine(&service);
    engine.register(&registration()).await.unwrap();
    let actions = Action::Read | Action::Execute;
    let checks: Vec<_> = (0..40)
        .map(|n| ResourceRef { kind: Kind::Task, id: if n == 20 { "task".into() } else { format!("t{n}").into() } })
        .map(|resource| Check { resource, actions })
        .collect();
    let decisions = engine.check(&owner(), &checks, NOW).await.unwrap();
    let allowed: Vec<_> = decisions.iter().map(|decision| decision.allowed.len()).collect();
    assert_eq!((allowed.len(), allowed.iter().sum::<usize>(), allowed.get(20).copied()), (40, 2, Some(2)));
    service.suffer("check", Trouble::Says(503, String::new()));
    assert!(engine.check(&owner(), &checks, NOW).await.is_err());
}
