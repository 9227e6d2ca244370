//! A second engine is compared and counted, and neither decides nor delays.

use crate::engines::{Engine, READ, Stage, Trouble, eventually, reads, registration, task, viewer};
use authz::{Action, Authorizer, Check, EngineError, Extent, Kind, Lookup, Principal};
use authz_router::{Outcome, Settings};
use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Tasks in the shadow of `b`, with one that Ann sees in both.
async fn stage() -> (Stage, Arc<dyn Authorizer>) {
    let stage = Stage::new(&[("all", "a/b")]);
    let acme = stage.of("acme");
    acme.register(&registration("acme", "t")).await.unwrap();
    acme.grant(&[viewer(&task("t"), "ann")]).await.unwrap();
    (stage, acme)
}

async fn listed(engine: &dyn Authorizer, who: &str) -> BTreeSet<Arc<str>> {
    let found = engine.lookup(&Principal::user(who), Kind::Task, Action::Read, None, READ).await.unwrap();
    match found {
        Lookup::Within(Extent::Ids(ids)) => (*ids).clone(),
        Lookup::Within(_) | Lookup::Among(_) | Lookup::TooMany => BTreeSet::new(),
    }
}

#[tokio::test]
async fn agreement_is_counted_by_kind_and_action() {
    let (stage, acme) = stage().await;
    assert!(reads(&*acme, "ann", "t").await.unwrap() && !reads(&*acme, "bob", "t").await.unwrap());
    assert_eq!(listed(&*acme, "ann").await.len(), 1);
    let agreed = || stage.counts.compared(Kind::Task, Action::Read, Outcome::Agreed);
    eventually("two checks and a list agree", || agreed() == 3).await;
    let [a, b, failed] = [Outcome::FirstAllows, Outcome::SecondAllows, Outcome::SecondFailed];
    assert_eq!([a, b, failed].map(|outcome| stage.counts.all(outcome)), [0; 3]);
}

#[tokio::test]
async fn a_disagreement_is_counted_by_direction_and_the_first_is_believed() {
    let (stage, acme) = stage().await;
    stage.b.graph.revoke(&[viewer(&task("t"), "ann")]).await.unwrap();
    stage.b.graph.grant(&[viewer(&task("t"), "eve")]).await.unwrap();
    assert!(reads(&*acme, "ann", "t").await.unwrap(), "the first allows");
    assert!(!reads(&*acme, "eve", "t").await.unwrap(), "the first denies");
    let count = |outcome| stage.counts.compared(Kind::Task, Action::Read, outcome);
    eventually("both are counted", || {
        (count(Outcome::FirstAllows), count(Outcome::SecondAllows), count(Outcome::Agreed)) == (1, 1, 0)
    })
    .await;
    assert_eq!(listed(&*acme, "ann").await.len(), 1);
    assert!(listed(&*acme, "eve").await.is_empty());
    eventually("lists are, too", || (count(Outcome::FirstAllows), count(Outcome::SecondAllows)) == (2, 2)).await;
}

/// What was written between the two questions is no disagreement.
#[tokio::test]
async fn a_disagreement_that_passes_is_none() {
    let (stage, acme) = stage().await;
    let decisions = stage.a.graph.check(&Principal::user("eve"), &[], READ).await.unwrap();
    assert!(decisions.is_empty());
    // The first answers from a moment that is over when it is asked again.
    stage.b.graph.grant(&[viewer(&task("t"), "eve")]).await.unwrap();
    stage.b.is(Trouble::None);
    assert!(!reads(&*acme, "eve", "t").await.unwrap());
    // On a runtime of one thread nothing has been compared yet.
    stage.a.graph.grant(&[viewer(&task("t"), "eve")]).await.unwrap();
    eventually("it is asked again and agrees", || stage.counts.all(Outcome::Agreed) == 1).await;
    assert_eq!(stage.counts.all(Outcome::SecondAllows), 0);
}

#[tokio::test]
async fn a_shadow_in_trouble_neither_decides_nor_delays() {
    let (stage, acme) = stage().await;
    for (trouble, outcome) in [
        (Trouble::Hangs, Outcome::SecondFailed),
        (Trouble::Fails, Outcome::SecondFailed),
        (Trouble::IsShort, Outcome::SecondFailed),
        (Trouble::Denies, Outcome::FirstAllows),
    ] {
        stage.b.is(trouble);
        let (asked, before) = (Instant::now(), stage.counts.all(outcome));
        assert!(reads(&*acme, "ann", "t").await.unwrap(), "{trouble:?}");
        assert!(!reads(&*acme, "eve", "t").await.unwrap(), "{trouble:?}");
        assert_eq!(listed(&*acme, "ann").await.len(), 1, "{trouble:?}");
        assert!(asked.elapsed() < Duration::from_millis(100), "{trouble:?}: nobody waits for a shadow");
        eventually("it is counted", || stage.counts.all(outcome) > before).await;
    }
}

