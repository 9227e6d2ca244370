//! Agents: what runs tasks.

use authz::{
    After, Ending, Gone, Guarded, Id, Named, Page, Permit, Principal, Registered, Scope, SortKey, Tenant, Window,
    action::{Create, Delete, Read, Update},
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The id of an agent.
pub type AgentId = Id<authz::Agent>;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }
        impl $name {
            /// The word on wires.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
            /// The value behind a word, whatever its case: databases hold the upper-case labels.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                let word = word.replace('_', "");
                $(if word.eq_ignore_ascii_case(&$word.replace('_', "")) { return Some(Self::$variant) })*
                None
            }
        }
    };
}

words! {
    /// Whether an agent can be worked with. Words as in agentex.
    Status {
        /// It can.
        Ready = "Ready",
        /// It broke.
        Failed = "Failed",
        /// Nobody has heard of it lately.
        Unknown = "Unknown",
        /// It is gone. Never shown.
        Deleted = "Deleted",
        /// It answers, badly.
        Unhealthy = "Unhealthy",
        /// It was built and not yet deployed.
        BuildOnly = "BuildOnly",
    }
}
words! {
    /// How an agent is spoken to. Words as in agentex.
    AcpType {
        /// It answers at once.
        Sync = "sync",
        /// It reads events in its own time.
        Async = "async",
        /// The old word for `async`.
        Agentic = "agentic",
    }
}
words! {
    /// What an agent is fed with. Words as in agentex.
    InputType {
        /// Text.
        Text = "text",
        /// JSON.
        Json = "json",
    }
}

/// An agent.
#[derive(Clone)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its name, unique within its tenant.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether it can be worked with.
    pub status: Status,
    /// How it is spoken to.
    pub acp_type: AcpType,
    /// Why it is in this status.
    pub status_reason: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// What it said of itself when it registered.
    pub registration_metadata: Option<Value>,
    /// When it registered.
    pub registered_at: Option<DateTime<Utc>>,
    /// What it is fed with.
    pub input_type: Option<InputType>,
    /// The deployment that serves it.
    pub production_deployment_id: Option<String>,
    /// Where it listens: for those who may change it.
    pub acp_url: Guarded<Option<String>, authz::Agent, Update>,
}

/// An agent to be made.
#[derive(Clone, Debug)]
pub struct NewAgent {
    /// Its id.
    pub id: AgentId,
    /// Its name: `^[a-z0-9-]+$`, see [`valid_name`].
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How it is spoken to.
    pub acp_type: AcpType,
    /// Where it listens.
    pub acp_url: Option<String>,
    /// What it says of itself.
    pub registration_metadata: Option<Map<String, Value>>,
    /// What it is fed with.
    pub input_type: Option<InputType>,
    /// Who makes it. Kept on the row when it is a user or a service account.
    pub creator: Option<Principal>,
}

/// Whether `name` may name an agent: lower-case letters, digits and hyphens, at most 255 of them.
#[must_use]
pub fn valid_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// An agent that was ended.
#[derive(Clone)]
pub struct Deleted {
    /// The agent as it last was.
    pub agent: Agent,
    /// Its API keys, which went with it.
    pub keys: Vec<Gone>,
}

/// What a list of agents is sorted by; the id breaks ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// When it last changed.
    #[default]
    UpdatedAt,
    /// When it was made.
    CreatedAt,
    /// Its name.
    Name,
    /// Its id.
    Id,
}

impl Order {
    /// The place right behind `agent` in a list sorted so.
    #[must_use]
    pub fn after(self, agent: &Agent) -> After {
        let key = match self {
            Self::UpdatedAt => SortKey::Time(agent.updated_at.timestamp_micros()),
            Self::CreatedAt => SortKey::Time(agent.created_at.timestamp_micros()),
            Self::Name => SortKey::Text(agent.name.as_str().into()),
            Self::Id => SortKey::Text(agent.id.to_text()),
        };
        After { key, id: agent.id.to_text() }
    }
}

/// Which agents to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Only those that work on this task.
    pub task: Option<Id<authz::Task>>,
    /// Sorted by this.
    pub order: Order,
    /// This page.
    pub window: Window,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another agent of the tenant has the name.
    #[error("an agent named `{name}` already exists")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The making took so long that it was given up, and its registration is being undone.
    #[error("the agent took too long to make")]
    Superseded,
    /// A text holds U+0000, which no row can.
    #[error("text with U+0000 in it cannot be stored")]
    Unstorable,
    /// The store cannot be reached, or not in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row does not hold what it must.
    #[error("a row of `{table}` is corrupt")]
    Corrupt {
        /// Its table.
        table: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where agents are kept. Deleted agents are as if they were not.
#[async_trait::async_trait]
pub trait AgentStore: Send + Sync {
    /// The permitted agents that have a row, in any order. One round trip.
    async fn get(&self, permits: &[&Permit<authz::Agent, Read>]) -> Result<Vec<Agent>, StoreError>;

    /// The id behind a name within a tenant, and how fresh to ask about it. No more: what it names is the gate's to show.
    async fn id_by_name(&self, tenant: &Id<Tenant>, name: &str) -> Result<Option<Named<authz::Agent>>, StoreError>;

    /// A page of the agents in scope. One round trip.
    async fn page(&self, scope: &Scope<authz::Agent, Read>, query: &Query) -> Result<Page<Agent>, StoreError>;

    /// Makes an agent in the permitted tenant, in status `Ready` and registered now, and settles the
    /// intent it was registered by, all or none. One round trip. [`StoreError::NameTaken`] and
    /// [`StoreError::Superseded`] (the intent is not open any more) leave no row, and the intent as it was.
    async fn create(
        &self,
        permit: &Permit<Tenant, Create>,
        new: NewAgent,
        registered: Registered,
    ) -> Result<Agent, StoreError>;

    /// Ends an agent, and its API keys with it, and opens the intent of its `ending` and of each key's, in one
    /// commit. Its name is free from then on. Its tasks are others' and stay, with all they own: they can be
    /// read, changed and ended, and none can be made. `None`, and no intent, when there is no such agent.
    async fn delete(
        &self,
        permit: &Permit<authz::Agent, Delete>,
        ending: &Ending,
    ) -> Result<Option<Deleted>, StoreError>;

    /// The ids of the agents that work on each permitted task. One round trip.
    async fn of_tasks(
        &self,
        tasks: &[&Permit<authz::Task, Read>],
    ) -> Result<Vec<(Id<authz::Task>, AgentId)>, StoreError>;
}
