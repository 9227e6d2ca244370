//! The engines as one account sees them: each question goes to the engine that answers it, and each write to
//! all who have to hear of it.

use crate::{
    fresh::{signed, wanted_of},
    observe::{Observer, Outcome, Written},
    router::Inner,
    routes::{Destination, EngineName, Routes},
    shadow::{Comparison, Named, count_failed},
};
use async_trait::async_trait;
use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Kind, Lookup, Principal,
    Registration, Relationship, ResourceRef, schema,
};
use futures::future::{join_all, try_join_all};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::OwnedSemaphorePermit;

/// An account's engine; nobody's, without an account.
pub(crate) struct View {
    pub(crate) inner: Arc<Inner>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) account: Option<Arc<str>>,
    /// Those engines to which more than the principal matters, as they are asked on somebody's behalf.
    pub(crate) bound: BTreeMap<EngineName, Arc<dyn Authorizer>>,
}

/// Something to be written.
pub(crate) enum Write<'a> {
    Register(&'a Registration),
    Deregister(&'a ResourceRef),
    Grant(&'a [Relationship]),
    Revoke(&'a [Relationship]),
}

impl Write<'_> {
    const fn what(&self) -> Written {
        match self {
            Self::Register(_) => Written::Register,
            Self::Deregister(_) => Written::Deregister,
            Self::Grant(_) => Written::Grant,
            Self::Revoke(_) => Written::Revoke,
        }
    }

    async fn apply(&self, engine: &dyn Authorizer) -> Result<Option<ConsistencyToken>, EngineError> {
        match self {
            Self::Register(registration) => engine.register(registration).await,
            Self::Deregister(resource) => engine.deregister(resource).await,
            Self::Grant(relationships) => engine.grant(relationships).await,
            Self::Revoke(relationships) => engine.revoke(relationships).await,
        }
    }
}

/// Who has to hear of a write. See the table at the head of this crate.
struct Hearers<'a> {
    /// Whose token is answered.
    first: &'a EngineName,
    /// Without these the write has failed.
    must: BTreeSet<&'a EngineName>,
    /// These are told in passing.
    passing: BTreeSet<&'a EngineName>,
}

/// The items that go to one place, by their places in what was asked.
type Part<'a> = (&'a Destination, Vec<usize>);

/// An engine in a shadow that has not forgotten something.
#[derive(Debug, thiserror::Error)]
#[error("an engine that answers nobody has not forgotten it yet")]
struct NotForgotten;

impl View {
    /// The engine of this name. Without one nobody is let in.
    fn engine(&self, name: &EngineName) -> Result<&Arc<dyn Authorizer>, EngineError> {
        self.bound.get(name).map_or_else(|| self.inner.engine(name), Ok)
    }

    /// The engine of this name, if there is one, without ado.
    fn find(&self, name: &EngineName) -> Option<&Arc<dyn Authorizer>> {
        self.bound.get(name).or_else(|| self.inner.find(name))
    }

    pub(crate) fn destination(&self, kind: Kind) -> &Destination {
        self.routes.destination(kind, self.account.as_deref())
    }

