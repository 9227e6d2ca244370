//! The suites, one module per port.

pub mod agents;
pub mod api_keys;
pub mod authorizer;
pub mod checkpoints;
pub mod corpus;
pub mod events;
pub mod explanations;
pub mod ledger;
pub mod messages;
pub mod registrations;
pub mod relationships;
pub mod routes;
pub mod rows;
pub mod states;
pub mod switches;
pub mod tasks;
pub mod trackers;
