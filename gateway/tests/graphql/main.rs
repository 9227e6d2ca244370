//! The GraphQL edge, asked over HTTP, on stores and an engine in memory.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that is surprised has failed")]

mod again;
mod budget;
mod counting;
mod http;
mod inputs;
mod lists;
mod operators;
mod roles;
mod sdl;
mod shapes;
mod world;
mod writes;
