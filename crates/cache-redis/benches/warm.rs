//! How long a decision takes that is kept: in process, by a node that shares its decisions in Redis.
//!
//! `tests/bench/run decision`
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a driver that prints what it measured, and panics when it cannot measure"
)]

use authz::{Action, Authorizer, Check, Consistency, Kind, Principal, Relation, Relationship, ResourceRef};
use authz_graph::MemoryGraph;
use cache_redis::{DecisionCache, Redis, Settings};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: usize = 100_000;
/// What one decision may take, at the 99th percentile.
const BAR: Duration = Duration::from_micros(200);

#[tokio::main]
async fn main() {
    let url = std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names no Redis: run this with `tests/bench/run`");
    let settings = Settings {
        engine: "graph".into(),
        staleness: Duration::from_hours(1),
        entries: 200_000,
        window: Duration::from_secs(30),
    };
    let redis = Redis {
        urls: vec![url.into()],
        cluster: false,
        prefix: "bench".into(),
        lease: Duration::from_secs(2),
        deadline: Duration::from_millis(50),
    };
    let graph = MemoryGraph::new();
    let cache = DecisionCache::shared(Arc::new(graph.clone()), &settings, &redis).unwrap();
    while !cache.answers() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let who = Principal::user("reader");
    let tasks: Vec<_> = (0..1_000).map(|n| ResourceRef { kind: Kind::Task, id: format!("task-{n}").into() }).collect();
    let edges: Vec<_> = tasks.iter().map(|task| Relationship::held(task.clone(), Relation::Viewer, &who)).collect();
    cache.grant(&edges).await.unwrap();
    let checks: Vec<_> = tasks.into_iter().map(|resource| Check { resource, actions: Action::Read.into() }).collect();
    // What is asked from here on and not kept would be denied.
    assert!(allowed(&cache, &who, &checks).await);
    graph.revoke(&edges).await.unwrap();
    for (what, batch) in [("one check", 1), ("a page of 50 checks", 50)] {
        let mut took = Vec::with_capacity(ROUNDS);
        for page in checks.chunks_exact(batch).cycle().take(ROUNDS / batch) {
            let began = Instant::now();
            let allowed = allowed(&cache, &who, page).await;
            took.push(began.elapsed());
            assert!(allowed, "the engine was asked");
        }
        took.sort_unstable();
        let at = |part: usize| took.get(took.len() * part / 1_000).copied().unwrap_or_default();
        println!("{what}, kept: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
        assert!(batch > 1 || at(990) < BAR, "p99 of a kept decision is {:?}, more than {BAR:?}", at(990));
    }
    cache.close().await;
}

async fn allowed(cache: &DecisionCache, who: &Principal, checks: &[Check]) -> bool {
    let decisions = cache.check(who, checks, &Consistency::MinimizeLatency).await.unwrap();
    decisions.len() == checks.len() && decisions.iter().all(|decision| decision.allowed.contains(Action::Read))
}
