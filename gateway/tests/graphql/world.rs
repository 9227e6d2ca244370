//! A deployment with an agent, a task, and people who stand differently to it.

use crate::{calls::Calls, counting::Counted};
use api_keys::{ApiKeyStore, Sealer};
use authz::{
    Authorizer, DenialPolicy, Explainer, Id, Kind, Principal, Relation, Relationship, ResourceRef, Role, Tenant,
};
use authz_graph::MemoryGraph;
use axum::{Router, body::Body};
use chrono::TimeDelta;
use dual_write::{DualWrite, Inspector, Ledger};
use gateway::{
    App, Introspection, Limits, Parts, Stores,
    abandoned::Abandoned,
    agent_keys::AgentKeys,
    budget::{Buckets, Rate},
    config::GraphQl,
    engine::Explainers,
    graphql,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use identity::{AuthContext, InTurn, Operated, TokenTable};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use store_memory::MemoryStore;
use tower::ServiceExt as _;

pub const TENANT: &str = "acme";

/// How a person stands to the task. The word is also their token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Owner,
    Editor,
    Viewer,
    Stranger,
    /// The runtime of the agent.
    Runtime,
    /// Sees the task, and is not of its tenant.
    Guest,
    /// Operates the deployment, and holds nothing.
    Operator,
    /// Nobody.
    Anonymous,
}

impl Who {
    pub const ALL: [Self; 5] = [Self::Owner, Self::Editor, Self::Viewer, Self::Runtime, Self::Stranger];

    pub fn token(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
            Self::Stranger => "stranger",
            Self::Runtime => "runtime",
            Self::Guest => "guest",
            Self::Operator => "operator",
            Self::Anonymous => "nobody's",
        }
    }
}

/// The deployment, a task of the owner's on the agent, and ids of what hangs on it.
pub struct World {
    router: Router,
    pub calls: Calls,
    pub engine: Arc<MemoryGraph>,
    pub agent: String,
    pub task: String,
    pub tracker: String,
    pub event: String,
    pub key: String,
}

/// How the deployment is configured.
pub struct Terms {
    pub denials: DenialPolicy,
    pub introspection: Introspection,
    pub limits: Limits,
    pub timeout: Duration,
    pub graphql: GraphQl,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            denials: DenialPolicy::Hide,
            introspection: Introspection::Everybody,
            limits: Limits { body_bytes: 64 * 1024, ..Limits::default() },
            timeout: Duration::from_secs(30),
            graphql: GraphQl::default(),
        }
    }
}

/// The id of every request here, unless a test says otherwise.
pub const REQUEST: &str = "a-request";

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The codes of its errors, in order.
    pub fn codes(&self) -> Vec<String> {
        codes(&self.json())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

/// The codes of an answer's errors, in order. Every error must have one.
pub fn codes(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    errors.map(|error| error["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{error}")).to_owned()).collect()
}

/// The paths of an answer's errors, in order.
pub fn paths(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), ToOwned::to_owned);
    errors.map(|error| error["path"].as_array().into_iter().flatten().map(step).collect::<Vec<_>>().join(".")).collect()
}

fn context(principal: Principal) -> AuthContext {
    AuthContext::new(principal, Id::<Tenant>::new(TENANT))
}

async fn join(engine: &MemoryGraph, principal: &Principal) {
    let tenant = ResourceRef { kind: Kind::Tenant, id: TENANT.into() };
    engine.grant(&[Relationship::held(tenant, Relation::Member, principal)]).await.unwrap();
}

impl World {
    pub async fn new() -> Self {
        Self::under(Terms::default()).await
    }

    pub async fn with(denials: DenialPolicy, introspection: bool) -> Self {
        let introspection = if introspection { Introspection::Everybody } else { Introspection::Nobody };
        Self::under(Terms { denials, introspection, ..Terms::default() }).await
    }

    pub async fn under(terms: Terms) -> Self {
        let mut world = Self::bare(terms).await;
        world.populate().await;
        world.calls.take();
        world
    }

    /// Without anything in it but people.
    pub async fn bare(terms: Terms) -> Self {
        Self::try_bare(terms).await.unwrap()
    }

