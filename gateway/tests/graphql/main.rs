//! The GraphQL edge, asked over HTTP, on stores and an engine in memory.

mod budget;
mod counting;
mod http;
mod inputs;
mod lists;
mod roles;
mod sdl;
mod shapes;
mod world;
mod writes;
