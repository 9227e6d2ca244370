//! Every store suite on the store in memory, with the engine in memory.

use authz_graph::MemoryGraph;
use authz_router::RouteStore;
use conformance::{Scanned, World};
use dual_write::Ledger;
use futures::FutureExt as _;
use std::{
    future::{Ready, ready},
    sync::Arc,
};
use store_memory::MemoryStore;

fn scanned() -> Ready<Scanned> {
    let store = Arc::new(MemoryStore::new());
    ready(Scanned { world: world_on(store.clone()), rows: store })
}

fn world() -> Ready<World> {
    ready(world_on(Arc::new(MemoryStore::new())))
}

fn world_on(store: Arc<MemoryStore>) -> World {
    let forgetting = Arc::clone(&store);
    let forget_event = Box::new(move |id: String| {
        let store = Arc::clone(&forgetting);
        async move { store.forget_event(&id) }.boxed()
    });
    World::new(Arc::new(MemoryGraph::new()), store, forget_event)
}

/// A ledger that nobody else writes in.
fn ledger() -> Ready<Arc<dyn Ledger>> {
    ready(Arc::new(MemoryStore::new()))
}

fn routes() -> Ready<Arc<dyn RouteStore>> {
    ready(Arc::new(MemoryStore::new()))
}

conformance::ledger!(ledger);
conformance::switches!(world);
conformance::routes!(routes);
conformance::agents!(world);
conformance::api_keys!(world);
conformance::tasks!(world);
conformance::trackers!(world);
conformance::checkpoints!(world);
conformance::events!(world);
conformance::messages!(world);
conformance::states!(world);
conformance::rows!(scanned);
