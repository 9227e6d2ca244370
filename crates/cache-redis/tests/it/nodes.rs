//! Several nodes: what one writes, the others let go of before the write returns.

use crate::{
    common::{Counted, LEASE, held, reads, redis, shared, somebody, task, until, viewer},
    keeping::Held,
    server::Cuttable,
};
use authz::{Authorizer, Kind, Registration, Relation, Relationship, ResourceRef};
use authz_graph::MemoryGraph;
use cache_redis::{DecisionCache, Redis};
use conformance::fresh;
use futures::future::join_all;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Two nodes on one engine, each with its count.
async fn two(redis: &Redis) -> [(DecisionCache, Counted); 2] {
    let graph = MemoryGraph::new();
    let node = || {
        let engine = Counted::new(graph.clone());
        (shared(Arc::new(engine.clone()), redis), engine)
    };
    let nodes = [node(), node()];
    for (cache, _) in &nodes {
        held(cache).await;
    }
    nodes
}

/// The port that the tests' Redis listens on.
fn port(redis: &Redis) -> u16 {
    let url = secrecy::ExposeSecret::expose_secret(redis.urls.first().unwrap()).to_owned();
    url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_one_node_learns_the_other_need_not_ask() {
    let [(one, asked), (other, not_asked)] = two(&redis()).await;
    let who = somebody();
    // It is shared a moment after it was answered.
    until("a shared decision", async || {
        let task = task();
        one.grant(&viewer(&task, &who)).await.unwrap();
        let before = (asked.calls(), not_asked.calls());
        assert!(reads(&one, &who, &task).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(reads(&other, &who, &task).await);
        (asked.calls(), not_asked.calls()) == (before.0 + 1, before.1)
    })
    .await;
}

#[tokio::test]
async fn a_revoked_role_is_never_read_on_another_node() {
    let [(one, _), (other, _)] = two(&redis()).await;
    let (one, other) = (&one, &other);
    join_all((0..8).map(|_| async move {
        let (who, task) = (somebody(), task());
        for _ in 0..25 {
            one.grant(&viewer(&task, &who)).await.unwrap();
            assert!(reads(other, &who, &task).await && reads(one, &who, &task).await);
            one.revoke(&viewer(&task, &who)).await.unwrap();
            assert!(!reads(other, &who, &task).await);
            assert!(!reads(one, &who, &task).await);
        }
    }))
    .await;
}

#[tokio::test]
async fn whatever_takes_something_away_is_seen_on_another_node() {
    let [(one, _), (other, _)] = two(&redis()).await;
    let owner = somebody();
    let tenant = ResourceRef { kind: Kind::Tenant, id: fresh("tenant").into() };
    let member = [Relationship::held(tenant.clone(), Relation::Member, &owner)];
    one.grant(&member).await.unwrap();
    let task = task();
    let registration =
        Registration { resource: task.clone(), owner: owner.clone(), tenant: tenant.id.clone(), parent: None };
    one.register(&registration).await.unwrap();
    let shares = async |cache: &DecisionCache| {
        let check = [authz::Check { resource: task.clone(), actions: authz::Action::Share.into() }];
        let decisions = cache.check(&owner, &check, crate::common::READ).await.unwrap();
        decisions.iter().all(|decision| !decision.allowed.is_empty())
    };
    assert!(shares(&other).await);
    one.revoke(&member).await.unwrap();
    assert!(!shares(&other).await, "they have left the tenant");
    one.grant(&member).await.unwrap();
    assert!(shares(&other).await);
    one.deregister(&tenant).await.unwrap();
    assert!(!shares(&other).await, "the tenant is gone");
    assert!(reads(&other, &owner, &task).await);
    one.deregister(&task).await.unwrap();
    assert!(!reads(&other, &owner, &task).await);
}

#[tokio::test]
async fn an_answer_on_its_way_at_another_node_is_not_kept_either() {
    let (graph, redis) = (MemoryGraph::new(), redis());
    let slow = Arc::new(Held::new(graph.clone()));
    let (one, other) = (shared(Arc::new(graph), &redis), Arc::new(shared(slow.clone(), &redis)));
    held(&one).await;
    held(&other).await;
    let (who, task) = (somebody(), task());
    one.grant(&viewer(&task, &who)).await.unwrap();
    let asked = {
        let (other, who, task) = (Arc::clone(&other), who.clone(), task.clone());
        tokio::spawn(async move { reads(&*other, &who, &task).await })
    };
    slow.known.acquire().await.unwrap().forget();
    one.revoke(&viewer(&task, &who)).await.unwrap();
    slow.let_go.add_permits(2);
    assert!(asked.await.unwrap(), "it was asked before");
    assert!(!reads(&*other, &who, &task).await);
    // Nor has it been shared.
    assert!(!reads(&one, &who, &task).await);
}

/// Somebody who holds a lease and never says a word.
#[tokio::test]
async fn a_node_that_never_answers_delays_a_writer_by_its_lease() {
    let redis = redis();
    let one = shared(Arc::new(MemoryGraph::new()), &redis);
    held(&one).await;
    let (who, task) = (somebody(), task());
    let revoke = async || {
        let began = Instant::now();
        one.revoke(&viewer(&task, &who)).await.unwrap();
        began.elapsed()
    };
    // Without others nobody is waited for, once it is sure that there are none.
    until("a quick write", async || revoke().await < LEASE / 4).await;
    let client = redis::Client::open(secrecy::ExposeSecret::expose_secret(redis.urls.first().unwrap())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
    let until = seconds * 1_000 + micros / 1_000 + u64::try_from(LEASE.as_millis()).unwrap();
    let leases = format!("{}:{{nodes}}:leases", redis.prefix);
    redis::cmd("ZADD").arg(leases).arg(until).arg("silent").query_async::<()>(&mut connection).await.unwrap();
    let took = revoke().await;
    assert!(took > LEASE / 2 && took < LEASE * 2, "{took:?}");
    assert!(revoke().await < LEASE / 2);
}

/// It neither hears of the eviction nor knows that it does not: its own clock tells it not to trust what it keeps.
#[tokio::test]
async fn a_node_that_is_cut_off_stops_trusting_what_it_keeps_before_the_writer_returns() {
    let redis = redis();
    let wire = Cuttable::to(port(&redis)).await;
    let graph = MemoryGraph::new();
    let engine = Counted::new(graph.clone());
    let one = shared(Arc::new(graph), &redis);
    let other = shared(Arc::new(engine.clone()), &Redis { urls: vec![wire.url.clone().into()], ..redis.clone() });
    held(&one).await;
    held(&other).await;
    let (who, task) = (somebody(), task());
    one.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&other, &who, &task).await);
    wire.cut();
    let before = engine.calls();
    assert!(reads(&other, &who, &task).await);
    assert_eq!(engine.calls(), before, "its lease has just been renewed");
    let began = Instant::now();
    one.revoke(&viewer(&task, &who)).await.unwrap();
    let took = began.elapsed();
    assert!(!reads(&other, &who, &task).await);
    assert!(took < LEASE * 2, "{took:?}");
    // Mended, it takes part again.
    wire.mend();
    held(&other).await;
    until("a quick write", async || {
        let began = Instant::now();
        one.grant(&viewer(&task, &who)).await.unwrap();
        assert!(reads(&other, &who, &task).await);
        one.revoke(&viewer(&task, &who)).await.unwrap();
        assert!(!reads(&other, &who, &task).await);
        began.elapsed() < LEASE / 4
    })
    .await;
}

/// The one renews its lease after everything has changed, and has not heard of that. What its engine still says from
/// before is not shared with those who have.
#[tokio::test]
async fn who_has_not_heard_that_everything_changed_shares_nothing_with_those_who_have() {
    let redis = redis();
    let wire = Cuttable::to_who_says(port(&redis), "XREAD").await;
    let (graph, before) = (MemoryGraph::new(), MemoryGraph::new());
    let owner = somebody();
    let tenant = ResourceRef { kind: Kind::Tenant, id: fresh("tenant").into() };
    let task = task();
    let registration =
        Registration { resource: task.clone(), owner: owner.clone(), tenant: tenant.id.clone(), parent: None };
    for graph in [&graph, &before] {
        graph.grant(&[Relationship::held(tenant.clone(), Relation::Member, &owner)]).await.unwrap();
        graph.register(&registration).await.unwrap();
    }
    let one = Arc::new(shared(Arc::new(graph), &redis));
    let other = shared(Arc::new(before), &Redis { urls: vec![wire.url.clone().into()], ..redis.clone() });
    held(&one).await;
    held(&other).await;
    let shares = async |cache: &DecisionCache| {
        let check = [authz::Check { resource: task.clone(), actions: authz::Action::Share.into() }];
        let decisions = cache.check(&owner, &check, crate::common::READ).await.unwrap();
        decisions.iter().all(|decision| !decision.allowed.is_empty())
    };
    wire.cut();
    let ended = {
        let (one, tenant) = (Arc::clone(&one), tenant.clone());
        tokio::spawn(async move { one.deregister(&tenant).await.unwrap() })
    };
    tokio::time::sleep(LEASE * 4 / 10).await;
    assert!(shares(&other).await, "it has its lease, and its engine answers from before");
    tokio::time::sleep(LEASE / 10).await;
    wire.mend();
    ended.await.unwrap();
    for _ in 0..10 {
        assert!(!shares(&one).await);
        tokio::time::sleep(LEASE / 10).await;
    }
}

#[tokio::test]
async fn a_node_that_leaves_is_not_waited_for() {
    let [(one, _), (other, _)] = two(&redis()).await;
    let (who, task) = (somebody(), task());
    other.close().await;
    drop(other);
    // The server is new to these nodes, so the first writes wait until no unknown lease can run.
    tokio::time::sleep(LEASE).await;
    let began = Instant::now();
    one.revoke(&viewer(&task, &who)).await.unwrap();
    assert!(began.elapsed() < LEASE / 4, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_keep_others_from_hearing() {
    let [(one, _), (other, _)] = two(&redis()).await;
    let (who, task) = (somebody(), task());
    one.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&other, &who, &task).await);
    let edge = viewer(&task, &who);
    // Polled once: it has begun, and nobody waits for it.
    assert!(futures::FutureExt::now_or_never(one.revoke(&edge)).is_none());
    until("the eviction", async || !reads(&other, &who, &task).await).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!reads(&other, &who, &task).await);
}
