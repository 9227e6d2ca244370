//! The gateway: everything that speaks to the outside, and the wiring behind it.
//!
//! Data goes one way. An edge ([`rest`], [`graphql`]) reads a request, asks the caller's
//! [`authz::Gate`] for a permit, spends it at a store, and renders what comes back. What can go wrong
//! is one table, [`Failure`], for both edges.

pub mod abandoned;
pub mod agent_keys;
pub mod app;
pub mod budget;
pub mod cache;
pub mod caller;
pub mod cluster;
pub mod config;
pub mod console;
pub mod demo;
pub mod doctor;
pub mod engine;
pub mod failure;
pub mod follow;
pub mod freshness;
pub mod graphql;
pub mod health;
pub mod lifecycle;
pub mod metrics;
pub mod operate;
pub mod rest;
pub mod routes;
pub mod serve;
pub mod storage;
pub mod sweeper;
pub mod switches;
pub mod telemetry;

pub use app::{App, Introspection, Limits, Parts, Stores};
pub use caller::Caller;
pub use failure::{Code, Failure};
