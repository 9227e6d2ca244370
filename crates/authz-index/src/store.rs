//! Where it is kept, for all gateways, which engines have an index and how it stands.

use async_trait::async_trait;
use authz::ConsistencyToken;

/// How the index of an engine stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Which making of it this is. One that is made anew is another one: whoever follows begins again.
    pub epoch: i64,
    /// The moment of the engine from which on its changes are to be told: of all before, it knows once it is complete.
    pub reached: ConsistencyToken,
    /// Whether all is in it that was there when it was made.
    pub complete: bool,
    /// Whether something was missed since it was begun, so that it has to be made anew.
    pub spoiled: bool,
    /// Whether it has not got any further for so long that the engine may have forgotten what came then.
    pub old: bool,
}

/// It could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("indexes of engines cannot be read or written")]
pub struct IndexError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Where it is kept how indexes stand. Engines go by their names in routes. What changes is made known with the routes,
/// except for what has been reached.
#[async_trait]
pub trait IndexStore: Send + Sync {
    /// The index of an engine, if it has one.
    async fn index(&self, engine: &str) -> Result<Option<Index>, IndexError>;

    /// Begins one, or begins it anew: it is kept from now on, and not complete.
    async fn begin(&self, engine: &str, reached: &ConsistencyToken) -> Result<Index, IndexError>;

    /// It knows of everything up to here, and is not old. Whether it is still the one of this epoch.
    async fn reach(&self, engine: &str, epoch: i64, reached: &ConsistencyToken) -> Result<bool, IndexError>;

    /// From now on it is complete, or is not, and never is: something was missed. Whether that is so, of the one of this
    /// epoch.
    async fn settle(&self, engine: &str, epoch: i64, complete: bool) -> Result<bool, IndexError>;

    /// There is none from now on. Whether there was one.
    async fn end(&self, engine: &str) -> Result<bool, IndexError>;
}