#[tokio::test]
async fn more_comparisons_than_may_be_under_way_are_dropped_and_counted() {
    let stage = Stage::with(&[("task", "a/b")], Settings { timeout: Duration::from_millis(300), abreast: 3 });
    stage.b.is(Trouble::Hangs);
    let acme = stage.of("acme");
    for _ in 0..10 {
        assert!(!reads(&*acme, "ann", "t").await.unwrap());
    }
    assert_eq!(stage.counts.other("overload"), 7);
    eventually("those under way end", || stage.counts.all(Outcome::SecondFailed) == 3).await;
    assert_eq!(stage.b.asked.load(Ordering::Relaxed), 3);
    stage.b.is(Trouble::None);
    assert!(!reads(&*acme, "ann", "t").await.unwrap());
    eventually("there is room again", || stage.counts.all(Outcome::Agreed) == 1).await;
}

#[tokio::test]
async fn lists_that_cannot_be_compared_are_sampled() {
    let (stage, _) = stage().await;
    let graph = stage.a.graph.clone();
    let engines = [("graph", Arc::new(graph) as Arc<dyn Authorizer>), ("b", Arc::clone(&stage.b) as _)];
    let engines = engines.map(|(name, engine)| (crate::engines::name(name), engine)).into();
    let (default, counts) = (crate::engines::name("graph"), Arc::clone(&stage.counts));
    let router = authz_router::Router::new(default, engines, Settings::default(), counts);
    let to =
        authz_router::Destination { engine: crate::engines::name("graph"), shadow: Some(crate::engines::name("b")) };
    let route = authz_router::Route {
        kind: Kind::Task,
        account: None,
        to,
        at: chrono::Utc::now(),
        by: String::new(),
        reason: String::new(),
    };
    router.replace(vec![route]);
    // The graph says where to look; the second names what is there.
    stage.b.graph.grant(&[viewer(&task("odd"), "ann")]).await.unwrap();
    let found = router.lookup(&Principal::user("ann"), Kind::Task, Action::Read, None, READ).await.unwrap();
    assert!(matches!(found, Lookup::Within(Extent::Where(_))));
    let count = |outcome| stage.counts.compared(Kind::Task, Action::Read, outcome);
    eventually("each is asked about", || (count(Outcome::Agreed), count(Outcome::SecondAllows)) == (1, 1)).await;
    router.lookup(&Principal::user("bob"), Kind::Task, Action::Read, None, READ).await.unwrap();
    eventually("nothing is named", || stage.counts.other("unnamed") == 1).await;
}

#[tokio::test]
async fn a_shadow_that_is_not_there_fails_and_lets_the_first_answer() {
    let stage = Stage::new(&[("all", "a/zed")]);
    let acme = stage.of("acme");
    acme.register(&registration("acme", "t")).await.unwrap();
    assert!(reads(&*acme, "owner", "t").await.unwrap());
    assert_eq!(stage.counts.all(Outcome::SecondFailed), 1);
    assert_eq!(stage.counts.other("register missed"), 1);
    assert_eq!(stage.counts.other("unroutable"), 0);
}

#[tokio::test]
async fn mixed_batches_are_put_together_in_order() {
    let stage = Stage::new(&[("task", "b"), ("agent", "c")]);
    let acme = stage.of("acme");
    let resource = |kind, n: usize| authz::ResourceRef { kind, id: format!("{n}").into() };
    let kinds = [Kind::Task, Kind::Agent, Kind::ApiKey, Kind::Task, Kind::Agent, Kind::Task];
    let checks: Vec<_> = (0..60)
        .map(|n| Check { resource: resource(kinds[n % kinds.len()], n), actions: Action::Read.into() })
        .collect();
    let seen: Vec<_> = checks.iter().step_by(7).map(|check| viewer(&check.resource, "ann")).collect();
    acme.grant(&seen).await.unwrap();
    let decisions = acme.check(&Principal::user("ann"), &checks, READ).await.unwrap();
    for (n, decision) in decisions.iter().enumerate() {
        let expected = n % 7 == 0 && kinds[n % kinds.len()] != Kind::ApiKey;
        assert_eq!(decision.allowed.contains(Action::Read), expected, "{n}");
    }
    let holders = acme.holders(&checks.iter().map(|check| check.resource.clone()).collect::<Vec<_>>()).await.unwrap();
    let held: Vec<_> = holders.iter().map(|holders| !holders.is_empty()).collect();
    assert_eq!(held, (0..60).map(|n| n % 7 == 0).collect::<Vec<_>>());
    let asked = |engine: &Engine| engine.asked.swap(0, Ordering::Relaxed);
    for engine in [&stage.a, &stage.b, &stage.c] {
        asked(engine);
    }
    acme.check(&Principal::user("ann"), &checks, READ).await.unwrap();
    assert_eq!([&stage.a, &stage.b, &stage.c].map(|engine| asked(engine)), [1; 3], "one call each");
    for engine in [&stage.a, &stage.b, &stage.c] {
        for trouble in [Trouble::Fails, Trouble::IsShort] {
            engine.is(trouble);
            let answer = acme.check(&Principal::user("ann"), &checks, READ).await;
            let unavailable = matches!(answer, Err(EngineError::Unavailable(_) | EngineError::Malformed(_)));
            assert!(unavailable, "{trouble:?}: no half answers");
        }
        engine.is(Trouble::None);
    }
}
