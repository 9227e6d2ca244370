//! The engine suite on the decision cache around the embedded engines: in process, and shared.

use crate::common::{Apart, held, redis, settings, shared};
use authz::Authorizer;
use authz_graph::MemoryGraph;
use cache_redis::DecisionCache;
use std::sync::Arc;

async fn in_process() -> Arc<dyn Authorizer> {
    Arc::new(DecisionCache::in_process(Arc::new(MemoryGraph::new()), &settings()))
}

async fn with_redis() -> Arc<dyn Authorizer> {
    let cache = shared(Arc::new(MemoryGraph::new()), &redis());
    held(&cache).await;
    Arc::new(cache)
}

/// Reads at one node what was written at the other.
async fn two_nodes() -> Arc<dyn Authorizer> {
    let (graph, redis) = (MemoryGraph::new(), redis());
    let (writes, reads) = (shared(Arc::new(graph.clone()), &redis), shared(Arc::new(graph), &redis));
    Arc::new(Apart::new(writes, reads).await)
}

mod process {
    use super::in_process;
    conformance::authorizer!(in_process);
    conformance::corpus!(in_process);
}

mod redis_alone {
    use super::with_redis;
    conformance::authorizer!(with_redis);
    conformance::corpus!(with_redis);
}

mod apart {
    use super::two_nodes;
    conformance::authorizer!(two_nodes);
    conformance::corpus!(two_nodes);
}
