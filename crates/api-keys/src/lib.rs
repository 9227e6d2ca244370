//! API keys: the credentials of agents' runtimes.
//!
//! A key stands for the runtime of one agent, and is good for as long as its row is there: whoever ends the
//! key, or the agent, ends what it opens at once, on every gateway. What is kept of a key is a [`Digest`];
//! the key itself is told once, to whoever makes it.

mod secret;

pub use secret::{BadSecret, Digest, Sealer, Secret};

use authz::{
    After, Agent, Ending, Guarded, Id, Page, Permit, Principal, Registered, Scope, SortKey, Tenant, Window,
    action::{Create, Delete, Read, Update},
};
use chrono::{DateTime, Utc};

/// The id of an API key.
pub type ApiKeyId = Id<authz::ApiKey>;

/// Who a key was made for. Both open the same. Words as in agentex, whose keys for checking the signatures of
/// GitHub and Slack are not kept here: that needs the secret, and a digest is all there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyType {
    /// The agent's own processes.
    Internal,
    /// Others who act as the agent.
    #[default]
    External,
}

impl KeyType {
    /// Every type there is.
    pub const ALL: [Self; 2] = [Self::Internal, Self::External];

    /// The word on wires and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }

    /// The type behind a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An API key, without what makes it one.
#[derive(Clone)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose runtime it is the credential of.
    pub agent_id: Id<Agent>,
    /// Its name, unique among the agent's keys of its type.
    pub name: String,
    /// Who it was made for.
    pub key_type: KeyType,
    /// How the key begins.
    pub prefix: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it, when that was a user or a service account: for those who may end it.
    pub creator: Guarded<Option<Principal>, authz::ApiKey, Delete>,
}

impl ApiKey {
    /// The place right behind it in a list.
    #[must_use]
    pub fn place(&self) -> After {
        After { key: SortKey::Time(self.created_at.timestamp_micros()), id: self.id.to_text() }
    }
}

/// An API key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The tenant that it and its agent live in.
    pub tenant: Id<Tenant>,
    /// Its name, see [`valid_name`].
    pub name: String,
    /// Who it is made for.
    pub key_type: KeyType,
    /// How the key begins.
    pub prefix: String,
    /// What is kept of the key.
    pub digest: Digest,
    /// Who makes it. Kept on the row when it is a user or a service account.
    pub creator: Option<Principal>,
}

/// The longest name, in characters.
pub const NAME_CHARS: usize = 256;

/// Whether `name` may name a key: 1 to [`NAME_CHARS`] characters, none of them a control character.
#[must_use]
pub fn valid_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= NAME_CHARS && !name.chars().any(char::is_control)
}

/// By which of its keys an agent is meant.
#[derive(Clone, Copy, Debug)]
pub enum AgentKey<'a> {
    /// By its id.
    Id(&'a str),
    /// By its name within the caller's tenant.
    Name(&'a str),
}

/// Which keys to list, by when they were made.
#[derive(Clone, Debug)]
pub struct Query {
    /// Only those of this agent.
    pub agent: Option<Id<Agent>>,
    /// This page.
    pub window: Window,
}

/// Whom a key lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The agent whose runtime it is.
    pub agent: Id<Agent>,
    /// The tenant that agent lives in.
    pub tenant: Id<Tenant>,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The agent has a key of this name and type.
    #[error("the agent has an API key named `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Somebody has this very key.
    #[error("the API key is in use already")]
    KeyTaken,
    /// The agent is gone, or is of another tenant.
    #[error("the agent does not exist")]
    NoSuchAgent,
    /// The making took so long that it was given up, and its registration is being undone.
    #[error("the API key took too long to make")]
    Superseded,
    /// A text holds U+0000, which no row can.
    #[error("text with U+0000 in it cannot be stored")]
    Unstorable,
    /// The store cannot be reached, or not in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where API keys are kept. The keys of a deleted agent have gone with it.
#[async_trait::async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// Whom the key with this digest lets in, as of now. One round trip, one look-up in an index.
    async fn bearer(&self, digest: &Digest) -> Result<Option<Bearer>, StoreError>;

    /// The permitted key, if it has a row. One round trip.
    async fn get(&self, permit: &Permit<authz::ApiKey, Read>) -> Result<Option<ApiKey>, StoreError>;

    /// The id behind a name and type among an agent's keys. Only an id: what it names is the gate's to show.
    /// One round trip, whether it is the agent or the key that is not there.
    async fn id_by_name(
        &self,
        tenant: &Id<Tenant>,
        agent: AgentKey<'_>,
        name: &str,
        key_type: KeyType,
    ) -> Result<Option<ApiKeyId>, StoreError>;

    /// A page of the keys in scope, by [`ApiKey::place`]. One round trip.
    async fn page(&self, scope: &Scope<authz::ApiKey, Read>, query: &Query) -> Result<Page<ApiKey>, StoreError>;

    /// For each permitted agent, in order, its first `limit` keys behind `after`, oldest first. Who may change
    /// an agent may read its keys. One round trip.
    async fn of_agents(
        &self,
        agents: &[&Permit<Agent, Update>],
        after: Option<&After>,
        limit: u32,
    ) -> Result<Vec<Page<ApiKey>>, StoreError>;

    /// Makes a key of the permitted agent and settles the intent it was registered by, all or none. One round
    /// trip. Every error leaves no row, and the intent as it was.
    async fn create(
        &self,
        agent: &Permit<Agent, Create>,
        new: NewApiKey,
        registered: Registered,
    ) -> Result<ApiKey, StoreError>;

    /// Ends the permitted key and opens the intent of its `ending`, in one commit. From then on it lets nobody
    /// in. Answers the key as it last was; `None`, and no intent, when there is none.
    async fn delete(
        &self,
        permit: &Permit<authz::ApiKey, Delete>,
        ending: &Ending,
    ) -> Result<Option<ApiKey>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_something_in_it_and_is_not_too_long() {
        for good in ["a", "ci deploy", "acme/repo", &"ä".repeat(NAME_CHARS)] {
            assert!(valid_name(good), "{good:?}");
        }
        for bad in ["", "a\nb", "\0", &"a".repeat(NAME_CHARS + 1)] {
            assert!(!valid_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn types_are_known_by_their_words() {
        for kind in KeyType::ALL {
            assert_eq!(KeyType::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(["github", "INTERNAL", ""].map(KeyType::from_word), [None; 3]);
    }
}
