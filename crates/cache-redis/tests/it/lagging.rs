//! An engine that answers from a while ago when it may, as a distributed one does: nobody notices.

use crate::common::{READ, redis, somebody, task, viewer};
use async_trait::async_trait;
use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Kind, Lookup, Principal,
    Registration, Relationship, ResourceRef,
};
use authz_graph::MemoryGraph;
use cache_redis::{DecisionCache, Settings};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// How old its answers are when it may choose.
const LAG: Duration = Duration::from_millis(300);

#[derive(Clone)]
enum Write {
    Register(Registration),
    Deregister(ResourceRef),
    Grant(Vec<Relationship>),
    Revoke(Vec<Relationship>),
}

/// As many writes, applied to a graph.
#[derive(Clone, Default)]
struct Replica {
    graph: MemoryGraph,
    applied: usize,
}

/// How often it was asked so that it could choose.
#[derive(Debug, Default)]
struct Chose {
    a_while_ago: AtomicUsize,
    a_token: AtomicUsize,
}

/// An engine with a log of writes. It answers exactly from as long ago as it may, and never from later.
#[derive(Clone, Default)]
struct Lagging {
    log: Arc<Mutex<Vec<(Instant, Write)>>>,
    behind: Arc<tokio::sync::Mutex<Replica>>,
    chose: Arc<Chose>,
}

impl Lagging {
    async fn apply(&self, graph: &MemoryGraph, range: std::ops::Range<usize>) -> Result<(), EngineError> {
        let writes = self.log.lock().unwrap().get(range).unwrap().to_vec();
        for (_, write) in writes {
            match write {
                Write::Register(registration) => drop(graph.register(&registration).await?),
                Write::Deregister(resource) => drop(graph.deregister(&resource).await?),
                Write::Grant(edges) => drop(graph.grant(&edges).await?),
                Write::Revoke(edges) => drop(graph.revoke(&edges).await?),
            }
        }
        Ok(())
    }

    /// The graph as an answer may show it at the earliest.
    async fn as_of(&self, fresh: &Consistency) -> Result<MemoryGraph, EngineError> {
        let (lagging, all) = {
            let log = self.log.lock().unwrap();
            let old = Instant::now().checked_sub(LAG).unwrap();
            (log.iter().take_while(|(at, _)| *at <= old).count(), log.len())
        };
        let wanted = match fresh {
            Consistency::MinimizeLatency => {
                self.chose.a_while_ago.fetch_add(1, SeqCst);
                lagging
            }
            Consistency::AtLeastAsFresh(token) => {
                self.chose.a_token.fetch_add(1, SeqCst);
                lagging.max(token.as_str().parse().unwrap())
            }
            Consistency::FullyConsistent => all,
        };
        let mut behind = self.behind.lock().await;
        if behind.applied <= lagging {
            self.apply(&behind.graph, behind.applied..lagging).await?;
            behind.applied = lagging;
        }
        if wanted == behind.applied {
            // Nobody advances it while it is read: that takes the lock, and readers ask at once.
            return Ok(behind.graph.clone());
        }
        let graph = MemoryGraph::new();
        self.apply(&graph, 0..wanted).await?;
        Ok(graph)
    }

    fn write(&self, write: Write) -> ConsistencyToken {
        let mut log = self.log.lock().unwrap();
        log.push((Instant::now(), write));
        ConsistencyToken::new(log.len().to_string())
    }

    /// Whether it was asked so that it could answer from before some writes. How often it could choose freely depends
    /// on how quick the cases are.
    fn could_have_been_noticed(&self) {
        assert!(self.chose.a_token.load(SeqCst) > 0, "it was always asked of this moment: {:?}", self.chose);
    }
}

#[async_trait]
impl Authorizer for Lagging {
    async fn check(
        &self,
        who: &Principal,
        checks: &[Check],
        fresh: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.as_of(fresh).await?.check(who, checks, fresh).await
    }

    async fn lookup(
        &self,
        who: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        fresh: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.as_of(fresh).await?.lookup(who, kind, action, most, fresh).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(Some(self.write(Write::Register(registration.clone()))))
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(Some(self.write(Write::Deregister(resource.clone()))))
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(Some(self.write(Write::Grant(relationships.to_vec()))))
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(Some(self.write(Write::Revoke(relationships.to_vec()))))
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.as_of(&Consistency::FullyConsistent).await?.holders(resources).await
    }
}

fn settings() -> Settings {
    Settings { window: LAG * 2, ..crate::common::settings() }
}

/// It takes until then that a node knows all that it has to.
async fn a_window() {
    tokio::time::sleep(LAG * 3).await;
}

#[tokio::test]
async fn without_a_cache_it_would_be_noticed() {
    let engine = Lagging::default();
    let (who, task) = (somebody(), task());
    engine.grant(&viewer(&task, &who)).await.unwrap();
    tokio::time::sleep(LAG * 2).await;
    engine.revoke(&viewer(&task, &who)).await.unwrap();
    assert!(crate::common::reads(&engine, &who, &task).await);
}

#[tokio::test]
async fn in_process_nobody_notices() {
    let engine = Lagging::default();
    let cache: Arc<dyn Authorizer> = Arc::new(DecisionCache::in_process(Arc::new(engine.clone()), &settings()));
    a_window().await;
    conformance::suites::authorizer::every_case(&cache).await;
    engine.could_have_been_noticed();
}

#[tokio::test]
async fn on_two_nodes_nobody_notices() {
    let (engine, redis) = (Lagging::default(), redis());
    let node = || DecisionCache::shared(Arc::new(engine.clone()), &settings(), &redis).unwrap();
    let both: Arc<dyn Authorizer> = Arc::new(crate::common::Apart::new(node(), node()).await);
    a_window().await;
    conformance::suites::authorizer::every_case(&both).await;
    engine.could_have_been_noticed();
}

/// A token of before does not lead back before what was written since.
#[tokio::test]
async fn whoever_brings_an_old_token_knows_of_later_writes_all_the_same() {
    let (engine, redis) = (Lagging::default(), redis());
    let node = || DecisionCache::shared(Arc::new(engine.clone()), &settings(), &redis).unwrap();
    let (writes, reads) = (node(), node());
    crate::common::held(&writes).await;
    crate::common::held(&reads).await;
    let who = somebody();
    let first = writes.grant(&viewer(&task(), &who)).await.unwrap().unwrap();
    a_window().await;
    let old = Consistency::AtLeastAsFresh(first);
    for _ in 0..5 {
        let task = task();
        let check = [Check { resource: task.clone(), actions: Action::Read.into() }];
        let may = async || !reads.check(&who, &check, &old).await.unwrap()[0].allowed.is_empty();
        writes.grant(&viewer(&task, &who)).await.unwrap();
        assert!(may().await && may().await);
        writes.revoke(&viewer(&task, &who)).await.unwrap();
        assert!(!may().await);
    }
}

#[tokio::test]
async fn a_node_that_has_just_started_asks_of_this_moment() {
    let engine = Lagging::default();
    let cache = DecisionCache::in_process(Arc::new(engine.clone()), &settings());
    let check = [Check { resource: task(), actions: Action::Read.into() }];
    cache.check(&somebody(), &check, READ).await.unwrap();
    assert_eq!(engine.chose.a_while_ago.load(SeqCst), 0, "it does not know what was written before");
    a_window().await;
    cache.check(&somebody(), &check, READ).await.unwrap();
    assert_eq!(engine.chose.a_while_ago.load(SeqCst), 1);
}
