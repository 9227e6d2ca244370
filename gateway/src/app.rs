//! What every request handler can reach. Built once, cheap to clone.

use crate::engine::Explainers;
use agents::AgentStore;
use api_keys::{ApiKeyStore, Sealer};
use authz::{DenialPolicy, Gate};
use authz_router::{RouteStore, Router};
use checkpoints::CheckpointStore;
use conversations::{EventStore, MessageStore, StateStore};
use dual_write::{DualWrite, Inspector, SwitchStore};
use identity::{AuthContext, Operated, Resolver};
use serde::Deserialize;
use std::{ops::Deref, sync::Arc, time::Duration};
use tasks::TaskStore;
use trackers::TrackerStore;

/// The stores.
#[derive(Clone)]
pub struct Stores {
    /// Agents.
    pub agents: Arc<dyn AgentStore>,
    /// API keys.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// Tasks.
    pub tasks: Arc<dyn TaskStore>,
    /// Trackers.
    pub trackers: Arc<dyn TrackerStore>,
    /// Checkpoints.
    pub checkpoints: Arc<dyn CheckpointStore>,
    /// Events.
    pub events: Arc<dyn EventStore>,
    /// Messages.
    pub messages: Arc<dyn MessageStore>,
    /// States.
    pub states: Arc<dyn StateStore>,
}

/// Bounds on what one request may ask for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body_bytes: usize,
    /// The deepest GraphQL selection.
    pub graphql_depth: usize,
    /// The largest GraphQL complexity; lists count their page size.
    pub graphql_complexity: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 16 * 1024 * 1024, graphql_depth: 16, graphql_complexity: 20_000 }
    }
}

/// What an [`App`] is made of.
pub struct Parts {
    /// Where permissions are decided: for each account by the engine that its routes lead to.
    pub engine: Router,
    /// What makes and ends things in the engine and in the stores.
    pub dual_write: Arc<DualWrite>,
    /// What compares and repairs the two sides, for operators.
    pub inspector: Operated<Arc<Inspector>>,
    /// What says why the engine decides as it does, for operators.
    pub explainers: Operated<Explainers>,
    /// Where dual writes are switched, for operators.
    pub switches: Operated<Arc<dyn SwitchStore>>,
    /// Where it is said which engine answers whom, for operators.
    pub routes: Operated<Arc<dyn RouteStore>>,
    /// Who tells callers apart.
    pub resolver: Arc<dyn Resolver>,
    /// What turns API keys into what is kept of them.
    pub sealer: Sealer,
    /// Where rows are kept.
    pub stores: Stores,
    /// What callers are told who may see a thing but not do this to it.
    pub denials: DenialPolicy,
    /// Bounds on requests.
    pub limits: Limits,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Whether GraphQL answers questions about its schema.
    pub introspection: bool,
}

/// The state of the HTTP routers.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl App {
    /// The application made of `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The gate of a known caller.
    #[must_use]
    pub fn gate(&self, context: &AuthContext) -> Gate {
        let engine = Arc::new(self.engine.clone());
        Gate::on_behalf(context.principal().clone(), context.behalf(), engine, self.denials)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
