//! The decision cache on real servers: one node, several, and what goes wrong between them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail their test by panicking"
)]

mod cluster;
mod common;
mod keeping;
mod lagging;
mod nodes;
mod outages;
mod postgres;
mod proxy;
mod realms;
mod server;
mod spicedb;
mod suite;
