//! The GraphQL edge.
//!
//! One file per type, with its query and mutation fields beside it; `access` alone meets the gate;
//! `requires` is the table of what each field needs; `http` speaks GraphQL over HTTP.

mod access;
mod agent;
mod api_key;
mod checkpoint;
mod document;
mod documents;
mod dual_write;
mod entity;
mod errors;
mod event;
mod explain;
mod federation;
mod graphiql;
mod hooks;
mod http;
mod input;
mod lexer;
mod limits;
mod measured;
mod media;
mod orphans;
mod page;
mod persisted;
mod plain;
mod requires;
mod routes;
mod shared;
mod stored;
mod switches;
mod task;
mod thread;
mod tracker;
mod viewer;
mod wire;

pub use explain::in_words;
pub use federation::sdl as federation_sdl;
pub use switches::order;

use crate::{App, abandoned::Abandoned, budget::Budget, config::GraphQl};
use async_graphql::{EmptySubscription, MergedObject, SDLExportOptions};
use axum::Router;
use std::sync::Arc;

/// Where reading starts.
#[derive(MergedObject, Default)]
struct Query(Core, federation::FederationQuery);

/// The same, but for what only the router of a larger graph asks.
#[derive(MergedObject, Default)]
struct Core(
    task::TaskQuery,
    tracker::TrackerQuery,
    thread::CheckpointQuery,
    event::EventQuery,
    agent::AgentQuery,
    api_key::ApiKeyQuery,
    viewer::ViewerQuery,
    entity::NodeQuery,
    dual_write::DualWriteQuery,
    switches::SwitchQuery,
    explain::ExplainQuery,
    routes::RouteQuery,
);

/// Where reading starts, for those who read the schema.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
struct Published(Core);

/// Where writing starts. Fields run one after the other, in the order asked.
#[derive(MergedObject, Default)]
struct Mutation(
    task::TaskMutation,
    tracker::TrackerMutation,
    thread::CheckpointMutation,
    event::EventMutation,
    agent::AgentMutation,
    api_key::ApiKeyMutation,
    dual_write::DualWriteMutation,
    switches::SwitchMutation,
    routes::RouteMutation,
);

type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// What this edge needs beside the application.
pub struct Setup<'a> {
    /// How GraphQL is spoken.
    pub settings: &'a GraphQl,
    /// What each principal may spend.
    pub budget: Arc<dyn Budget>,
    /// Who is told of requests that nobody waits for any more.
    pub abandoned: Abandoned,
}

/// With suggestions or without. A suggestion tells of the schema, and compares each unknown name with all known ones.
fn schema(suggests: bool) -> Schema {
    // Depth and complexity are bounded in `limits`, which says how much there may be.
    let schema = Schema::build(Query::default(), Mutation::default(), EmptySubscription)
        .directive(requires::Requires)
        .extension(hooks::Hooks);
    if suggests { schema.finish() } else { schema.disable_suggestions().finish() }
}

/// The routes `/graphql` and `/graphiql`.
pub fn router(app: App, setup: Setup<'_>) -> anyhow::Result<Router> {
    http::router(app, setup)
}

/// The schema, in the schema definition language, but for what only a router asks: nobody writes that into a client.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions().use_space_ident();
    let schema = async_graphql::Schema::build(Published::default(), Mutation::default(), EmptySubscription);
    schema.directive(requires::Requires).finish().sdl_with_options(options)
}
