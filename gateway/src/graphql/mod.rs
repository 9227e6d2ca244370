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
mod errors;
mod event;
mod explain;
mod graphiql;
mod hooks;
mod http;
mod input;
mod limits;
mod orphans;
mod page;
mod requires;
mod routes;
mod shared;
mod stored;
mod switches;
mod task;
mod thread;
mod tracker;
mod viewer;

pub use explain::in_words;
pub use switches::order;

use crate::{App, Limits};
use async_graphql::{EmptySubscription, MergedObject, SDLExportOptions};
use axum::Router;

/// Where reading starts.
#[derive(MergedObject, Default)]
struct Query(
    task::TaskQuery,
    tracker::TrackerQuery,
    thread::CheckpointQuery,
    event::EventQuery,
    agent::AgentQuery,
    api_key::ApiKeyQuery,
    viewer::ViewerQuery,
    dual_write::DualWriteQuery,
    switches::SwitchQuery,
    explain::ExplainQuery,
    routes::RouteQuery,
);

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

fn schema(limits: Limits, introspection: bool) -> Schema {
    let schema = Schema::build(Query::default(), Mutation::default(), EmptySubscription)
        .directive(requires::Requires)
        .extension(hooks::Hooks)
        .limit_depth(limits.graphql_depth)
        .limit_complexity(limits.graphql_complexity);
    // A suggestion tells of the schema, too.
    let schema = if introspection { schema } else { schema.disable_introspection().disable_suggestions() };
    schema.finish()
}

/// The routes `/graphql` and `/graphiql`.
pub fn router(app: App) -> Router {
    http::router(app)
}

/// The schema, in the schema definition language.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions().use_space_ident();
    schema(Limits::default(), true).sdl_with_options(options)
}
