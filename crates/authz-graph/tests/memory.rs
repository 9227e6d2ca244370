//! The engine suite on the graph in memory.

use authz::Authorizer;
use authz_graph::MemoryGraph;
use std::{
    future::{Ready, ready},
    sync::Arc,
};

fn engine() -> Ready<Arc<dyn Authorizer>> {
    ready(Arc::new(MemoryGraph::new()))
}

conformance::authorizer!(engine);
