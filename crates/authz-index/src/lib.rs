//! An index for lists: where the resources of a principal may be, known beside the rows, for engines that are elsewhere.
//!
//! An engine elsewhere can name what somebody holds, and can say of any row whether it is among it. With a hundred thousand
//! of a million both are slow: the names are too many, and nine rows of ten are asked about in vain. Relationships that
//! stand beside the rows find the next fifty at once. So the embedded engine is told all that the other one is told, and
//! answers one question only: among which rows may they be? What is shown, the engine decides, row by row, as ever.
//!
//! | written | goes |
//! | --- | --- |
//! | a registration, a grant | into the index, then to the engine: what the engine knows of is never missing |
//! | a deregistration | to the engine, then out of the index: an id does not come back |
//! | a revocation | to the engine, and [out of the index](TakenOut) |
//!
//! *Invariant: the index holds all that the engine holds, and perhaps more.* More costs a check. Less would be a list with
//! holes, so an index of which that is not known is [not used](Standing): the engine finds lists itself, as without one.

mod standing;
mod store;

pub use standing::Standing;
pub use store::{Index, IndexError, IndexStore};

use async_trait::async_trait;
use authz::{
    Action, Authorizer, Behalf, Bound, Check, Consistency, ConsistencyToken, Decision, EngineError, Extent, Holder,
    Kind, Lookup, Principal, Registration, Relationship, ResourceRef,
};
use std::sync::Arc;

/// Who takes out of an index what is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenOut {
    /// Whoever [follows](IndexStore) the engine's changes, in their order: one gateway's revocation cannot overtake
    /// another's grant.
    ByFollowing,
    /// Whoever revokes, since the engine tells nobody. Of a role that one gateway takes away while another gives it, the
    /// engine may keep what the index has let go of; it is listed when it is given again.
    ByRevoking,
}

/// An engine whose lists are found in an index.
#[derive(Clone)]
pub struct Indexed {
    engine: Arc<dyn Authorizer>,
    index: Arc<dyn Authorizer>,
    standing: Arc<Standing>,
    taken_out: TakenOut,
}

impl Indexed {
    /// `engine`, with its relationships also in `index`: an engine beside the rows.
    #[must_use]
    pub fn new(
        engine: Arc<dyn Authorizer>,
        index: Arc<dyn Authorizer>,
        standing: Arc<Standing>,
        taken_out: TakenOut,
    ) -> Self {
        Self { engine, index, standing, taken_out }
    }

    /// Writes relationships into the index, then has the engine told of them.
    async fn first_into_the_index<T>(
        &self,
        relationships: &[Relationship],
        told: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError> {
        let kept = self.standing.is_kept();
        if kept {
            self.index.grant(relationships).await?;
        }
        let told = told.await?;
        // One that was begun meanwhile may be looking where these are not yet.
        if !kept && self.standing.is_kept() {
            self.index.grant(relationships).await?;
        }
        Ok(told)
    }
}

#[async_trait]
impl Authorizer for Indexed {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.engine.check(principal, checks, consistency).await
    }

    /// Whoever wants them all named, or wants them of a moment that the index may not have reached, asks the engine.
    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        if most.is_some() && *consistency == Consistency::MinimizeLatency && self.standing.is_used() {
            let among = self.index.lookup(principal, kind, action, None, consistency).await?;
            match among {
                // Who is a member of what such an engine knows by itself.
                Lookup::Within(Extent::Beside(beside)) if self.taken_out == TakenOut::ByRevoking => {
                    return Ok(Lookup::Among(Extent::Beside(beside.whoever_is_a_member())));
                }
                Lookup::Within(extent) => return Ok(Lookup::Among(extent)),
                Lookup::Among(_) | Lookup::TooMany => {}
            }
        }
        self.engine.lookup(principal, kind, action, most, consistency).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        let relationships = registration.relationships();
        self.first_into_the_index(&relationships, self.engine.register(registration)).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        let token = self.engine.deregister(resource).await?;
        if self.standing.is_kept() {
            self.index.deregister(resource).await?;
        }
        Ok(token)
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.first_into_the_index(relationships, self.engine.grant(relationships)).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        let token = self.engine.revoke(relationships).await?;
        if self.taken_out == TakenOut::ByRevoking && self.standing.is_kept() {
            self.index.revoke(relationships).await?;
        }
        Ok(token)
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.engine.holders(resources).await
    }

    fn on_behalf(&self, behalf: &Behalf) -> Option<Bound> {
        let bound = self.engine.on_behalf(behalf)?;
        Some(Bound { engine: Arc::new(Self { engine: bound.engine, ..self.clone() }), ..bound })
    }
}
