//! The things that permissions are about, and their ids.

use crate::action::{self, Marker};
use std::{
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
    sync::Arc,
};

/// The kind of a resource, as engines and wires name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An account that shares the deployment with others.
    Tenant,
    /// A program that works on tasks.
    Agent,
    /// A unit of work, and all that hangs on it.
    Task,
    /// A credential of an agent's runtime.
    ApiKey,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: &'static [Self] = &[Self::Tenant, Self::Agent, Self::Task, Self::ApiKey];

    /// The word on wires and in `schema.zed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Agent => "agent",
            Self::Task => "task",
            Self::ApiKey => "api_key",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A marker type for a kind of resource that permits can be about.
pub trait Resource: Copy + fmt::Debug + Send + Sync + 'static {
    /// The kind this type stands for.
    const KIND: Kind;
}

/// The permission exists: `Permit<R, A>` makes sense. Twin of the `permission` lines in `schema.zed`.
#[diagnostic::on_unimplemented(message = "there is no action `{A}` on `{Self}`")]
pub trait Allows<A: Marker>: Resource {}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident: $($action:ident),*;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name;
        impl Resource for $name {
            const KIND: Kind = Kind::$name;
        }
        $(impl Allows<action::$action> for $name {})*
    )* };
}
resources! {
    /// Marks a tenant.
    Tenant: Read, Create;
    /// Marks an agent.
    Agent: Read, Update, Execute, Create, Delete, Share;
    /// Marks a task.
    Task: Read, Update, Execute, Cancel, Delete, Share;
    /// Marks an API key.
    ApiKey: Read, Delete;
}

/// The id of one resource of kind `R`. Opaque text; cheap to clone.
pub struct Id<R> {
    text: Arc<str>,
    marker: PhantomData<fn() -> R>,
}

/// Text that no id can be: empty, longer than 255 bytes, or with control characters in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 255 bytes of text without control characters")]
pub struct BadId;

impl<R> Id<R> {
    /// An id this system made or has stored.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), marker: PhantomData }
    }

    /// An id somebody typed.
    ///
    /// # Errors
    /// [`BadId`] when no stored id could look like this.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let fits = !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control);
        fits.then(|| Self::new(text)).ok_or(BadId)
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The shared text of the id.
    #[must_use]
    pub fn to_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }
}

impl<R> Clone for Id<R> {
    fn clone(&self) -> Self {
        Self { text: Arc::clone(&self.text), marker: PhantomData }
    }
}
impl<R> PartialEq for Id<R> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl<R> Eq for Id<R> {}
impl<R> PartialOrd for Id<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<R> Ord for Id<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}
impl<R> Hash for Id<R> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
impl<R> fmt::Debug for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.text)
    }
}
impl<R> fmt::Display for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A resource whose kind is known only at run time: what engines are asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceRef {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: Arc<str>,
}

impl ResourceRef {
    /// The resource with this id.
    #[must_use]
    pub fn of<R: Resource>(id: &Id<R>) -> Self {
        Self { kind: R::KIND, id: id.to_text() }
    }
}

/// Text that names no resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a resource is `KIND:ID`, such as `task:0192f0c1`")]
pub struct UnknownResource;

/// Reads what `Display` writes.
impl FromStr for ResourceRef {
    type Err = UnknownResource;

    fn from_str(text: &str) -> Result<Self, UnknownResource> {
        let (kind, id) = text.split_once(':').ok_or(UnknownResource)?;
        let kind = Kind::ALL.iter().copied().find(|known| known.as_str() == kind).ok_or(UnknownResource)?;
        let id = Id::<Tenant>::parse(id).map_err(|_| UnknownResource)?;
        Ok(Self { kind, id: id.to_text() })
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}
