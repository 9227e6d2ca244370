//! The engine behind the agentex-auth HTTP wire, and its word on who is calling.
//!
//! The service decides; this crate translates, bounds and doubts. Each question of a check is a call of its own,
//! asked once however often it occurs in the batch, and at most [`Settings::batch`] of a batch at a time. What an
//! answer means is the table in `answer.rs`: anything but a plain yes is a no or an error. What the fields mean is the
//! table in `wire.rs`.
//!
//! Three things this wire cannot do, and what is done instead:
//! - it writes one relationship a call, so several are *not* all or none: those before the one that failed stand, and
//!   to write them all again completes them;
//! - it has no word for how fresh an answer is to be: every answer is taken to be of the moment it was asked for;
//! - it does not say who holds roles. [`holders`](Authorizer::holders) is a call that today's services do not know, which is an
//!   error, not an empty list.
//!
//! The service judges a caller by more than the principal: by the account, and by whatever it said when the caller
//! was introduced. So the engine is asked [on behalf](Authorizer::on_behalf) of somebody, and what it said goes
//! back to it verbatim.

mod answer;
mod authn;
mod client;
mod wire;

pub use authn::AuthnResolver;

use async_trait::async_trait;
use authz::{
    Action, ActionSet, Authorizer, Behalf, Bound, Check, Consistency, ConsistencyToken, Decision, EVERY, EngineError,
    Holder, Kind, Lookup, Principal, Registration, Relationship, ResourceRef, schema,
};
use client::Client;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use secrecy::SecretString;
use serde::Serialize;
use std::{collections::HashMap, sync::Arc, time::Duration};
use wire::{Who, path};

/// Where the service is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its address: `http://` or `https://`, and a path before `/v1` if there is one.
    pub endpoint: String,
    /// What says who the gateway is, if the service wants to know. Never sent with a caller's credentials.
    pub credential: Option<SecretString>,
    /// The header it goes in; in `authorization`, behind `Bearer`.
    pub credential_header: String,
    /// How long one call may take, waiting for its turn included.
    pub timeout: Duration,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
    /// The most calls under way at a time, and as many again that ask who is calling.
    pub concurrency: usize,
    /// The most calls of one batch under way at a time.
    pub batch: usize,
    /// Speak HTTP/2 without asking whether the service does. Otherwise TLS settles it, and plain HTTP is HTTP/1.
    pub http2_only: bool,
    /// Whether a 200 to a check is a yes although it does not say `allowed`, as older clients take it.
    pub bare_ok: bool,
    /// In whose name relationships are removed when nobody in particular asks for it.
    pub acts_as: Principal,
    /// What says which trace a call belongs to, as a W3C `traceparent`; it is sent along.
    pub traceparent: Option<fn() -> Option<String>>,
}

impl Settings {
    /// The service at an address, spoken to as it is everywhere else.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            credential: None,
            credential_header: "authorization".to_owned(),
            timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(1),
            concurrency: 128,
            batch: 32,
            http2_only: false,
            bare_ok: false,
            acts_as: Principal::service_account("taskgate"),
            traceparent: None,
        }
    }
}

/// Settings that cannot be meant.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// The endpoint is no address.
    #[error("the endpoint is not an http or https address without query and credentials")]
    Endpoint,
    /// The credential holds what a header cannot.
    #[error("the credential holds characters that a header cannot")]
    Credential,
    /// The header is none.
    #[error("the credential's header is not the name of a header")]
    CredentialHeader,
    /// A bound is zero.
    #[error("a timeout or a bound on calls is 0")]
    Zero,
    /// The client cannot be made.
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

/// The engine. Clones share connections and bounds.
#[derive(Clone)]
pub struct AuthzProxy {
    client: Client,
    settings: Arc<Settings>,
    behalf: Option<Arc<Behalf>>,
}

impl AuthzProxy {
    /// The engine at an address. Nothing is sent yet.
    ///
    /// # Errors
    /// [`BadSettings`] names what cannot be meant.
    pub fn new(settings: Settings) -> Result<Self, BadSettings> {
        let bounds = [settings.concurrency, settings.batch];
        let times = [settings.timeout, settings.connect_timeout];
        if bounds.contains(&0) || times.contains(&Duration::ZERO) {
            return Err(BadSettings::Zero);
        }
        Ok(Self { client: Client::new(&settings)?, settings: Arc::new(settings), behalf: None })
    }

