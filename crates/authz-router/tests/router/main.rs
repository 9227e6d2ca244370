//! The router, with engines in memory behind it that can be made to hang, fail or lie.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod copying;
mod engines;
mod shadows;
mod suites;
mod writes;
