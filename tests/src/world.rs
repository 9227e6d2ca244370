//! A server with what most tests need on it: tasks of the owner's that the editor and the viewer know.

use crate::{As, Server, Settings, Storage, documents};
use serde_json::{Value, json};

/// A server, and the demo's agent on it.
#[derive(Debug)]
pub struct World {
    /// The server.
    pub server: Server,
    /// Owns what is made here.
    pub owner: As,
    /// The agent that tasks are made on.
    pub agent: String,
}

/// Everything that a request can name.
#[derive(Clone, Debug)]
pub struct Things {
    /// A task's id, which is also its thread's.
    pub task: String,
    /// The task's name.
    pub name: String,
    /// The task's tracker.
    pub tracker: String,
    /// An event of the task's.
    pub event: String,
    /// A checkpoint of the task's, in the root namespace.
    pub checkpoint: String,
    /// A message of the task's.
    pub message: String,
    /// A state of the task's.
    pub state: String,
    /// The agent that the task runs on.
    pub agent: String,
    /// The agent's name.
    pub agent_name: String,
    /// An agent of the owner's that nobody else knows of.
    pub own_agent: String,
    /// Its name.
    pub own_agent_name: String,
    /// An API key of the agent that the task runs on, made by the owner.
    pub key: String,
    /// The key's name.
    pub key_name: String,
}

/// A word that nothing is called, as long as an id.
#[must_use]
pub fn nobody() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Things {
    /// Things that are not there.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            task: nobody(),
            name: nobody(),
            tracker: nobody(),
            event: nobody(),
            checkpoint: nobody(),
            message: nobody(),
            state: nobody(),
            agent: nobody(),
            agent_name: nobody(),
            own_agent: nobody(),
            own_agent_name: nobody(),
            key: nobody(),
            key_name: nobody(),
        }
    }

    /// Everything in here that an answer could repeat, with what it is called.
    #[must_use]
    pub fn spellings(&self) -> [(&'static str, &str); 13] {
        [
            ("TASK", &self.task),
            ("NAME", &self.name),
            ("TRACKER", &self.tracker),
            ("EVENT", &self.event),
            ("CHECKPOINT", &self.checkpoint),
            ("MESSAGE", &self.message),
            ("STATE", &self.state),
            ("AGENT", &self.agent),
            ("AGENT-NAME", &self.agent_name),
            ("OWN-AGENT", &self.own_agent),
            ("OWN-AGENT-NAME", &self.own_agent_name),
            ("KEY", &self.key),
            ("KEY-NAME", &self.key_name),
        ]
    }
}

impl World {
    /// A world on a server with nothing set but its storage.
    pub async fn new(storage: Storage) -> Self {
        Self::on(Server::start(storage).await)
    }

    /// A world on a server that is set up otherwise.
    pub async fn with(settings: Settings, storage: Storage) -> Self {
        Self::on(settings.start(storage).await)
    }

    /// A world on a running server.
    #[must_use]
    pub fn on(server: Server) -> Self {
        Self { owner: server.owner(), agent: server.demo.agent(), server }
    }

    /// A new task of the owner's that nobody else knows of. Its id.
    pub async fn secret(&self) -> String {
        self.make(json!({ "agentId": self.agent, "name": nobody() })).await
    }

    /// A new task of the owner's, from the given input. Its id.
    pub async fn make(&self, input: Value) -> String {
        let made = self.owner.gql(documents::CREATE_TASK, json!({ "input": input })).await.data();
        made["createTask"]["id"].as_str().expect("a task has an id").to_owned()
    }

    /// Lets somebody see or edit a task of the owner's.
    pub async fn share(&self, task: &str, with: &As, role: &str) {
        let principal = with.principal.as_deref().expect("only known callers can be shared with");
        let variables = json!({ "id": task, "principal": principal, "role": role });
        self.owner.gql(documents::SHARE_TASK, variables).await.data();
    }

    /// A new task of the owner's that the editor may edit and the viewer may see. Its id.
    pub async fn task(&self) -> String {
        let task = self.secret().await;
        self.share(&task, &self.server.editor(), "EDITOR").await;
        self.share(&task, &self.server.viewer(), "VIEWER").await;
        task
    }

    /// A new agent of the owner's that nobody else knows of. Its id.
    pub async fn agent_named(&self, name: &str) -> String {
        let input = json!({ "name": name, "description": "nobody else's", "acpType": "ASYNC" });
        let made = self.owner.gql(documents::CREATE_AGENT, json!({ "input": input })).await.data();
        made["createAgent"]["id"].as_str().expect("an agent has an id").to_owned()
    }

    /// A new API key of an agent of the owner's, with the key itself in it.
    pub async fn api_key(&self, agent: &str, name: &str) -> Value {
        let body = json!({ "agent_id": agent, "name": name });
        self.owner.post("/agent_api_keys", body).await.expect(200)
    }

