//! Who is told of what is written.

use crate::engines::{Engine, KINDS, Stage, Trouble, all, reads, registration, task, viewer};
use authz::{Authorizer, Consistency, Kind, Principal, Relation, Relationship, ResourceRef};
use authz_router::Settings;
use std::time::{Duration, Instant};

async fn knows(engine: &Engine, id: &str) -> bool {
    all(&engine.graph, Kind::Task).await.iter().any(|known| **known == *id)
}

/// Which of the three engines know of a task.
async fn known(stage: &Stage, id: &str) -> [bool; 3] {
    [knows(&stage.a, id).await, knows(&stage.b, id).await, knows(&stage.c, id).await]
}

#[tokio::test]
async fn a_registration_goes_by_the_account_it_names() {
    let stage = Stage::new(&[("task of acme", "b/c"), ("task of zeta", "c")]);
    for (account, expected) in [("acme", [true; 3]), ("zeta", [true, false, true]), ("other", [true, false, false])] {
        stage.router.register(&registration(account, account)).await.unwrap();
        assert_eq!(known(&stage, account).await, expected, "{account}");
    }
    for engine in [&stage.b, &stage.c] {
        engine.is(Trouble::Fails);
    }
    stage.router.register(&registration("other", "o2")).await.unwrap();
    assert!(stage.router.register(&registration("acme", "a2")).await.is_err(), "where it would be asked about");
    stage.b.is(Trouble::None);
    stage.router.register(&registration("acme", "a3")).await.unwrap();
    assert_eq!(known(&stage, "a3").await, [true, true, false], "the shadow has missed it");
    assert_eq!(stage.counts.other("register missed"), 1);
    stage.a.is(Trouble::Fails);
    stage.router.register(&registration("acme", "a4")).await.unwrap();
    assert_eq!(known(&stage, "a4").await, [false, true, false], "the default engine is told in passing");
}

/// An engine that answers for tasks must hear of what was said of their agent and tenant.
#[tokio::test]
async fn an_engine_is_told_of_all_that_its_answers_depend_on() {
    let stage = Stage::new(&[("task of acme", "b")]);
    let acme = stage.of("acme");
    let edges = KINDS.map(|kind| viewer(&ResourceRef { kind, id: "acme".into() }, "ann"));
    for engine in [&stage.b] {
        for edge in &edges {
            let must = edge.resource.kind != Kind::ApiKey;
            engine.is(Trouble::Fails);
            assert_eq!(acme.grant(std::slice::from_ref(edge)).await.is_err(), must, "{edge:?}");
            engine.is(Trouble::None);
            acme.grant(std::slice::from_ref(edge)).await.unwrap();
            assert!(!all(&engine.graph, edge.resource.kind).await.is_empty());
        }
    }
    // By nobody in particular, a tenant is still that account's.
    stage.b.is(Trouble::Fails);
    assert!(stage.router.grant(&edges[..1]).await.is_err());
    let other = Relationship::held(
        ResourceRef { kind: Kind::Tenant, id: "other".into() },
        Relation::Member,
        &Principal::user("bob"),
    );
    stage.router.grant(&[other]).await.unwrap();
}

/// A guest is answered by the engine of their own account.
#[tokio::test]
async fn what_is_shared_is_told_to_engines_of_other_accounts() {
    let stage = Stage::new(&[("task of acme", "b")]);
    let (acme, other) = (stage.of("acme"), stage.of("other"));
    stage.router.register(&registration("acme", "t")).await.unwrap();
    acme.grant(&[viewer(&task("t"), "guest")]).await.unwrap();
    assert!(reads(&*other, "guest", "t").await.unwrap());
    stage.a.is(Trouble::Fails);
    assert!(acme.revoke(&[viewer(&task("t"), "guest")]).await.is_err(), "it could still let the guest in");
    stage.a.is(Trouble::None);
    acme.revoke(&[viewer(&task("t"), "guest")]).await.unwrap();
    for view in [&acme, &other] {
        assert!(!reads(&**view, "guest", "t").await.unwrap());
    }
}

#[tokio::test]
async fn what_is_gone_is_forgotten_by_every_engine_in_use() {
    let stage = Stage::new(&[("task of acme", "b/c")]);
    let fill = async || {
        for engine in [&stage.a, &stage.b, &stage.c] {
            engine.graph.register(&registration("acme", "t")).await.unwrap();
        }
    };
    fill().await;
    stage.router.deregister(&task("t")).await.unwrap();
    assert_eq!(known(&stage, "t").await, [false; 3]);
    for engine in [&stage.a, &stage.b, &stage.c] {
        fill().await;
        engine.is(Trouble::Fails);
        let error = stage.router.deregister(&task("t")).await.unwrap_err();
        assert!(error.is_transient(), "it is tried again: {error}");
        engine.is(Trouble::None);
        stage.router.deregister(&task("t")).await.unwrap();
        assert_eq!(known(&stage, "t").await, [false; 3]);
    }
}

