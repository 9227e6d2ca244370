//! The harness of the black-box tests: a real `taskgate`, its demo people, and the two edges.
//!
//! Nothing here knows a type of the gateway's. What a test cannot do through an edge, such as making
//! an event or breaking a table, it does in the database, as the operator of one would.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::indexing_slicing,
    reason = "a harness fails its test by panicking, and to have asked can be enough"
)]

mod answer;
mod cable;
mod caller;
mod collector;
mod database;

pub mod documents;
pub mod faults;
pub mod gateways;
mod prometheus;
mod server;
pub mod spicedb;
pub mod tree;
pub mod wire;
pub mod world;

pub use answer::Answer;
pub use cable::Cable;
pub use caller::{As, client};
pub use collector::{Collector, SentSpan};
pub use database::Database;
pub use prometheus::Prometheus;
pub use server::{Demo, Said, Server, Settings, Storage, port_of};
pub use world::{Things, World};

/// The program under test, as `tests/run` has built it.
#[must_use]
pub fn binary() -> String {
    std::env::var("BLACKBOX_BIN").expect("BLACKBOX_BIN is not set: run the tests with tests/run")
}
