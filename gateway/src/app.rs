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
    /// The largest GraphQL document, in bytes. Variables are not part of it.
    pub graphql_document_bytes: usize,
    /// The most names, texts, numbers and signs of a GraphQL document.
    pub graphql_tokens: usize,
    /// The most fields that a GraphQL document gives another name.
    pub graphql_aliases: usize,
    /// The most directives of a GraphQL document.
    pub graphql_directives: usize,
    /// The most GraphQL requests in one body; with 0 batches are refused.
    pub graphql_batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 * 1024 * 1024,
            graphql_depth: 16,
            graphql_complexity: 20_000,
            graphql_document_bytes: 128 * 1024,
            graphql_tokens: 8_000,
            graphql_aliases: 200,
            graphql_directives: 100,
            graphql_batch: 10,
        }
    }
}

/// Whose questions about its schema GraphQL answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "IntrospectionWord")]
pub enum Introspection {
    /// Everybody's who may ask anything.
    #[default]
    Everybody,
    /// Those of the deployment's operators.
    Operators,
    /// Nobody's.
    Nobody,
}

/// How it is written: a yes or no, or for whom.
#[derive(Deserialize)]
#[serde(untagged)]
enum IntrospectionWord {
    All(bool),
    Some(OperatorsWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum OperatorsWord {
    Operators,
}

impl From<IntrospectionWord> for Introspection {
    fn from(word: IntrospectionWord) -> Self {
        match word {
            IntrospectionWord::All(true) => Self::Everybody,
            IntrospectionWord::All(false) => Self::Nobody,
            IntrospectionWord::Some(OperatorsWord::Operators) => Self::Operators,
        }
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
    /// Whose questions about its schema GraphQL answers.
    pub introspection: Introspection,
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
