//! The engine's port, with what is known before the engine.

use crate::{
    far::{Asked, Found},
    ground::{self, Change, ENDINGS, Side},
    herald::Herald,
    memory::Memory,
    realm::{Freshness, Realm, Who},
};
use async_trait::async_trait;
use authz::{
    Action, Authorizer, Behalf, Bound, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Kind,
    Lookup, Principal, Registration, Relationship, ResourceRef,
};
use futures::future::BoxFuture;
use std::{sync::Arc, time::Instant};
use tracing::Instrument as _;

/// Where answers are kept, and whose they are. Cheap to clone: there is one for each request.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub engine: Arc<dyn Authorizer>,
    pub memory: Arc<Memory>,
    pub herald: Option<Arc<Herald>>,
    /// In which of them the engine is asked. What a write changes, it changes in all.
    pub realm: Realm,
}

/// When something was asked.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    /// The tick before anybody was asked.
    since: u64,
    /// Whether what is kept may be used, and kept.
    trusted: bool,
}

/// A check that is not answered yet, in part or as a whole.
struct Missing {
    /// Which of the checks it is.
    at: usize,
    asked: Asked,
    found: Found,
}

impl Shelf {
    fn moment(&self) -> Moment {
        let (at, since) = (Instant::now(), self.memory.near.stamps.now());
        Moment { at, since, trusted: self.memory.lease.is_held(at) }
    }

    fn who(&self, principal: &Principal, token: Option<&ConsistencyToken>) -> Who {
        Who { realm: self.realm, principal: principal.clone(), freshness: Freshness::of(token) }
    }

    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        token: Option<&ConsistencyToken>,
    ) -> Result<Vec<Decision>, EngineError> {
        let (near, who) = (&self.memory.near, self.who(principal, token));
        let moment = self.moment();
        let mut decisions = vec![Decision::default(); checks.len()];
        let mut missing = Vec::new();
        for ((at, check), decision) in checks.iter().enumerate().zip(&mut decisions) {
            if moment.trusted && ground::can_be_kept(&check.resource) {
                decision.allowed = near.allowed(&who, &check.resource, moment.at) & check.actions;
            }
            let actions = check.actions - decision.allowed;
            if !actions.is_empty() {
                let asked = Asked { resource: check.resource.clone(), actions };
                missing.push(Missing { at, asked, found: Found::default() });
            }
        }
        instruments::cache_hits(instruments::Layer::Process, checks.len() - missing.len());
        // What is asked as fresh as a token is kept in process only: callers choose them.
        if let Some(herald) = self.herald.as_ref().filter(|_| moment.trusted && token.is_none()) {
            self.ask_redis(herald, &who, moment, &mut missing, &mut decisions).await;
        }
        if missing.is_empty() {
            return Ok(decisions);
        }
        instruments::cache_misses(missing.len());
        let questions: Vec<_> = missing
            .iter()
            .map(|missing| Check { resource: missing.asked.resource.clone(), actions: missing.asked.actions })
            .collect();
        let freshness = as_fresh_as(self.freshness(principal, &questions), token);
        let answers = self.engine.check(principal, &questions, &freshness).await?;
        if answers.len() != questions.len() {
            return Err(EngineError::Malformed("a decision is missing or too many".into()));
        }
        for (Missing { at, asked, found }, answer) in missing.into_iter().zip(answers) {
            let allowed = answer.allowed & asked.actions;
            if moment.trusted && ground::can_be_kept(&asked.resource) {
                near.keep(&who, &asked.resource, allowed, moment.since, moment.at);
                if let Some(herald) = self.herald.as_ref().filter(|_| allowed == asked.actions)
                    && near.holds(&who, &asked.resource, moment.since)
                {
                    herald.far.share(found, moment.at);
                }
            }
            if let Some(decision) = decisions.get_mut(at) {
                decision.allowed |= allowed;
            }
        }
        Ok(decisions)
    }

    /// Takes what Redis knows, and leaves what it does not.
    async fn ask_redis(
        &self,
        herald: &Herald,
        who: &Who,
        moment: Moment,
        missing: &mut Vec<Missing>,
        decisions: &mut [Decision],
    ) {
        let (mut shared, mut other): (Vec<_>, Vec<_>) =
            std::mem::take(missing).into_iter().partition(|missing| ground::can_be_kept(&missing.asked.resource));
        if !shared.is_empty() {
            let asked: Vec<_> = shared.iter().map(|missing| missing.asked.clone()).collect();
            let found = herald.far.find(who, &asked).await;
            for (missing, found) in shared.iter_mut().zip(found) {
                missing.found = found;
            }
            let before = shared.len();
            shared.retain(|Missing { at, asked, found }| {
                if !found.allowed {
                    return true;
                }
                self.memory.near.keep(who, &asked.resource, asked.actions, moment.since, moment.at);
                if let Some(decision) = decisions.get_mut(*at) {
                    decision.allowed |= asked.actions;
                }
                false
            });
            instruments::cache_hits(instruments::Layer::Redis, before - shared.len());
        }
        other.append(&mut shared);
        *missing = other;
    }

    /// How fresh these have to be asked. What is inherited rests on relationships of a parent that is not known.
    fn freshness(&self, principal: &Principal, checks: &[Check]) -> Consistency {
        if !checks.iter().all(|check| ground::can_be_kept(&check.resource)) {
            return Consistency::FullyConsistent;
        }
        let standing = [ground::principal(Side::Standing, principal)];
        self.memory.freshness(standing.into_iter().chain(checks.iter().map(|check| ground::resource(&check.resource))))
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        token: Option<&ConsistencyToken>,
    ) -> Result<Lookup, EngineError> {
        if !ground::all_can_be_kept(kind) {
            return self.engine.lookup(principal, kind, action, most, &Consistency::FullyConsistent).await;
        }
        let near = &self.memory.near;
        let moment = self.moment();
        let listed = most.filter(|_| moment.trusted).map(|most| (self.who(principal, token), kind, action, most));
        if let Some(list) = listed.as_ref().and_then(|listed| near.list(listed, moment.at)) {
            instruments::cache_hits(instruments::Layer::Process, 1);
            return Ok(list);
        }
        let whose = [Side::Standing, Side::Holdings].map(|side| ground::principal(side, principal));
        let freshness = as_fresh_as(self.memory.freshness(whose.into_iter().chain([ENDINGS])), token);
        let list = self.engine.lookup(principal, kind, action, most, &freshness).await?;
        if let Some(listed) = listed {
            near.keep_list(listed, &list, moment.since, moment.at);
        }
        Ok(list)
    }

    /// Lets go of what has changed, on every node.
    pub async fn evict(&self, change: &Change) {
        instruments::cache_evicted();
        match &self.herald {
            Some(herald) => herald.tell(change).await,
            None => self.memory.apply(change, Instant::now()),
        }
    }

    /// Writes, and evicts whatever came of it: what was refused may have been written all the same.
    async fn write(
        &self,
        change: Change,
        write: impl FnOnce(Arc<dyn Authorizer>) -> Writing + Send + 'static,
    ) -> Result<Option<ConsistencyToken>, EngineError> {
        if change.is_none() {
            return write(Arc::clone(&self.engine)).await;
        }
        // In a task of its own: once it is written, a caller who goes away must not keep others from hearing of it.
        let here = self.clone();
        let work = async move {
            let written = write(Arc::clone(&here.engine)).await;
            let change = match &written {
                Ok(token) => change.known_by(token.clone()),
                Err(_) => change.perhaps(),
            };
            here.evict(&change).await;
            written
        };
        tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| Err(EngineError::Unavailable(error.into())))
    }
}

