//! What is measured: every instrument in one [`registry`], and what reads them off the ports.
//!
//! Nothing else in the workspace names a metric. Instruments are written to the `metrics` facade, so what
//! becomes of them is decided where the process starts. A new one is an entry in the registry and a line
//! where it is counted; labels have values that no caller can add to, so no caller can make series.

mod cache;
mod document;
mod dual_write;
mod edges;
mod engine;
mod handles;
mod process;
pub mod registry;
mod routing;

pub use cache::{
    Layer, asks_redis, cache_evicted, cache_hits, cache_lease_began, cache_misses, cache_told, cache_unanswered,
};
pub use document::document;
pub use dual_write::{DualWriteCounts, backlog, swept, tallies};
pub use edges::{Answering, Edge, Executed, Executing, failed};
pub use engine::Measured;
pub use handles::recorder_stays;
pub use process::{build, connections, statement};
pub use registry::{Begins, Group, Instrument, Label, Shape, Values, instruments};
pub use routing::{RoutingCounts, lists_indexed};