#[tokio::test]
async fn a_hanging_shadow_delays_one_write_and_no_more() {
    let stage = Stage::with(&[("all", "a/b")], Settings { timeout: Duration::from_millis(200), abreast: 8 });
    stage.b.is(Trouble::Hangs);
    let begun = Instant::now();
    for n in 0..20 {
        stage.router.register(&registration("acme", &format!("t{n}"))).await.unwrap();
    }
    stage.of("acme").revoke(&[viewer(&task("t1"), "ann")]).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(600), "{:?}", begun.elapsed());
    assert_eq!(stage.counts.other("register missed"), 20);
}

/// Nothing falls back to another engine.
#[tokio::test]
async fn an_engine_that_is_not_there_lets_nobody_in() {
    let stage = Stage::new(&[]);
    stage.router.register(&registration("acme", "t")).await.unwrap();
    assert!(reads(&*stage.of("acme"), "owner", "t").await.unwrap());
    stage.route(&[("task of acme", "zed")]);
    let (acme, other) = (stage.of("acme"), stage.of("other"));
    assert!(reads(&*acme, "owner", "t").await.is_err_and(|error| error.is_transient()));
    assert!(
        acme.lookup(&Principal::user("owner"), Kind::Task, authz::Action::Read, None, crate::engines::READ)
            .await
            .is_err()
    );
    assert!(acme.register(&registration("acme", "t2")).await.is_err());
    assert!(acme.holders(&[task("t")]).await.is_err());
    assert!(stage.router.deregister(&task("t")).await.is_err());
    assert!(reads(&*other, "owner", "t").await.is_ok(), "other accounts are answered");
    assert!(stage.counts.other("unroutable") >= 5);
    let in_use = stage.router.in_use();
    let in_use: Vec<_> = in_use.iter().map(|one| (one.name.as_str(), one.answers, one.engine.is_some())).collect();
    assert_eq!(in_use, [("a", true, true), ("zed", true, false)]);
}

#[tokio::test]
async fn routes_change_under_those_who_ask() {
    let stage = Stage::new(&[]);
    stage.b.graph.register(&registration("acme", "t")).await.unwrap();
    assert!(!reads(&*stage.of("acme"), "owner", "t").await.unwrap());
    let early = stage.of("acme");
    stage.route(&[("task of acme", "b/a")]);
    assert!(reads(&*stage.of("acme"), "owner", "t").await.unwrap());
    assert!(!reads(&*early, "owner", "t").await.unwrap(), "one request has one view");
}

#[tokio::test]
async fn a_token_is_given_to_the_engine_that_gave_it() {
    let stage = Stage::new(&[("task of acme", "b")]);
    let token = stage.router.register(&registration("acme", "t")).await.unwrap().unwrap();
    let fresh = Consistency::AtLeastAsFresh(token);
    let check = [authz::Check { resource: task("t"), actions: authz::Action::Read.into() }];
    for (account, engine, asked) in [
        ("acme", &stage.b, Consistency::AtLeastAsFresh(authz::ConsistencyToken::new("written"))),
        ("other", &stage.a, Consistency::FullyConsistent),
    ] {
        stage.of(account).check(&Principal::user("owner"), &check, &fresh).await.unwrap();
        assert_eq!(*engine.consistency.lock().unwrap(), Some(asked), "{account}");
    }
}

#[tokio::test]
async fn the_holders_of_nobodys_account_are_those_of_all() {
    let stage = Stage::new(&[("task of acme", "b")]);
    stage.a.graph.grant(&[viewer(&task("t"), "ann"), viewer(&task("t"), "bob")]).await.unwrap();
    stage.b.graph.grant(&[viewer(&task("t"), "bob"), viewer(&task("u"), "eve")]).await.unwrap();
    let holders = stage.router.holders(&[task("t"), task("u"), task("v")]).await.unwrap();
    let names: Vec<Vec<_>> =
        holders.iter().map(|of| of.iter().map(|holder| holder.principal.id().to_owned()).collect()).collect();
    assert_eq!(names, [vec!["ann", "bob"], vec!["eve"], vec![]]);
}
