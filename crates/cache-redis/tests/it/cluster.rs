//! A Redis cluster in place of one server.

use crate::{
    common::{Counted, held, reads, redis_at, shared, somebody, task, until, viewer},
    server::RedisServer,
};
use authz::Authorizer;
use authz_graph::MemoryGraph;
use cache_redis::Redis;
use futures::future::join_all;
use std::{process::Command, sync::Arc, time::Duration};

/// Three masters, each with a third of the slots.
async fn cluster() -> Vec<RedisServer> {
    let settings = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
    let servers = join_all((0..3).map(|_| RedisServer::start(&settings))).await;
    let addresses: Vec<_> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let made = tokio::task::spawn_blocking(move || {
        Command::new("redis-cli").args(["--cluster", "create"]).args(addresses).arg("--cluster-yes").output()
    });
    let made = made.await.unwrap().expect("redis-cli can be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    servers
}

#[tokio::test]
async fn a_cluster_is_as_good_as_one_server() {
    let servers = cluster().await;
    let urls = servers.iter().map(|server| server.url().into()).collect();
    let redis = Redis { urls, cluster: true, ..redis_at("") };
    let graph = MemoryGraph::new();
    let engine = Counted::new(graph.clone());
    let (one, other) = (shared(Arc::new(graph), &redis), shared(Arc::new(engine.clone()), &redis));
    held(&one).await;
    held(&other).await;
    let who = somebody();
    for _ in 0..40 {
        let task = task();
        one.grant(&viewer(&task, &who)).await.unwrap();
        assert!(reads(&other, &who, &task).await);
        one.revoke(&viewer(&task, &who)).await.unwrap();
        assert!(!reads(&other, &who, &task).await);
    }
    // And decisions are shared, whichever slots they are in.
    let tasks: Vec<_> = (0..20).map(|_| task()).collect();
    for task in &tasks {
        one.grant(&viewer(task, &who)).await.unwrap();
        assert!(reads(&one, &who, task).await);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = engine.calls();
    until("shared decisions", async || {
        let before = engine.calls();
        for task in &tasks {
            assert!(reads(&other, &who, task).await);
        }
        engine.calls() == before
    })
    .await;
    assert!(engine.calls() - before < tasks.len(), "hardly any was asked of the engine");
}
