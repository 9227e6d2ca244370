//! The port that authorization engines implement.

use crate::{
    action::{Action, ActionSet},
    behalf::{Behalf, Bound},
    principal::Principal,
    resource::{Kind, ResourceRef},
    schema::{self, Relation, Role},
    sieve::Sieve,
};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// One question: which of `actions` may the principal do to `resource`?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Check {
    /// The thing.
    pub resource: ResourceRef,
    /// The actions asked about. Others are not answered.
    pub actions: ActionSet,
}

/// One answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    /// Those of the asked actions that are allowed. Empty for a resource the engine has not heard of.
    pub allowed: ActionSet,
}

/// Where the resources that a principal may act on are to be found. What an engine answers is a [`Lookup`];
/// what a store is given comes from the gate.
#[derive(Clone)]
pub enum Extent {
    /// Every resource of the kind. Only an engine that says so in so many words may answer this.
    Everything,
    /// These, and no others. Never truncated.
    Ids(Arc<BTreeSet<Arc<str>>>),
    /// The relationships live beside the rows: the store joins with them.
    Beside(Beside),
    /// The relationships live in this process: the store asks for each row it meets.
    Where(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    /// They are too many to be named, and are elsewhere: the store walks its rows in their order, page by page, or
    /// those of [`Sieve::among`], and asks of each page which are among them.
    Asked(Sieve),
}

/// What an engine answers to a look-up.
#[derive(Clone)]
pub enum Lookup {
    /// Here, and nowhere else.
    Within(Extent),
    /// They are more than the caller wanted to be named.
    TooMany,
    /// All of them are here, and others may be, too: a check tells which. Only to a caller who wanted no more than some to
    /// be named.
    Among(Extent),
}

impl Lookup {
    /// These, and no others.
    #[must_use]
    pub fn ids(ids: BTreeSet<Arc<str>>) -> Self {
        Self::Within(Extent::Ids(Arc::new(ids)))
    }

    /// None at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self::ids(BTreeSet::new())
    }
}

/// What a store needs to join rows with the relationships that stand beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Whose relationships.
    pub principal: Principal,
    /// Any of these is enough.
    pub free: Vec<Relation>,
    /// Any of these is enough for a member of the resource's tenant.
    pub gated: Vec<Relation>,
    /// What is enough when it is held of the resource's parent agent.
    pub parent: Option<Box<Self>>,
}

impl Beside {
    /// What to join with to find what `principal` may do `action` to; none when there is no such permission.
    #[must_use]
    pub fn to_find(principal: &Principal, kind: Kind, action: Action) -> Option<Self> {
        let by = |rule: &schema::Rule, parent| Self {
            principal: principal.clone(),
            free: rule.free.to_vec(),
            gated: rule.gated.to_vec(),
            parent,
        };
        let parent = schema::parent_rule(kind, action).map(|rule| Box::new(by(rule, None)));
        Some(by(schema::rule(kind, action)?, parent))
    }

    /// The same, as if the principal were a member of every tenant: all that it finds, and perhaps more.
    #[must_use]
    pub fn whoever_is_a_member(self) -> Self {
        let Self { principal, mut free, gated, parent } = self;
        free.extend(gated);
        let parent = parent.map(|parent| Box::new(parent.whoever_is_a_member()));
        Self { principal, free, gated: Vec::new(), parent }
    }
}

/// One edge of the authorization graph: `subject` is `relation` of `resource`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Relationship {
    /// The thing.
    pub resource: ResourceRef,
    /// The relation.
    pub relation: Relation,
    /// The kind of the subject, a [`crate::PrincipalKind`] or a [`Kind`].
    pub subject_kind: Arc<str>,
    /// The id of the subject.
    pub subject_id: Arc<str>,
}

impl Relationship {
    /// A principal's relation to a resource.
    #[must_use]
    pub fn held(resource: ResourceRef, relation: Relation, subject: &Principal) -> Self {
        Self { resource, relation, subject_kind: subject.kind().as_str().into(), subject_id: subject.id().into() }
    }

    /// A resource's relation to another, such as its tenant.
    #[must_use]
    pub fn between(resource: ResourceRef, relation: Relation, subject: &ResourceRef) -> Self {
        Self { resource, relation, subject_kind: subject.kind.as_str().into(), subject_id: Arc::clone(&subject.id) }
    }
}

/// As `SpiceDB`'s tools write it: `task:T#owner@user:alice`.
impl fmt::Display for Relationship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, relation, subject_kind, subject_id } = self;
        write!(f, "{resource}#{}@{subject_kind}:{subject_id}", relation.as_str())
    }
}

