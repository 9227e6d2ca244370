//! Every store suite on the store in memory, with the engine in memory.

use authz_graph::MemoryGraph;
use conformance::World;
use dual_write::Ledger;
use futures::FutureExt as _;
use std::{
    future::{Ready, ready},
    sync::Arc,
};
use store_memory::MemoryStore;

fn world() -> Ready<World> {
    let store = Arc::new(MemoryStore::new());
    let forgetting = Arc::clone(&store);
    let forget_event = Box::new(move |id: String| {
        let store = Arc::clone(&forgetting);
        async move { store.forget_event(&id) }.boxed()
    });
    ready(World::new(Arc::new(MemoryGraph::new()), store, forget_event))
}

/// A ledger that nobody else writes in.
fn ledger() -> Ready<Arc<dyn Ledger>> {
    ready(Arc::new(MemoryStore::new()))
}

conformance::ledger!(ledger);
conformance::switches!(world);
conformance::agents!(world);
conformance::api_keys!(world);
conformance::tasks!(world);
conformance::trackers!(world);
conformance::checkpoints!(world);
conformance::events!(world);
conformance::messages!(world);
conformance::states!(world);
