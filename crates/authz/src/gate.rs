//! The gate: one per request, and the only maker of permits.

use crate::{
    action::{Action, ActionSet, Create, Execute, Marker, Share},
    behalf::{Behalf, Bound, EVERY},
    denial::{DenialPolicy, Refusal},
    engine::{
        Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Extent, Holder, Lookup, Registration,
        Relationship,
    },
    permit::{Grants, Permit, Scope, Target},
    principal::Principal,
    receipt::Receipt,
    resource::{Agent, Allows, ApiKey, Id, Kind, Resource, ResourceRef, Task, Tenant},
    schema::Role,
    sieve::Sieve,
};
use std::sync::Arc;

/// The id asked about when there is none to ask about, so that absent costs what foreign costs.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// How many resources are named for a list. Whoever may see more has each page asked about instead.
pub const NAMED: usize = 1_000;

/// Asks the engine on behalf of one caller, and mints permits from its answers.
///
/// Whatever is asked in order to change something is asked of this moment: a permit to do anything but read, and
/// everything a gate [for writing](Gate::writing) asks. The rest is as fresh as the deployment has agreed to.
#[derive(Clone)]
pub struct Gate {
    principal: Principal,
    tenant: Id<Tenant>,
    engine: Arc<dyn Authorizer>,
    policy: DenialPolicy,
    reads: Consistency,
    receipt: Receipt,
    asks_to_create: bool,
}

impl Gate {
    /// The gate for `principal`, working in `tenant`. Reads are answered as fast as can be.
    #[must_use]
    pub fn new(principal: Principal, tenant: Id<Tenant>, engine: Arc<dyn Authorizer>, policy: DenialPolicy) -> Self {
        Self::on_behalf(principal, Behalf { tenant, claims: None }, engine, policy)
    }

    /// The gate for `principal`, of whom this is known, too.
    #[must_use]
    pub fn on_behalf(principal: Principal, behalf: Behalf, engine: Arc<dyn Authorizer>, policy: DenialPolicy) -> Self {
        let bound = engine.on_behalf(&behalf).unwrap_or(Bound { engine, asks_to_create: false });
        let (Bound { engine, asks_to_create }, tenant) = (bound, behalf.tenant);
        let (reads, receipt) = (Consistency::MinimizeLatency, Receipt::default());
        Self { principal, tenant, engine, policy, reads, receipt, asks_to_create }
    }

    /// The same gate, whose reads know of all that led to `token`.
    #[must_use]
    pub fn at_least_as_fresh(&self, token: &ConsistencyToken) -> Self {
        Self { reads: self.reads.clone().and(token), ..self.clone() }
    }

    /// How fresh reads are to be: of what the request itself has written they know, too.
    fn reads(&self) -> Consistency {
        let reads = self.reads.clone();
        match self.receipt.token() {
            Some(token) => reads.and(&token),
            None => reads,
        }
    }

    /// What the engine said of how fresh to ask to know of what this gate, and all gates made of it, have written.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The same gate for a request that changes something: all that it asks is asked of this moment.
    #[must_use]
    pub fn writing(&self) -> Self {
        Self { reads: Consistency::FullyConsistent, ..self.clone() }
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
        let consistency = if A::ACTION == Action::Read { self.reads() } else { Consistency::FullyConsistent };
        let grants = self.ask(std::slice::from_ref(target), A::ACTION.into(), consistency).await?;
        match grants.first() {
            Some(grants) => Ok(grants.permit::<A>()?),
            None => Err(malformed("no decision")),
        }
    }

    /// The permit to make tasks on `agent`: to execute it and, of an engine that is asked that too, to create tasks
    /// at all. Who may not make tasks may not execute. One engine call.
    pub async fn permit_to_create_tasks(&self, agent: &Target<Agent>) -> Result<Permit<Agent, Execute>, Refusal> {
        if !self.asks_to_create {
            return self.permit(agent).await;
        }
        let asked = self.asked(Action::Execute.into());
        let every = ResourceRef { kind: Kind::Task, id: EVERY.into() };
        let checks = [check_of(agent, asked), Check { resource: every, actions: Action::Create.into() }];
        let now = &Consistency::FullyConsistent;
        let decisions = self.engine.check(&self.principal, &checks, now).await.map_err(unavailable)?;
        let [of_agent, of_tasks] = decisions.as_slice() else {
            return Err(malformed("a decision is missing or too many"));
        };
        let mut allowed = of_agent.allowed;
        if !of_tasks.allowed.contains(Action::Create) {
            allowed.remove(Action::Execute);
        }
        Ok(Grants::new(agent.clone(), asked, allowed, self.policy).permit::<Execute>()?)
    }

    /// What the caller may do of `actions` to each target, in order. One engine call for them all.
    pub async fn grants<R: Resource>(
        &self,
        targets: &[Target<R>],
        actions: ActionSet,
    ) -> Result<Vec<Grants<R>>, Refusal> {
        self.ask(targets, actions, self.reads()).await
    }

    /// The same, of resources of two kinds: one engine call for them all.
    pub async fn grants_of_both<A: Resource, B: Resource>(
        &self,
        (first, of_first): (&[Target<A>], ActionSet),
        (second, of_second): (&[Target<B>], ActionSet),
    ) -> Result<(Vec<Grants<A>>, Vec<Grants<B>>), Refusal> {
        let (of_first, of_second) = (self.asked(of_first), self.asked(of_second));
        let consistency = as_fresh_as(second, as_fresh_as(first, self.reads()));
        let checks = first.iter().map(|target| check_of(target, of_first));
        let checks = checks.chain(second.iter().map(|target| check_of(target, of_second))).collect();
        let mut decisions = self.decide(checks, &consistency).await?;
        let rest = decisions.split_off(first.len());
        Ok((self.granted(first, of_first, decisions), self.granted(second, of_second, rest)))
    }