    /// Whoever holds an API key.
    #[must_use]
    pub fn holder(&self, key: &Value) -> As {
        let token = key["api_key"].as_str().expect("a new key is told");
        let principal = format!("agent:{}", key["agent_id"].as_str().expect("a key is an agent's"));
        As::new("holder", &self.server.demo.url(), Some(token.to_owned()), Some(principal))
    }

    /// The tracker of a task.
    pub async fn tracker(&self, task: &str) -> String {
        let trackers = self.owner.get(&format!("/tracker?task_id={task}")).await.expect(200);
        trackers[0]["id"].as_str().unwrap_or_else(|| panic!("a task has a tracker: {trackers}")).to_owned()
    }

    /// Appends an event to a task. Its id.
    pub async fn event(&self, task: &str) -> String {
        let input = json!({ "taskId": task, "agentId": self.agent, "content": { "type": "data", "data": {} } });
        let appended = self.owner.gql(documents::APPEND_EVENT, json!({ "input": input })).await.data();
        appended["appendEvent"]["id"].as_str().expect("an event has an id").to_owned()
    }

    /// Puts a checkpoint on a task's thread. Its id.
    pub async fn checkpoint(&self, task: &str) -> String {
        let id = nobody();
        self.owner.post("/checkpoints/put", checkpoint(task, &id)).await.expect(200);
        id
    }

    /// A task with one of everything, which the editor and the viewer know.
    pub async fn things(&self) -> Things {
        let input = json!({ "agentId": self.agent, "name": nobody() });
        let made = self.owner.gql(documents::MAKE_TASK, json!({ "input": input })).await.data()["createTask"].clone();
        let variables = json!({
            "id": made["id"],
            "editor": self.server.editor().principal,
            "viewer": self.server.viewer().principal,
            "event": { "taskId": made["id"], "agentId": self.agent, "content": { "type": "data", "data": {} } },
            "checkpoint": { "threadId": made["id"], "checkpointId": nobody(), "checkpoint": { "channel_versions": {} } },
        });
        let (message, state) = (message(&made["id"]), state(&made["id"], &self.agent));
        let (own_agent_name, key_name) = (nobody(), nobody());
        let (furnished, message, state, own_agent, key) = tokio::join!(
            self.owner.gql(documents::FURNISH_TASK, variables),
            self.owner.post("/messages", message),
            self.owner.post("/states", state),
            self.agent_named(&own_agent_name),
            self.api_key(&self.agent, &key_name),
        );
        let (furnished, message, state) = (furnished.data(), message.expect(200), state.expect(200));
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text in {made} {furnished}")).to_owned();
        Things {
            task: text(&made["id"]),
            name: text(&made["name"]),
            tracker: text(&made["trackers"][0]["id"]),
            event: text(&furnished["appendEvent"]["id"]),
            checkpoint: text(&furnished["putCheckpoint"]["checkpointId"]),
            message: text(&message["id"]),
            state: text(&state["id"]),
            agent: self.agent.clone(),
            agent_name: text(&made["agents"][0]["name"]),
            own_agent,
            own_agent_name,
            key: text(&key["id"]),
            key_name,
        }
    }

    /// A task as its owner sees it.
    pub async fn see(&self, task: &str) -> Value {
        self.owner.get(&format!("/tasks/{task}")).await.expect(200)
    }

    /// All that hangs on a task, as its owner sees it: to tell whether anything has changed.
    pub async fn all_of(&self, task: &str) -> Value {
        json!({
            "task": self.see(task).await,
            "trackers": self.owner.get(&format!("/tracker?task_id={task}")).await.expect(200),
            "checkpoints": self.owner.post("/checkpoints/list", json!({ "thread_id": task })).await.expect(200),
            "messages": self.owner.get(&format!("/messages?task_id={task}")).await.expect(200),
            "states": self.owner.get(&format!("/states?task_id={task}")).await.expect(200),
            "latest": self.owner.post("/checkpoints/get-tuple", json!({ "thread_id": task })).await.expect(200),
        })
    }
}

/// What a message says.
#[must_use]
pub fn content() -> Value {
    json!({ "type": "text", "author": "user", "content": "hello" })
}

/// The body that makes a message.
#[must_use]
pub fn message(task: &Value) -> Value {
    json!({ "task_id": task, "content": content() })
}

/// The body that makes a state.
#[must_use]
pub fn state(task: &Value, agent: &str) -> Value {
    json!({ "task_id": task, "agent_id": agent, "state": { "k": 1 } })
}

/// The body that puts a checkpoint.
#[must_use]
pub fn checkpoint(task: &str, id: &str) -> Value {
    json!({
        "thread_id": task,
        "checkpoint_id": id,
        "checkpoint": { "id": id, "channel_versions": {} },
        "metadata": { "source": "loop", "step": 1 },
    })
}
