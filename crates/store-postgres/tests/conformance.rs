//! Every store suite on PostgreSQL, with the engine whose relationships stand beside the rows.

#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use conformance::World;

async fn world() -> World {
    world::world_on(world::migrated().await)
}

conformance::agents!(world);
conformance::tasks!(world);
conformance::trackers!(world);
conformance::checkpoints!(world);
conformance::events!(world);
conformance::messages!(world);
conformance::states!(world);
