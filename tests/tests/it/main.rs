//! The black-box tests. One binary; `tests/run` gives it a server to drive and a PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests fail their test by panicking"
)]

mod workspace;
