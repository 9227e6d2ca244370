//! The black-box tests. One binary; `tests/run` gives it a server to drive and a PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "the helpers of tests fail their test by panicking, and print what its report shows"
)]

mod abandoned;
mod agree;
mod alarms;
mod bad_input;
mod cache;
mod checkpoints;
mod clients;
mod console;
mod doctor;
mod dual_write;
mod embedded;
mod explain;
mod exports;
mod faults;
mod fields;
mod key_kills;
mod keys;
mod kills;
mod list_index;
mod matrix;
mod metrics;
mod observability;
mod operations;
mod orphans;
mod permissions;
mod plain;
mod proxy;
mod proxy_lists;
mod routes;
mod routing;
mod spicedb;
mod sweep;
mod switches;
mod tasks;
mod telemetry;
mod trackers;
mod workspace;
