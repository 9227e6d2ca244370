//! The REST edge, asked as a client asks it: a real application on the in-memory adapters.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod agents;
mod checkpoints;
mod events;
mod manners;
mod messages;
mod states;
mod sweep;
mod tasks;
mod trackers;
mod world;