    pub async fn try_bare(terms: Terms) -> Result<Self, String> {
        let calls = Calls::default();
        let engine = Arc::new(MemoryGraph::new());
        let mut tokens = TokenTable::default();
        for who in [Who::Owner, Who::Editor, Who::Viewer, Who::Stranger] {
            let principal = Principal::user(who.token());
            join(&engine, &principal).await;
            tokens = tokens.with(who.token(), context(principal));
        }
        tokens = tokens.with(Who::Guest.token(), context(Principal::user(Who::Guest.token())));
        tokens = tokens.with(Who::Runtime.token(), context(Principal::new(authz::PrincipalKind::Agent, "agent-1")));
        tokens = tokens.with(Who::Operator.token(), context(Principal::user("operator")).operating());
        let store = Arc::new(MemoryStore::new());
        let counted: Arc<dyn Authorizer> =
            Arc::new(Counted { port: Arc::clone(&engine) as Arc<dyn Authorizer>, calls: calls.clone() });
        let ledger = Arc::new(Counted { port: Arc::clone(&store) as Arc<dyn Ledger>, calls: calls.clone() });
        let keys: Arc<dyn ApiKeyStore> =
            Arc::new(Counted { port: Arc::clone(&store) as Arc<dyn ApiKeyStore>, calls: calls.clone() });
        let known = AgentKeys::new(Arc::clone(&keys), Sealer::new(b""));
        let engines = authz_router::Router::alone(Arc::clone(&counted));
        let dual_write = Arc::new(DualWrite::new(Arc::new(engines.clone()), ledger));
        let app = App::new(Parts {
            engine: engines,
            // What is just made may be an orphan at once.
            inspector: Operated::new(Arc::new(Inspector {
                grace: TimeDelta::zero(),
                ..Inspector::new(dual_write.clone(), store.clone(), engine.clone())
            })),
            explainers: Operated::new(Explainers::alone(Explainer {
                engine: counted.clone(),
                reader: Some(engine.clone()),
            })),
            dual_write,
            switches: Operated::new(Arc::clone(&store) as _),
            routes: Operated::new(Arc::clone(&store) as _),
            resolver: Arc::new(InTurn::new(vec![Arc::new(tokens), Arc::new(known)])),
            stores: Stores {
                agents: Arc::new(Counted {
                    port: Arc::clone(&store) as Arc<dyn agents::AgentStore>,
                    calls: calls.clone(),
                }),
                api_keys: keys,
                tasks: Arc::new(Counted {
                    port: Arc::clone(&store) as Arc<dyn tasks::TaskStore>,
                    calls: calls.clone(),
                }),
                trackers: Arc::new(Counted {
                    port: Arc::clone(&store) as Arc<dyn trackers::TrackerStore>,
                    calls: calls.clone(),
                }),
                checkpoints: Arc::new(Counted {
                    port: Arc::clone(&store) as Arc<dyn checkpoints::CheckpointStore>,
                    calls: calls.clone(),
                }),
                events: Arc::new(Counted {
                    port: Arc::clone(&store) as Arc<dyn conversations::EventStore>,
                    calls: calls.clone(),
                }),
                // GraphQL shows neither.
                messages: store.clone(),
                states: store,
            },
            sealer: Sealer::new(b""),
            denials: terms.denials,
            limits: terms.limits,
            request_timeout: terms.timeout,
            introspection: terms.introspection,
        });
        let rate = Rate { burst: terms.graphql.budget_burst, per_second: terms.graphql.budget_per_second };
        let budget = Arc::new(Buckets::new(rate));
        let setup = graphql::Setup { settings: &terms.graphql, budget, abandoned: Abandoned::default() };
        let router = graphql::router(app, setup).map_err(|error| format!("{error:#}"))?;
        let (agent, task, tracker, event, key) = Default::default();
        Ok(Self { router, calls, engine, agent, task, tracker, event, key })
    }