/// As fresh as what is known here wants it, and as whoever asks.
fn as_fresh_as(known: Consistency, token: Option<&ConsistencyToken>) -> Consistency {
    match token {
        Some(token) => known.and(token),
        None => known,
    }
}

type Writing = BoxFuture<'static, Result<Option<ConsistencyToken>, EngineError>>;

#[async_trait]
impl Authorizer for crate::DecisionCache {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        match consistency {
            Consistency::MinimizeLatency => self.shelf.check(principal, checks, None).await,
            Consistency::AtLeastAsFresh(token) => self.shelf.check(principal, checks, Some(token)).await,
            Consistency::FullyConsistent => self.shelf.engine.check(principal, checks, consistency).await,
        }
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        match consistency {
            Consistency::MinimizeLatency => self.shelf.lookup(principal, kind, action, most, None).await,
            Consistency::AtLeastAsFresh(token) => self.shelf.lookup(principal, kind, action, most, Some(token)).await,
            Consistency::FullyConsistent => self.shelf.engine.lookup(principal, kind, action, most, consistency).await,
        }
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        let (change, registration) = (Change::registered(registration), registration.clone());
        let write =
            |engine: Arc<dyn Authorizer>| -> Writing { Box::pin(async move { engine.register(&registration).await }) };
        self.shelf.write(change, write).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        let (change, resource) = (Change::ended(resource), resource.clone());
        let write =
            |engine: Arc<dyn Authorizer>| -> Writing { Box::pin(async move { engine.deregister(&resource).await }) };
        self.shelf.write(change, write).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        let (change, edges) = (Change::added(relationships), relationships.to_vec());
        let write = |engine: Arc<dyn Authorizer>| -> Writing { Box::pin(async move { engine.grant(&edges).await }) };
        self.shelf.write(change, write).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        let (change, edges) = (Change::removed(relationships), relationships.to_vec());
        let write = |engine: Arc<dyn Authorizer>| -> Writing { Box::pin(async move { engine.revoke(&edges).await }) };
        self.shelf.write(change, write).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.shelf.engine.holders(resources).await
    }
    /// Whoever is bound keeps answers on the same shelf, apart from what others are answered.
    fn on_behalf(&self, behalf: &Behalf) -> Option<Bound> {
        let Bound { engine, asks_to_create } = self.shelf.engine.on_behalf(behalf)?;
        let place = Shelf { engine, realm: self.shelf.realm.of(behalf), ..self.shelf.clone() };
        Some(Bound { engine: Arc::new(Self { shelf: place, tasks: Arc::clone(&self.tasks) }), asks_to_create })
    }
}
