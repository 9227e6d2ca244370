//! What the tests stand on: an application, and people who send it requests.

use api_keys::{KeyType, Sealer};
use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, DenialPolicy, EngineError, Explainer, Gate,
    Holder, Id, Kind, Lookup, Principal, Registration, Relation, Relationship, ResourceRef, Role, Target, Task, Tenant,
    action::{Create, Share, Update},
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
};
use dual_write::{DualWrite, Inspector};
use gateway::{
    App, Introspection, Limits, Parts, Stores,
    engine::Explainers,
    lifecycle::{ApiKeyDraft, TaskDraft, create_agent, create_api_key, create_task, new_id},
    rest,
};
use http::{HeaderMap, Request, StatusCode};
use identity::{AuthContext, Operated, TokenTable};
use serde_json::{Map, Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tower::ServiceExt;

/// Everybody there is. The insider is of the owner's tenant and has no role; the stranger is of another.
pub const PEOPLE: [&str; 6] = ["owner", "editor", "viewer", "runtime", "insider", "stranger"];

/// The largest body, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

pub struct World {
    pub app: App,
    pub engine: Arc<Watched>,
    pub agent: agents::Agent,
    router: Router,
    people: Vec<(&'static str, AuthContext)>,
}

/// An answer, with the questions to the engine that it took.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    pub questions: Vec<Question>,
}

/// A round trip to the engine: the resources it was asked about.
pub type Question = Vec<ResourceRef>;

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The body of the answer that was hoped for.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.json()
    }

    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_else(|| panic!("no message: {self:?}")).to_owned()
    }

    /// All that a caller can tell an answer by, but for the key they typed.
    pub fn seen(&self, typed: &str) -> (StatusCode, Vec<(String, String)>, String, usize) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = self.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
        let headers = headers.filter(|(name, _)| name != "content-length").collect();
        (self.status, headers, text(&self.bytes).replace(typed, "TYPED"), self.questions.len())
    }

    pub fn rows(&self, field: &str) -> Vec<String> {
        let rows = self.ok();
        rows.as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
    }
}

impl World {
    pub async fn new() -> Self {
        let engine = Arc::new(Watched::default());
        let store = Arc::new(store_memory::MemoryStore::default());
        let stores = Stores {
            agents: store.clone(),
            api_keys: store.clone(),
            tasks: store.clone(),
            trackers: store.clone(),
            checkpoints: store.clone(),
            events: store.clone(),
            messages: store.clone(),
            states: store.clone(),
        };
        let (home, abroad) = (Id::<Tenant>::new("home"), Id::<Tenant>::new("abroad"));
        let agent_id = Id::new(new_id());
        let people: Vec<_> = PEOPLE
            .into_iter()
            .map(|name| match name {
                "runtime" => (name, AuthContext::new(Principal::agent(&agent_id), home.clone())),
                "stranger" => (name, AuthContext::new(Principal::user(name), abroad.clone())),
                _ => (name, AuthContext::new(Principal::user(name), home.clone())),
            })
            .collect();
        let tokens = people.iter().fold(TokenTable::default(), |table, (name, who)| table.with(name, who.clone()));
        for (_, who) in &people {
            let edge = Relationship::held(ResourceRef::of(who.tenant()), Relation::Member, who.principal());
            engine.grant(&[edge]).await.unwrap();
        }
        let engines = authz_router::Router::alone(engine.clone());
        let dual_write = Arc::new(DualWrite::new(Arc::new(engines.clone()), store.clone()));
        let app = App::new(Parts {
            engine: engines,
            inspector: Operated::new(Arc::new(Inspector::new(
                dual_write.clone(),
                store.clone(),
                Arc::new(engine.graph.clone()),
            ))),
            explainers: Operated::new(Explainers::alone(Explainer { engine: engine.clone(), reader: None })),
            dual_write,
            switches: Operated::new(store.clone()),
            routes: Operated::new(store),
            resolver: Arc::new(tokens),
            stores,
            sealer: Sealer::new(b""),
            denials: DenialPolicy::Hide,
            limits: Limits { body_bytes: BODY_LIMIT, ..Limits::default() },
            request_timeout: Duration::from_secs(30),
            introspection: Introspection::Everybody,
        });
        let owner = app.gate(&people[0].1);
        let agent = create_agent(&app, &owner, new_agent(agent_id, "scribe", &owner)).await.unwrap();
        Self { router: rest::router(app.clone()), app, engine, agent, people }
    }

    pub fn gate(&self, who: &str) -> Gate {
        let (_, who) = self.people.iter().find(|(name, _)| *name == who).unwrap();
        self.app.gate(who)
    }

    /// Another agent of the owner's.
    pub async fn another_agent(&self) -> agents::Agent {
        let (owner, id) = (self.gate("owner"), new_id());
        create_agent(&self.app, &owner, new_agent(Id::new(id.clone()), &id, &owner)).await.unwrap()
    }

    /// An API key of the agent's, made by the owner, and the key itself.
    pub async fn api_key(&self) -> (api_keys::ApiKey, String) {
        let owner = self.gate("owner");
        let permit = owner.permit::<authz::Agent, Create>(&Target::known(self.agent.id.clone())).await.unwrap();
        let draft = ApiKeyDraft { name: new_id(), key_type: KeyType::External, secret: None };
        let (key, secret) = create_api_key(&self.app, &owner, permit, draft).await.unwrap();
        (key, secret.expose().to_owned())
    }

