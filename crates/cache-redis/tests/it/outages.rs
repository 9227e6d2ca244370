//! Redis goes away and comes back: slower, not wrong.

use crate::{
    common::{Counted, LEASE, held, reads, redis_at, shared, somebody, task, until, viewer},
    server::{Fuse, RedisServer},
};
use authz::{Authorizer, ConsistencyToken, Principal, ResourceRef};
use authz_graph::MemoryGraph;
use cache_redis::{DecisionCache, Redis};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

struct Deployment {
    server: RedisServer,
    one: DecisionCache,
    other: DecisionCache,
    engine: Counted,
}

async fn deployment() -> Deployment {
    let server = RedisServer::start(&[]).await;
    let (graph, redis) = (MemoryGraph::new(), redis_at(&server.url()));
    let engine = Counted::new(graph.clone());
    let (one, other) = (shared(Arc::new(graph), &redis), shared(Arc::new(engine.clone()), &redis));
    held(&one).await;
    held(&other).await;
    Deployment { server, one, other, engine }
}

impl Deployment {
    /// Gives, reads, takes away, reads: on both nodes.
    async fn is_right(&self) {
        let (who, task) = (somebody(), task());
        self.one.grant(&viewer(&task, &who)).await.unwrap();
        assert!(reads(&self.other, &who, &task).await && reads(&self.one, &who, &task).await);
        assert!(reads(&self.other, &who, &task).await);
        self.one.revoke(&viewer(&task, &who)).await.unwrap();
        assert!(!reads(&self.other, &who, &task).await);
        assert!(!reads(&self.one, &who, &task).await);
    }

    /// Whether the other node answers from what it keeps.
    async fn keeps(&self) -> bool {
        let (who, task) = (somebody(), task());
        self.one.grant(&viewer(&task, &who)).await.unwrap();
        assert!(reads(&self.other, &who, &task).await);
        let before = self.engine.calls();
        assert!(reads(&self.other, &who, &task).await);
        self.engine.calls() == before
    }
}

#[tokio::test]
async fn killed_and_started_again_it_is_right_all_the_time() {
    let mut deployment = deployment().await;
    assert!(deployment.keeps().await);
    deployment.is_right().await;
    deployment.server.kill();
    let began = Instant::now();
    deployment.is_right().await;
    assert!(began.elapsed() < LEASE * 4, "{:?}", began.elapsed());
    until("the end of the lease", async || !deployment.keeps().await).await;
    assert!(!deployment.other.answers());
    // What is only read does not wait for a server that is away.
    let (who, task) = (somebody(), task());
    let began = Instant::now();
    for _ in 0..100 {
        assert!(!reads(&deployment.other, &who, &task).await);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    deployment.server.again().await;
    deployment.is_right().await;
    until("keeping again", async || deployment.keeps().await).await;
    deployment.is_right().await;
}

/// As where one server of a cluster is away: all else answers, the log among it.
#[tokio::test]
async fn what_cannot_be_evicted_does_not_count_any_more() {
    let deployment = deployment().await;
    assert!(deployment.keeps().await);
    let (who, task) = (somebody(), task());
    deployment.one.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&deployment.other, &who, &task).await && reads(&deployment.other, &who, &task).await);
    let client = redis::Client::open(deployment.server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut told = redis::cmd("ACL");
    told.arg(&["SETUSER", "default", "-unlink"]).exec_async(&mut connection).await.unwrap();
    deployment.one.revoke(&viewer(&task, &who)).await.unwrap();
    assert!(!reads(&deployment.other, &who, &task).await, "read after it was taken away");
    assert!(!reads(&deployment.one, &who, &task).await);
    deployment.is_right().await;
}

/// The new server knows of no lease, and there is one.
#[tokio::test]
async fn a_server_that_is_replaced_while_leases_run_does_not_hide_them() {
    let mut deployment = deployment().await;
    let (who, task) = (somebody(), task());
    deployment.one.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&deployment.other, &who, &task).await);
    deployment.server.kill();
    deployment.server.again().await;
    deployment.one.revoke(&viewer(&task, &who)).await.unwrap();
    assert!(!reads(&deployment.other, &who, &task).await);
}