/// Everything that is said of a new resource, in one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The new thing.
    pub resource: ResourceRef,
    /// Who owns it.
    pub owner: Principal,
    /// The tenant it lives in.
    pub tenant: Arc<str>,
    /// The agent it runs on, for a task; the agent it is for, for an API key.
    pub parent: Option<ResourceRef>,
}

impl Registration {
    /// The relationships this registration stands for. Every engine writes exactly these.
    #[must_use]
    pub fn relationships(&self) -> Vec<Relationship> {
        let resource = || self.resource.clone();
        let tenant = ResourceRef { kind: Kind::Tenant, id: Arc::clone(&self.tenant) };
        let mut all = vec![
            Relationship::held(resource(), Relation::Owner, &self.owner),
            Relationship::between(resource(), Relation::Tenant, &tenant),
        ];
        if self.resource.kind == Kind::Agent {
            all.push(Relationship::between(resource(), Relation::Runtime, &self.resource));
        }
        if let Some(parent) = &self.parent {
            all.push(Relationship::between(resource(), Relation::ParentAgent, parent));
        }
        all
    }
}

/// How fresh an engine was when it had written something: asked at least as fresh as this, it knows of it.
/// Opaque; each engine has its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsistencyToken(Arc<str>);

impl ConsistencyToken {
    /// The token an engine has given.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How fresh an answer has to be. The words are `SpiceDB`'s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// As fast as can be, within the staleness that the deployment has agreed to. Only reads ask so.
    MinimizeLatency,
    /// The same, and of a moment at which all that led to this token was known.
    AtLeastAsFresh(ConsistencyToken),
    /// Of this moment: whatever was written before the question is known.
    #[default]
    FullyConsistent,
}

impl Consistency {
    /// As fresh as this, and of a moment at which all that led to `token` was known. Of two tokens nobody knows which is
    /// the later.
    #[must_use]
    pub fn and(self, token: &ConsistencyToken) -> Self {
        match self {
            Self::MinimizeLatency => Self::AtLeastAsFresh(token.clone()),
            Self::AtLeastAsFresh(known) if known == *token => Self::AtLeastAsFresh(known),
            Self::AtLeastAsFresh(_) | Self::FullyConsistent => Self::FullyConsistent,
        }
    }
}

/// Somebody with a role on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Who.
    pub principal: Principal,
    /// As what.
    pub role: Role,
}

/// The engine could not answer. Never a denial: the gate fails closed on it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Not reachable, or not in time.
    #[error("the authorization engine is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It did not answer in time. What it was asked to write may have been written.
    #[error("the authorization engine did not answer in time")]
    TimedOut,
    /// It answered something that is not an answer, such as the wrong number of decisions.
    #[error("the authorization engine answered nonsense: {0}")]
    Malformed(String),
}

impl EngineError {
    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::TimedOut => true,
            Self::Malformed(_) => false,
        }
    }

    /// Every class there is.
    pub const CLASSES: &'static [&'static str] = &["Unavailable", "Timeout", "Malformed"];

    /// The class of the error, for metrics: one of [`Self::CLASSES`].
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "Unavailable",
            Self::TimedOut => "Timeout",
            Self::Malformed(_) => "Malformed",
        }
    }
}

/// An authorization engine. Batch-first: a single check is a batch of one.
///
/// Every write answers how fresh one must ask to know of it; nothing, when every answer of the engine knows of
/// all that was written.
#[async_trait::async_trait]
pub trait Authorizer: Send + Sync {
    /// One [`Decision`] per check, in order, in one round trip however many there are.
    /// A resource the engine has not heard of allows nothing.
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError>;

    /// All resources of `kind` that `principal` may do `action` to: exactly those whose check allows. An engine
    /// that can only name them answers [`Lookup::TooMany`] when they are more than `most`, or, where it is known,
    /// [among](Lookup::Among) which they are; without a `most` it names them all.
    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError>;

    /// Writes [`Registration::relationships`], all or none. Repeating it changes nothing.
    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError>;

    /// Forgets every relationship of `resource`. Repeating it changes nothing.
    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError>;

    /// Adds relationships, all or none. Those already there are left as they are.
    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError>;

    /// Removes relationships, all or none. Those not there are passed over.
    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError>;

    /// Who holds a [`Role`] on each resource, sorted, in the order asked, in one round trip. As of this moment.
    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError>;

    /// This engine as it is asked on somebody's behalf; none, when nothing but the principal matters to it. What
    /// wraps an engine to which more does must wrap what that answers here, and tell apart what it remembers.
    fn on_behalf(&self, behalf: &Behalf) -> Option<Bound> {
        let _ = behalf;
        None
    }
}