    /// A task of the owner's, which the editor may edit and the viewer may see.
    pub async fn task(&self) -> tasks::Task {
        let params = json!({"secret": 1}).as_object().cloned();
        self.task_from(TaskDraft { name: Some(new_id()), params, metadata: None }).await
    }

    pub async fn task_from(&self, draft: TaskDraft) -> tasks::Task {
        let owner = self.gate("owner");
        let agent = Target::known(self.agent.id.clone());
        let task = create_task(&self.app, &owner, &agent, draft).await.unwrap();
        let share = owner.permit::<Task, Share>(&Target::known(task.id.clone())).await.unwrap();
        for (who, role) in [("editor", Role::Editor), ("viewer", Role::Viewer)] {
            owner.share(&share, role, self.gate(who).principal()).await.unwrap();
        }
        task
    }

    /// A task with this metadata.
    pub async fn task_with(&self, metadata: Value) -> tasks::Task {
        self.task_from(TaskDraft { metadata: metadata.as_object().cloned(), ..TaskDraft::default() }).await
    }

    /// Lets `who` see the agent.
    pub async fn show_agent(&self, who: &str) {
        let owner = self.gate("owner");
        let share = owner.permit::<authz::Agent, Share>(&Target::known(self.agent.id.clone())).await.unwrap();
        owner.share(&share, Role::Viewer, self.gate(who).principal()).await.unwrap();
    }

    /// The id of the task's tracker.
    pub async fn tracker(&self, task: &tasks::Task) -> String {
        self.get("owner", &format!("/tracker?task_id={}", task.id)).await.rows("id").remove(0)
    }

    /// A new event of the task for its agent.
    pub async fn event(&self, task: &tasks::Task, text: &str) -> String {
        let permit = self.gate("owner").permit::<_, Update>(&Target::known(task.id.clone())).await.unwrap();
        let content = Some(json!({"type": "text", "author": "user", "content": text}));
        let new = conversations::NewEvent { id: new_id(), agent: self.agent.id.clone(), content };
        self.app.stores.events.append(&permit, new).await.unwrap().id
    }

    /// A new message on the task.
    pub async fn message(&self, task: &tasks::Task) -> String {
        let content = json!({"type": "text", "author": "user", "content": "hi"});
        let said = self.post("owner", "/messages", json!({"task_id": task.id.as_str(), "content": content})).await;
        said.ok()["id"].as_str().unwrap().to_owned()
    }

    /// The state of the agent on the task.
    pub async fn state(&self, task: &tasks::Task) -> String {
        let body = json!({"task_id": task.id.as_str(), "agent_id": self.agent.id.as_str(), "state": {}});
        self.post("owner", "/states", body).await.ok()["id"].as_str().unwrap().to_owned()
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(who, "GET", path, None).await
    }

    pub async fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        self.send(who, "POST", path, Some(body)).await
    }

    pub async fn put(&self, who: &str, path: &str, body: Value) -> Answer {
        self.send(who, "PUT", path, Some(body)).await
    }

    pub async fn send(&self, who: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {who}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| body.to_string().into());
        self.raw(request.body(body).unwrap()).await
    }

    pub async fn raw(&self, request: Request<Body>) -> Answer {
        self.engine.asked.lock().unwrap().clear();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let questions = std::mem::take(&mut *self.engine.asked.lock().unwrap());
        Answer { status: parts.status, headers: parts.headers, bytes, questions }
    }
}

fn new_agent(id: agents::AgentId, name: &str, owner: &Gate) -> agents::NewAgent {
    agents::NewAgent {
        id,
        name: name.to_owned(),
        description: "Writes things down.".to_owned(),
        acp_type: agents::AcpType::Async,
        acp_url: Some("http://127.0.0.1:9".to_owned()),
        registration_metadata: None,
        input_type: None,
        creator: Some(owner.principal().clone()),
    }
}

/// A JSON object.
pub fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// The in-memory engine, which remembers what it was asked and can be made to fail.
#[derive(Default)]
pub struct Watched {
    graph: authz_graph::MemoryGraph,
    asked: Mutex<Vec<Question>>,
    /// How fresh it was asked.
    pub freshness: Mutex<Vec<Consistency>>,
    /// What it says of how fresh to ask to know of what it is told.
    pub token: Mutex<Option<ConsistencyToken>>,
    pub down: AtomicBool,
}

impl Watched {
    fn ask(&self, about: Question, consistency: &Consistency) -> Result<(), EngineError> {
        self.asked.lock().unwrap().push(about);
        self.freshness.lock().unwrap().push(consistency.clone());
        if self.down.load(Ordering::Relaxed) { Err(EngineError::Unavailable("down".into())) } else { Ok(()) }
    }
}

#[async_trait::async_trait]
impl Authorizer for Watched {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.ask(checks.iter().map(|check| check.resource.clone()).collect(), consistency)?;
        self.graph.check(principal, checks, consistency).await
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.ask(vec![], consistency)?;
        self.graph.lookup(principal, kind, action, most, consistency).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.register(registration).await?;
        Ok(self.token.lock().unwrap().clone())
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.deregister(resource).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.grant(relationships).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.graph.revoke(relationships).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.graph.holders(resources).await
    }
}
