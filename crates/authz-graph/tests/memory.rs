//! The engine suite on the graph in memory.

use authz::{Authorizer, Explainer};
use authz_graph::MemoryGraph;
use conformance::{Readable, Registry};
use std::{
    future::{Ready, ready},
    sync::Arc,
};

fn engine() -> Ready<Arc<dyn Authorizer>> {
    ready(Arc::new(MemoryGraph::new()))
}

fn registry() -> Ready<Registry> {
    let graph = MemoryGraph::new();
    ready(Registry { engine: Arc::new(graph.clone()), registrations: Arc::new(graph) })
}

fn explainer() -> Ready<Explainer> {
    let graph = MemoryGraph::new();
    ready(Explainer { engine: Arc::new(graph.clone()), reader: Some(Arc::new(graph)) })
}

fn readable() -> Ready<Readable> {
    let graph = MemoryGraph::new();
    ready(Readable { engine: Arc::new(graph.clone()), relationships: Arc::new(graph) })
}

conformance::authorizer!(engine);
conformance::corpus!(engine);
conformance::explanations!(explainer);
conformance::registrations!(registry);
conformance::relationships!(readable);
