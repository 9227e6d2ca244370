//! The engine suite on the graph in memory.

use authz::Authorizer;
use authz_graph::MemoryGraph;
use std::sync::Arc;

async fn engine() -> Arc<dyn Authorizer> {
    Arc::new(MemoryGraph::new())
}

conformance::authorizer!(engine);
