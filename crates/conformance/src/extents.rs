//! An engine that answers look-ups with an answer of the case's choosing, so that stores can be shown
//! every variant whichever engine they run with.

use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Kind, Lookup, Principal,
    Registration, Relationship, ResourceRef,
};
use std::sync::Arc;

/// `engine`, but every look-up is answered with `lookup`.
pub(crate) struct Answering {
    pub(crate) engine: Arc<dyn Authorizer>,
    pub(crate) lookup: Lookup,
}

#[async_trait::async_trait]
impl Authorizer for Answering {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.engine.check(principal, checks, consistency).await
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        match (&self.lookup, most) {
            // Who wants them all named gets them named.
            (Lookup::TooMany, None) => self.engine.lookup(principal, kind, action, most, consistency).await,
            (lookup, _) => Ok(lookup.clone()),
        }
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.engine.register(registration).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.engine.deregister(resource).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.engine.grant(relationships).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.engine.revoke(relationships).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.engine.holders(resources).await
    }
}
