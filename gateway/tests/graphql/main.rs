//! The GraphQL edge, asked over HTTP, on stores and an engine in memory.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that is surprised has failed")]

mod again;
mod browsers;
mod budget;
mod calls;
mod codes;
mod counting;
mod defaults;
mod entities;
mod freshness;
mod hostile;
mod http;
mod inputs;
mod lists;
mod operators;
mod persisted;
mod roles;
mod sdl;
mod shapes;
mod world;
mod writes;
