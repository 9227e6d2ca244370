//! What operators ask an engine: all it has heard of, in order, to be compared with the rows or copied.

use crate::{
    engine::{EngineError, Relationship},
    resource::Kind,
};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// What an engine has heard of one resource, as far as its registration goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The resource's id.
    pub id: Arc<str>,
    /// Whether anybody owns it.
    pub owned: bool,
    /// Whether it has a runtime: an agent's own credential.
    pub runtime: bool,
    /// The tenants it is said to live in, sorted. One, when all is well.
    pub tenants: Vec<Arc<str>>,
    /// The agents it is said to run on, or to be for, sorted. One, for a task or an API key, when all is well.
    pub parents: Vec<Arc<str>>,
    /// When the last was said of it. `None` when the engine does not know, and in pages.
    pub since: Option<DateTime<Utc>>,
}

/// An engine whose relationships can be read through. Not every engine's can.
#[async_trait::async_trait]
pub trait RegistrationScan: Send + Sync {
    /// The first `limit` resources of `kind` that anything is said of, by the bytes of their ids, behind
    /// `after`. Fewer only at the end. One round trip.
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Known>, EngineError>;

    /// Those of these resources that anything is said of, in any order. One round trip.
    async fn known(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Known>, EngineError>;
}

/// An engine whose every relationship can be read, to be written into another engine.
#[async_trait::async_trait]
pub trait RelationshipScan: Send + Sync {
    /// Every relationship of the first `limit` resources of `kind` that anything is said of, by the bytes of
    /// their ids, behind `after`. A resource's relationships lie together, and are as of now. Of fewer resources only at
    /// the end.
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Relationship>, EngineError>;
}
