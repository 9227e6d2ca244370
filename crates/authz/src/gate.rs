//! The gate: one per request, and the only maker of permits.

use crate::{
    action::{Action, ActionSet, Create, Delete, Execute, Marker, Share},
    denial::{DenialPolicy, Refusal},
    engine::{Authorizer, Check, EngineError, Extent, Holder, Registration, Relationship},
    permit::{Grants, Permit, Scope, Target},
    principal::Principal,
    resource::{Agent, Allows, Id, Resource, ResourceRef, Task, Tenant},
    schema::Role,
};
use std::sync::Arc;

/// The id asked about when there is none to ask about, so that absent costs what foreign costs.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Asks the engine on behalf of one caller, and mints permits from its answers.
#[derive(Clone)]
pub struct Gate {
    principal: Principal,
    tenant: Id<Tenant>,
    engine: Arc<dyn Authorizer>,
    policy: DenialPolicy,
}

/// A registration that has happened and can be undone, once.
#[must_use = "either the row is persisted or the registration is undone"]
#[derive(Debug)]
pub struct Registered(ResourceRef);

impl Registered {
    /// What was registered.
    #[must_use]
    pub const fn resource(&self) -> &ResourceRef {
        &self.0
    }
}

impl Gate {
    /// The gate for `principal`, working in `tenant`.
    #[must_use]
    pub const fn new(
        principal: Principal,
        tenant: Id<Tenant>,
        engine: Arc<dyn Authorizer>,
        policy: DenialPolicy,
    ) -> Self {
        Self { principal, tenant, engine, policy }
    }

    /// Who is asking.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The tenant the caller works in. Names are looked up in it, and new rows belong to it.
    #[must_use]
    pub const fn tenant(&self) -> &Id<Tenant> {
        &self.tenant
    }

    /// The permit to do `A` to `target`. One engine call, whether the target exists or not.
    pub async fn permit<R: Allows<A>, A: Marker>(&self, target: &Target<R>) -> Result<Permit<R, A>, Refusal> {
        let grants = self.grants(std::slice::from_ref(target), A::ACTION.into()).await?;
        match grants.first() {
            Some(grants) => Ok(grants.permit::<A>()?),
            None => Err(malformed("no decision")),
        }
    }

    /// What the caller may do of `actions` to each target, in order. One engine call for them all.
    pub async fn grants<R: Resource>(
        &self,
        targets: &[Target<R>],
        actions: ActionSet,
    ) -> Result<Vec<Grants<R>>, Refusal> {
        let asked = match self.policy {
            DenialPolicy::Hide => actions,
            DenialPolicy::Split => actions | Action::Read,
        };
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let checks: Vec<Check> = targets
            .iter()
            .map(|target| {
                let id = target.id().map_or_else(|| NOBODY.into(), Id::to_text);
                Check { resource: ResourceRef { kind: R::KIND, id }, actions: asked }
            })
            .collect();
        let decisions = self.engine.check(&self.principal, &checks).await.map_err(unavailable)?;
        if decisions.len() != checks.len() {
            return Err(malformed("a decision is missing or too many"));
        }
        let grants = targets.iter().zip(decisions);
        Ok(grants.map(|(target, decision)| Grants::new(target.clone(), asked, decision.allowed, self.policy)).collect())
    }

    /// Where to look for the resources the caller may do `A` to.
    pub async fn scope<R: Allows<A>, A: Marker>(&self) -> Result<Scope<R, A>, Refusal> {
        let extent: Extent = self.engine.lookup(&self.principal, R::KIND, A::ACTION).await.map_err(unavailable)?;
        Ok(Scope::new(extent))
    }

    /// Registers a new task under the agent it will run on: the caller owns it.
    pub async fn register_task(&self, agent: &Permit<Agent, Execute>, task: &Id<Task>) -> Result<Registered, Refusal> {
        self.register(ResourceRef::of(task), Some(ResourceRef::of(agent.id()))).await
    }

    /// Registers a new agent in the caller's tenant: the caller owns it.
    pub async fn register_agent(
        &self,
        tenant: &Permit<Tenant, Create>,
        agent: &Id<Agent>,
    ) -> Result<Registered, Refusal> {
        debug_assert_eq!(tenant.id(), &self.tenant);
        self.register(ResourceRef::of(agent), None).await
    }

    async fn register(&self, resource: ResourceRef, parent: Option<ResourceRef>) -> Result<Registered, Refusal> {
        let (owner, tenant) = (self.principal.clone(), self.tenant.to_text());
        let registration = Registration { resource, owner, tenant, parent };
        self.engine.register(&registration).await.map_err(unavailable)?;
        Ok(Registered(registration.resource))
    }

    /// Takes a registration back, because its row was not persisted.
    pub async fn undo(&self, registered: Registered) -> Result<(), Refusal> {
        self.engine.deregister(&registered.0).await.map_err(unavailable)
    }

    /// Forgets every relationship of a resource whose row is gone.
    pub async fn deregister<R: Allows<Delete>>(&self, permit: &Permit<R, Delete>) -> Result<(), Refusal> {
        self.engine.deregister(&ResourceRef::of(permit.id())).await.map_err(unavailable)
    }

    /// Gives `principal` a role on the permitted resource.
    pub async fn share<R: Allows<Share>>(
        &self,
        permit: &Permit<R, Share>,
        role: Role,
        principal: &Principal,
    ) -> Result<(), Refusal> {
        let edge = Relationship::held(ResourceRef::of(permit.id()), role.relation(), principal);
        self.engine.grant(&[edge]).await.map_err(unavailable)
    }

    /// Takes a role on the permitted resource away from `principal`.
    pub async fn unshare<R: Allows<Share>>(
        &self,
        permit: &Permit<R, Share>,
        role: Role,
        principal: &Principal,
    ) -> Result<(), Refusal> {
        let edge = Relationship::held(ResourceRef::of(permit.id()), role.relation(), principal);
        self.engine.revoke(&[edge]).await.map_err(unavailable)
    }

    /// Who holds a role on each permitted resource, in order. One engine call.
    pub async fn holders<R: Allows<Share>>(&self, permits: &[&Permit<R, Share>]) -> Result<Vec<Vec<Holder>>, Refusal> {
        if permits.is_empty() {
            return Ok(Vec::new());
        }
        let resources: Vec<_> = permits.iter().map(|permit| ResourceRef::of(permit.id())).collect();
        let holders = self.engine.holders(&resources).await.map_err(unavailable)?;
        if holders.len() == resources.len() { Ok(holders) } else { Err(malformed("holders are missing or too many")) }
    }
}

fn unavailable(error: EngineError) -> Refusal {
    Refusal::Unavailable(Arc::new(error))
}

fn malformed(what: &str) -> Refusal {
    unavailable(EngineError::Malformed(what.into()))
}