    /// What the same service says of who is calling. What it said holds for `cached`, at most a minute.
    #[must_use]
    pub fn resolver(&self, cached: Duration) -> AuthnResolver {
        AuthnResolver::new(self.client.aside(self.settings.concurrency), cached)
    }

    async fn post(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<client::Answer, EngineError> {
        self.client.post(path, json(body)?).await
    }

    fn behalf(&self) -> Option<&Behalf> {
        self.behalf.as_deref()
    }

    /// The answer to one question.
    async fn ask(&self, who: &Who<'_>, resource: &ResourceRef, action: Action) -> Result<bool, EngineError> {
        let question = wire::Check::new(who, resource, action, self.behalf());
        answer::decision(&self.post(path::CHECK, &question).await?, self.settings.bare_ok)
    }

    /// Writes relationships or takes them back, one after the other.
    async fn write(&self, edges: &[Relationship], revoked: bool) -> Result<Option<ConsistencyToken>, EngineError> {
        let account = self.behalf().map(|behalf| behalf.tenant.as_str());
        let path = if revoked { path::REVOKE } else { path::GRANT };
        for edge in edges {
            let body = wire::Edge::json(edge, revoked, account).map_err(unsayable)?;
            answer::done(&self.client.post(path, body).await?)?;
        }
        Ok(None)
    }

    /// The gateway itself, in the words of the service.
    fn own_name(&self) -> Who<'_> {
        Who::named(&self.settings.acts_as, None)
    }
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(body).map_err(unsayable)
}

fn unsayable(error: serde_json::Error) -> EngineError {
    EngineError::Unavailable(error.into())
}

/// The actions that are asked about, of those the caller wants to know of: what the schema knows on the kind. Of
/// every resource of a kind at once, only whether tasks may be made.
fn asked(check: &Check) -> impl Iterator<Item = Action> {
    let (kind, every) = (check.resource.kind, *check.resource.id == *EVERY);
    check.actions.iter().filter(move |action| {
        if every { kind == Kind::Task && *action == Action::Create } else { schema::rule(kind, *action).is_some() }
    })
}

#[async_trait]
impl Authorizer for AuthzProxy {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        _: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        let who = &Who::asking(principal, self.behalf());
        // The same question of several checks is asked once.
        let mut places: HashMap<(&ResourceRef, Action), usize> = HashMap::new();
        let mut questions = Vec::new();
        for check in checks {
            for action in asked(check) {
                places.entry((&check.resource, action)).or_insert_with(|| {
                    questions.push((&check.resource, action));
                    questions.len() - 1
                });
            }
        }
        let calls: Vec<_> = questions.into_iter().map(|(resource, action)| self.ask(who, resource, action)).collect();
        let answers: Vec<bool> = stream::iter(calls).buffered(self.settings.batch).try_collect().await?;
        let decide = |check: &Check| {
            let yes = |action: &Action| {
                let place = places.get(&(&check.resource, *action));
                place.and_then(|place| answers.get(*place)).copied().unwrap_or_default()
            };
            Decision { allowed: asked(check).filter(yes).fold(ActionSet::empty(), |all, action| all | action) }
        };
        Ok(checks.iter().map(decide).collect())
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        if schema::rule(kind, action).is_none() {
            return Ok(Lookup::nothing());
        }
        let search = wire::Search {
            principal: Who::asking(principal, self.behalf()),
            filter_resource: kind.as_str(),
            filter_operation: action.as_str(),
        };
        answer::found(&self.post(path::SEARCH, &search).await?, most)
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        answer::done(&self.post(path::REGISTER, &wire::Register::from(registration)).await?).map(|()| None)
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        let gone = wire::Deregister { principal: self.own_name(), resource: resource.into() };
        answer::done(&self.post(path::DEREGISTER, &gone).await?).map(|()| None)
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(relationships, false).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(relationships, true).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        if resources.is_empty() {
            return Ok(Vec::new());
        }
        let asked = wire::Holders { principal: self.own_name(), resources: resources.iter().map(Into::into).collect() };
        answer::holders(&self.post(path::HOLDERS, &asked).await?, resources.len())
    }

    fn on_behalf(&self, behalf: &Behalf) -> Option<Bound> {
        let engine = Self { behalf: Some(Arc::new(behalf.clone())), ..self.clone() };
        Some(Bound { engine: Arc::new(engine), asks_to_create: true })
    }
}
