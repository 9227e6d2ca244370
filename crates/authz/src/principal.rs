//! Who is asking.

use crate::resource::{Agent, Id, Tenant};
use std::{fmt, str::FromStr, sync::Arc};

/// What sort of identity a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A machine identity of a tenant.
    ServiceAccount,
    /// The runtime of an agent, on that agent's own credential.
    Agent,
}

impl PrincipalKind {
    /// The word on wires and in `schema.zed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ServiceAccount => "service_account",
            Self::Agent => "agent",
        }
    }

    /// The kind behind a word, if it is one of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::User, Self::ServiceAccount, Self::Agent].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A principal: a kind and an id within it. Written `user:alice`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal {
    kind: PrincipalKind,
    id: Arc<str>,
}

/// Text that names no principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a principal is written `user:ID`, `service_account:ID` or `agent:ID`")]
pub struct UnknownPrincipal;

impl Principal {
    /// A person.
    #[must_use]
    pub fn user(id: impl Into<Arc<str>>) -> Self {
        Self { kind: PrincipalKind::User, id: id.into() }
    }

    /// A machine identity.
    #[must_use]
    pub fn service_account(id: impl Into<Arc<str>>) -> Self {
        Self { kind: PrincipalKind::ServiceAccount, id: id.into() }
    }

    /// The runtime of an agent.
    #[must_use]
    pub fn agent(id: &Id<Agent>) -> Self {
        Self { kind: PrincipalKind::Agent, id: id.to_text() }
    }

    /// The principal of a kind.
    #[must_use]
    pub fn new(kind: PrincipalKind, id: impl Into<Arc<str>>) -> Self {
        Self { kind, id: id.into() }
    }

    /// What sort of identity this is.
    #[must_use]
    pub const fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The id within its kind.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}

impl FromStr for Principal {
    type Err = UnknownPrincipal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, id) = text.split_once(':').ok_or(UnknownPrincipal)?;
        let kind = PrincipalKind::from_word(kind).ok_or(UnknownPrincipal)?;
        let id = Id::<Tenant>::parse(id).map_err(|_| UnknownPrincipal)?;
        Ok(Self { kind, id: id.to_text() })
    }
}