/// What it holds when it goes on is from before.
#[tokio::test]
async fn a_server_that_stood_still_does_not_bring_back_what_was_taken_away() {
    let deployment = deployment().await;
    let (who, task) = (somebody(), task());
    deployment.one.grant(&viewer(&task, &who)).await.unwrap();
    assert!(reads(&deployment.other, &who, &task).await && reads(&deployment.one, &who, &task).await);
    deployment.server.pause();
    deployment.one.revoke(&viewer(&task, &who)).await.unwrap();
    assert!(!reads(&deployment.other, &who, &task).await);
    deployment.server.go_on();
    for _ in 0..40 {
        assert!(!reads(&deployment.other, &who, &task).await);
        assert!(!reads(&deployment.one, &who, &task).await);
        tokio::time::sleep(LEASE / 20).await;
    }
    until("keeping again", async || deployment.keeps().await).await;
}

#[tokio::test]
async fn without_a_server_at_the_start_the_engine_is_asked() {
    let redis = redis_at(&format!("redis://127.0.0.1:{}/", crate::server::free_port()));
    let engine = Counted::new(MemoryGraph::new());
    let cache = shared(Arc::new(engine.clone()), &redis);
    let (who, task) = (somebody(), task());
    cache.grant(&viewer(&task, &who)).await.unwrap();
    for calls in 1..4 {
        assert!(reads(&cache, &who, &task).await);
        assert_eq!(engine.calls(), calls);
    }
    assert!(!cache.answers());
}

/// A role that is being taken away at one node, whose wire to Redis breaks between the two replacements of the
/// generations; and another node, which has heard of it. A third, which had not, has shared in between what its engine
/// said from before.
struct Halfway {
    one: Arc<DecisionCache>,
    other: DecisionCache,
    fuse: Fuse,
    who: Principal,
    task: ResourceRef,
    revoked: tokio::task::JoinHandle<Duration>,
    _server: RedisServer,
}

async fn halfway() -> Halfway {
    let server = RedisServer::start(&[]).await;
    let (graph, redis) = (MemoryGraph::new(), redis_at(&server.url()));
    let fuse = Fuse::to(server.port, "UNLINK").await;
    let engine = Counted { token: Some(ConsistencyToken::new("t")), ..Counted::new(graph.clone()) };
    let one = Arc::new(shared(Arc::new(engine), &Redis { urls: vec![fuse.url.clone().into()], ..redis.clone() }));
    let other = shared(Arc::new(graph), &redis);
    held(&one).await;
    held(&other).await;
    let (who, task) = (somebody(), task());
    one.grant(&viewer(&task, &who)).await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys = async |what: &str| -> Vec<String> {
        let pattern = format!("{}:{what}:*", redis.prefix);
        redis::cmd("KEYS").arg(pattern).query_async(&mut connection.clone()).await.unwrap()
    };
    until("a shared decision", async || {
        assert!(reads(&other, &who, &task).await);
        !keys("allowed").await.is_empty()
    })
    .await;
    let generation = keys("resource").await.into_iter().next().unwrap();
    let known: Vec<u8> = redis::cmd("GET").arg(&generation).query_async(&mut connection).await.unwrap();
    fuse.arm(2);
    let revoked = {
        let (one, who, task) = (Arc::clone(&one), who.clone(), task.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            one.revoke(&viewer(&task, &who)).await.unwrap();
            began.elapsed()
        })
    };
    fuse.blown().await;
    // The entry is still there. That somebody has just shared it is to say that it is of the generation of now.
    redis::cmd("SET").arg(&generation).arg(known).query_async::<()>(&mut connection).await.unwrap();
    Halfway { one, other, fuse, who, task, revoked, _server: server }
}

#[tokio::test]
async fn an_eviction_that_breaks_off_between_the_two_replacements_is_done_again() {
    let Halfway { one, other, fuse, who, task, revoked, _server } = halfway().await;
    tokio::time::sleep(LEASE / 2).await;
    fuse.mend();
    revoked.await.unwrap();
    assert!(!reads(&other, &who, &task).await);
    assert!(!reads(&*one, &who, &task).await);
}

/// What is owed is made up for as soon as that can be.
#[tokio::test]
async fn an_eviction_that_cannot_be_ended_is_given_up_for_now_after_two_leases() {
    let Halfway { one, other, fuse, who, task, revoked, _server } = halfway().await;
    let took = revoked.await.unwrap();
    assert!(took > LEASE && took < LEASE * 3, "{took:?}");
    assert!(!reads(&*one, &who, &task).await, "it trusts nothing that is shared");
    fuse.mend();
    until("the eviction", async || !reads(&other, &who, &task).await).await;
    held(&one).await;
    assert!(!reads(&*one, &who, &task).await);
}