    /// What was asked, by where it goes.
    fn parts<T>(&self, asked: &[T], kind: impl Fn(&T) -> Kind) -> Vec<Part<'_>> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        for (place, item) in asked.iter().enumerate() {
            let to = self.destination(kind(item));
            match parts.iter_mut().find(|(known, _)| *known == to) {
                Some((_, places)) => places.push(place),
                None => parts.push((to, vec![place])),
            }
        }
        parts
    }

    /// The comparison with the shadow of a place, if it has one, and there is room for it. Without an engine of that
    /// name the shadow has `failed`.
    fn comparison(
        &self,
        to: &Destination,
        first: &Arc<dyn Authorizer>,
        principal: &Principal,
        failed: impl FnOnce(&dyn Observer),
    ) -> Option<(Comparison, OwnedSemaphorePermit)> {
        let second = to.shadow.as_ref()?;
        let Some(engine) = self.find(second) else {
            failed(&*self.inner.observer);
            return None;
        };
        let place = self.inner.shadow.place()?;
        let comparison = Comparison {
            shadow: Arc::clone(&self.inner.shadow),
            first: Named { name: to.engine.clone(), engine: Arc::clone(first) },
            second: Named { name: second.clone(), engine: Arc::clone(engine) },
            principal: principal.clone(),
        };
        Some((comparison, place))
    }

    /// Asks one engine, and its shadow beside it.
    async fn ask(
        &self,
        to: &Destination,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        let engine = self.engine(&to.engine)?;
        let decisions = engine.check(principal, checks, &wanted_of(&to.engine, consistency)).await?;
        if decisions.len() != checks.len() {
            return Err(EngineError::Malformed("a decision is missing or too many".into()));
        }
        let failed = |observer: &dyn Observer| count_failed(observer, checks);
        if let Some((comparison, place)) = self.comparison(to, engine, principal, failed) {
            let (checks, decisions) = (checks.to_vec(), decisions.clone());
            tokio::spawn(async move {
                comparison.of_checks(checks, decisions).await;
                drop(place);
            });
        }
        Ok(decisions)
    }

    fn hearers(&self, write: &Write<'_>) -> Option<Hearers<'_>> {
        let (kind, account, edges): (Kind, Option<&str>, &[Relationship]) = match write {
            Write::Register(registration) => (registration.resource.kind, Some(&registration.tenant), &[]),
            Write::Deregister(resource) => (resource.kind, self.account.as_deref(), &[]),
            Write::Grant(edges) | Write::Revoke(edges) => {
                (edges.first()?.resource.kind, self.account_of(&edges.first()?.resource), edges)
            }
        };
        let routes = &*self.routes;
        let of_edges =
            edges.iter().flat_map(|edge| routes.depending(edge.resource.kind, self.account_of(&edge.resource)));
        let places: Vec<_> = routes.depending(kind, account).chain(of_edges).collect();
        let answering: BTreeSet<_> = places.iter().map(|to| &to.engine).collect();
        let shadows = places.iter().filter_map(|to| to.shadow.as_ref());
        let (must, passing): (BTreeSet<_>, BTreeSet<_>) = match write {
            Write::Register(_) => (answering, shadows.chain([routes.default_engine()]).collect()),
            Write::Grant(_) => (answering, routes.answering().iter().chain(routes.shadows()).collect()),
            Write::Revoke(_) | Write::Deregister(_) => {
                (routes.answering().iter().collect(), routes.shadows().iter().collect())
            }
        };
        let passing = passing.difference(&must).copied().collect();
        Some(Hearers { first: &routes.destination(kind, account).engine, must, passing })
    }

    /// Whose account a relationship is about.
    fn account_of<'a>(&'a self, resource: &'a ResourceRef) -> Option<&'a str> {
        if resource.kind == Kind::Tenant { Some(&resource.id) } else { self.account.as_deref() }
    }

    /// Writes to all who must hear of it, and then to those who are told in passing.
    pub(crate) async fn write(&self, write: &Write<'_>) -> Result<Option<ConsistencyToken>, EngineError> {
        let Some(Hearers { first, must, passing }) = self.hearers(write) else { return Ok(None) };
        let written = must.into_iter().map(async |name| {
            let written = match self.engine(name) {
                Ok(engine) => write.apply(&**engine).await,
                Err(error) => Err(error),
            };
            (name, written)
        });
        let mut token = None;
        // Each is tried, whatever became of the others.
        for (name, written) in join_all(written).await {
            let given = written?;
            if name == first {
                token = given.map(|token| signed(name, &token));
            }
        }
        let told = passing.into_iter().map(async |name| {
            let Some(engine) = self.find(name) else {
                self.inner.observer.told(write.what(), false);
                return false;
            };
            self.inner.shadow.tell(write.what(), name, write.apply(&**engine)).await
        });
        let took = join_all(told).await;
        // What is gone must be forgotten by whoever may be asked one day. That decides nobody's request: it is
        // noted, and tried again until it is done.
        if matches!(write, Write::Deregister(_)) && took.contains(&false) {
            return Err(EngineError::Unavailable(Box::new(NotForgotten)));
        }
        Ok(token)
    }
}

/// The items at these places.
fn at<T: Clone>(items: &[T], places: &[usize]) -> Vec<T> {
    places.iter().filter_map(|place| items.get(*place)).cloned().collect()
}

/// Puts the answers to parts of a question in the places of what was asked.
fn together<T: Clone + Default>(count: usize, parts: Vec<(Vec<usize>, Vec<T>)>) -> Result<Vec<T>, EngineError> {
    let mut all = vec![T::default(); count];
    for (places, answers) in parts {
        if places.len() != answers.len() {
            return Err(EngineError::Malformed("an answer is missing or too many".into()));
        }
        for (place, answer) in places.into_iter().zip(answers) {
            if let Some(slot) = all.get_mut(place) {
                *slot = answer;
            }
        }
    }
    Ok(all)
}

#[async_trait]
impl Authorizer for View {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        let parts = self.parts(checks, |check| check.resource.kind);
        if let [(to, _)] = parts.as_slice() {
            return self.ask(to, principal, checks, consistency).await;
        }
        let asked = parts.into_iter().map(async |(to, places)| {
            let checks = at(checks, &places);
            let decisions = self.ask(to, principal, &checks, consistency).await?;
            Ok((places, decisions))
        });
        together(checks.len(), try_join_all(asked).await?)
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        let to = self.destination(kind);
        let engine = self.engine(&to.engine)?;
        let found = engine.lookup(principal, kind, action, most, &wanted_of(&to.engine, consistency)).await?;
        let failed = |observer: &dyn Observer| {
            if schema::rule(kind, action).is_some() {
                observer.compared(kind, action, Outcome::SecondFailed, 1);
            }
        };
        if let Some((comparison, place)) = self.comparison(to, engine, principal, failed) {
            let found = found.clone();
            tokio::spawn(async move {
                comparison.of_lookup(kind, action, most, found).await;
                drop(place);
            });
        }
        Ok(found)
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(&Write::Register(registration)).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(&Write::Deregister(resource)).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(&Write::Grant(relationships)).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(&Write::Revoke(relationships)).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        let asked = self.parts(resources, |resource| resource.kind).into_iter().map(async |(to, places)| {
            let holders = self.engine(&to.engine)?.holders(&at(resources, &places)).await?;
            Ok((places, holders))
        });
        together(resources.len(), try_join_all(asked).await?)
    }
}