    async fn populate(&mut self) {
        let made = self
            .owner(
                "mutation { createAgent(input: {name: \"the-agent\", description: \"Works.\", acpType: ASYNC, \
             acpUrl: \"http://agent\", registrationMetadata: {version: 1}, inputType: TEXT}) { id } }",
            )
            .await;
        self.agent = text(&made["data"]["createAgent"]["id"]);
        self.task = self.make_task("the task").await;
        for (who, role) in [(Who::Editor, Role::Editor), (Who::Viewer, Role::Viewer)] {
            self.grant(&self.task.clone(), role, &Principal::user(who.token())).await;
        }
        // The token table was made before the agent had an id.
        let runtime = Principal::new(authz::PrincipalKind::Agent, "agent-1");
        let task = ResourceRef { kind: Kind::Task, id: self.task.as_str().into() };
        let agent = ResourceRef { kind: Kind::Agent, id: self.agent.as_str().into() };
        let edges = [
            Relationship::held(task, Relation::ParentAgent, &runtime),
            Relationship::held(agent.clone(), Relation::Runtime, &runtime),
            Relationship::held(agent, Relation::Viewer, &Principal::user("viewer")),
        ];
        self.engine.grant(&edges).await.unwrap();
        let (task, agent) = (json!(self.task), json!(self.agent));
        let event = self.owner(&format!("mutation {{ appendEvent(input: {{taskId: {task}, agentId: {agent}, content: {{said: \"hi\"}}}}) {{ id }} }}")).await;
        self.event = text(&event["data"]["appendEvent"]["id"]);
        let trackers = self.owner(&format!("{{ task(id: {task}) {{ trackers {{ id }} }} }}")).await;
        self.tracker = text(&trackers["data"]["task"]["trackers"][0]["id"]);
        self.put_checkpoint(&self.task.clone(), "1").await;
        self.key = self.make_key(&self.agent.clone(), "the key").await;
    }

    /// An API key of an agent of the owner's.
    pub async fn make_key(&self, agent: &str, name: &str) -> String {
        let query = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }";
        let made = self.ask(Who::Owner, query, json!({"input": {"agentId": agent, "name": name}})).await;
        text(&made["data"]["createApiKey"]["apiKey"]["id"])
    }

    pub async fn put_checkpoint(&self, task: &str, id: &str) {
        let query = "mutation($input: PutCheckpointInput!) { putCheckpoint(input: $input) { checkpointId } }";
        let input = json!({
            "threadId": task, "checkpointId": id, "checkpoint": {"v": 1, "channel_versions": {"messages": "1"}},
            "metadata": {"step": 1}, "blobs": [{"channel": "messages", "version": "1", "type": "msgpack", "blob": "AAE="}],
        });
        let put = self.ask(Who::Owner, query, json!({"input": input})).await;
        assert_eq!(put["data"]["putCheckpoint"]["checkpointId"], json!(id), "{put}");
    }

    /// A task of the owner's.
    pub async fn make_task(&self, name: &str) -> String {
        let query = "mutation($input: CreateTaskInput!) { createTask(input: $input) { id } }";
        let input = json!({"agentId": self.agent, "name": name, "params": {"n": 1}, "taskMetadata": {"color": "red"}});
        let made = self.ask(Who::Owner, query, json!({"input": input})).await;
        text(&made["data"]["createTask"]["id"])
    }

    pub async fn grant(&self, task: &str, role: Role, principal: &Principal) {
        let task = ResourceRef { kind: Kind::Task, id: task.into() };
        self.engine.grant(&[Relationship::held(task, role.relation(), principal)]).await.unwrap();
    }

    /// Sends a request as it is.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        request.headers_mut().entry("x-request-id").or_insert(HeaderValue::from_static(REQUEST));
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a body.
    pub async fn post(&self, who: Who, body: impl Into<Body>) -> Answer {
        let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        if who != Who::Anonymous {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", who.token()));
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Asks a query.
    pub async fn ask(&self, who: Who, query: &str, variables: Value) -> Value {
        self.post(who, json!({"query": query, "variables": variables}).to_string()).await.json()
    }

    /// Asks a query as the owner.
    pub async fn owner(&self, query: &str) -> Value {
        self.ask(Who::Owner, query, json!({})).await
    }

    /// Asks a query about the task, which is `$id`.
    pub async fn about(&self, who: Who, query: &str) -> Value {
        self.ask(who, &format!("query($id: ID!) {{ {query} }}"), json!({"id": self.task})).await
    }
}
