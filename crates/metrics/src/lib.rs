//! What is measured: every instrument in one [`registry`], and what reads them off the ports.
//!
//! Nothing else in the workspace names a metric. Instruments are written to the `metrics` facade, so what
//! becomes of them is decided where the process starts. A new one is an entry in the registry and a line
//! where it is counted; labels have closed sets of values, so no caller can make series.

mod cache;
mod dual_write;
pub mod registry;
mod routing;

pub use cache::{Layer, cache_evicted, cache_hits, cache_lease_began, cache_misses, cache_told, cache_unanswered};
pub use dual_write::{DualWriteCounts, backlog, swept, tallies};
pub use registry::{INSTRUMENTS, Instrument, Label, Shape};
pub use routing::RoutingCounts;