    async fn ask<R: Resource>(
        &self,
        targets: &[Target<R>],
        actions: ActionSet,
        consistency: Consistency,
    ) -> Result<Vec<Grants<R>>, Refusal> {
        let asked = self.asked(actions);
        let checks = targets.iter().map(|target| check_of(target, asked)).collect();
        let decisions = self.decide(checks, &as_fresh_as(targets, consistency)).await?;
        Ok(self.granted(targets, asked, decisions))
    }

    /// As many decisions as checks. No engine call for none.
    async fn decide(&self, checks: Vec<Check>, consistency: &Consistency) -> Result<Vec<Decision>, Refusal> {
        if checks.is_empty() {
            return Ok(Vec::new());
        }
        let decisions = self.engine.check(&self.principal, &checks, consistency).await.map_err(unavailable)?;
        if decisions.len() == checks.len() {
            Ok(decisions)
        } else {
            Err(malformed("a decision is missing or too many"))
        }
    }

    fn granted<R: Resource>(
        &self,
        targets: &[Target<R>],
        asked: ActionSet,
        decisions: Vec<Decision>,
    ) -> Vec<Grants<R>> {
        let grants = targets.iter().zip(decisions);
        grants.map(|(target, decision)| Grants::new(target.clone(), asked, decision.allowed, self.policy)).collect()
    }

    /// What is asked to learn of `actions`: whoever may read a thing may be told that the rest is not for them.
    fn asked(&self, actions: ActionSet) -> ActionSet {
        match self.policy {
            DenialPolicy::Hide => actions,
            DenialPolicy::Split => actions | Action::Read,
        }
    }

    /// Where to look for the resources the caller may do `A` to. One engine call.
    pub async fn scope<R: Allows<A>, A: Marker>(&self) -> Result<Scope<R, A>, Refusal> {
        let consistency = self.reads();
        let found = self.engine.lookup(&self.principal, R::KIND, A::ACTION, Some(NAMED), &consistency).await;
        let among = match found.map_err(unavailable)? {
            Lookup::Within(extent) => return Ok(Scope::new(extent)),
            Lookup::TooMany => None,
            Lookup::Among(extent) => Some(Arc::new(extent)),
        };
        Ok(Scope::new(Extent::Asked(Sieve {
            engine: Arc::clone(&self.engine),
            principal: self.principal.clone(),
            kind: R::KIND,
            action: A::ACTION,
            consistency,
            among,
        })))
    }

    /// What is to be registered of a new task under the agent it will run on: the caller owns it.
    #[must_use]
    pub fn registration_of_task(&self, agent: &Permit<Agent, Execute>, task: &Id<Task>) -> Registration {
        self.registration(ResourceRef::of(task), Some(ResourceRef::of(agent.id())))
    }

    /// What is to be registered of a new agent in the caller's tenant: the caller owns it.
    #[must_use]
    pub fn registration_of_agent(&self, tenant: &Permit<Tenant, Create>, agent: &Id<Agent>) -> Registration {
        debug_assert_eq!(tenant.id(), &self.tenant);
        self.registration(ResourceRef::of(agent), None)
    }

    /// What is to be registered of a new API key of the agent it is for: the caller owns it.
    #[must_use]
    pub fn registration_of_api_key(&self, agent: &Permit<Agent, Create>, key: &Id<ApiKey>) -> Registration {
        self.registration(ResourceRef::of(key), Some(ResourceRef::of(agent.id())))
    }

    fn registration(&self, resource: ResourceRef, parent: Option<ResourceRef>) -> Registration {
        Registration { resource, owner: self.principal.clone(), tenant: self.tenant.to_text(), parent }
    }

    /// Gives `principal` a role on the permitted resource.
    pub async fn share<R: Allows<Share>>(
        &self,
        permit: &Permit<R, Share>,
        role: Role,
        principal: &Principal,
    ) -> Result<(), Refusal> {
        let edge = Relationship::held(ResourceRef::of(permit.id()), role.relation(), principal);
        let written = self.engine.grant(&[edge]).await.map_err(unavailable)?;
        self.receipt.note(written.as_ref());
        Ok(())
    }

    /// Takes a role on the permitted resource away from `principal`.
    pub async fn unshare<R: Allows<Share>>(
        &self,
        permit: &Permit<R, Share>,
        role: Role,
        principal: &Principal,
    ) -> Result<(), Refusal> {
        let edge = Relationship::held(ResourceRef::of(permit.id()), role.relation(), principal);
        let written = self.engine.revoke(&[edge]).await.map_err(unavailable)?;
        self.receipt.note(written.as_ref());
        Ok(())
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

/// As fresh as this, and fresh enough to know of every target whose row was found.
fn as_fresh_as<R: Resource>(targets: &[Target<R>], wanted: Consistency) -> Consistency {
    targets.iter().filter_map(Target::token).fold(wanted, Consistency::and)
}

/// The question about a target, whether it is there or not.
fn check_of<R: Resource>(target: &Target<R>, actions: ActionSet) -> Check {
    let id = target.id().map_or_else(|| NOBODY.into(), Id::to_text);
    Check { resource: ResourceRef { kind: R::KIND, id }, actions }
}

fn unavailable(error: EngineError) -> Refusal {
    Refusal::Unavailable(Arc::new(error))
}

fn malformed(what: &str) -> Refusal {
    unavailable(EngineError::Malformed(what.into()))
}
