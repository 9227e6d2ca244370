//! The graph in memory: for a deployment that keeps nothing, and for tests.

use crate::{Standing, asked_of_parent, is_gated};
use async_trait::async_trait;
use authz::{
    Action, ActionSet, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Extent, Holder, Kind,
    Known, Lookup, Principal, PrincipalKind, Registration, RegistrationScan, Relation, Relationship,
    RelationshipReader, RelationshipScan, ResourceRef, Role,
    explain::LINKS,
    schema::{self, INSIDE},
};
use enumset::EnumSet;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// An engine whose relationships live in this process. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryGraph {
    edges: Arc<RwLock<Edges>>,
}

/// A subject of a relationship: a principal or a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Subject {
    kind: Arc<str>,
    id: Arc<str>,
}

impl Subject {
    fn of(principal: &Principal) -> Self {
        Self { kind: principal.kind().as_str().into(), id: principal.id().into() }
    }

    fn to_principal(&self) -> Option<Principal> {
        Some(Principal::new(PrincipalKind::from_word(&self.kind)?, Arc::clone(&self.id)))
    }
}

/// The relationships: by resource, then by subject.
#[derive(Default)]
struct Edges(HashMap<ResourceRef, HashMap<Subject, EnumSet<Relation>>>);

impl Edges {
    fn add(&mut self, edge: Relationship) {
        let subject = Subject { kind: edge.subject_kind, id: edge.subject_id };
        self.0.entry(edge.resource).or_default().entry(subject).or_default().insert(edge.relation);
    }

    fn remove(&mut self, edge: &Relationship) {
        let Some(subjects) = self.0.get_mut(&edge.resource) else { return };
        let subject = Subject { kind: Arc::clone(&edge.subject_kind), id: Arc::clone(&edge.subject_id) };
        if let Some(held) = subjects.get_mut(&subject) {
            held.remove(edge.relation);
        }
        subjects.retain(|_, held| !held.is_empty());
        if subjects.is_empty() {
            self.0.remove(&edge.resource);
        }
    }

    fn held(&self, subject: &Subject, resource: &ResourceRef) -> EnumSet<Relation> {
        self.0.get(resource).and_then(|subjects| subjects.get(subject)).copied().unwrap_or_default()
    }

    fn is_inside(&self, subject: &Subject, resource: &ResourceRef) -> bool {
        let mut tenants = self.related(resource, Relation::Tenant, Kind::Tenant);
        tenants.any(|tenant| INSIDE.iter().any(|relation| self.held(subject, &tenant).contains(*relation)))
    }

    /// The resources of `kind` that are `relation` of `resource`.
    fn related(&self, resource: &ResourceRef, relation: Relation, kind: Kind) -> impl Iterator<Item = ResourceRef> {
        let subjects = self.0.get(resource).into_iter().flatten();
        let related =
            subjects.filter(move |(subject, held)| held.contains(relation) && *subject.kind == *kind.as_str());
        related.map(move |(subject, _)| ResourceRef { kind, id: Arc::clone(&subject.id) })
    }

    /// What of `actions` the subject may do to one of the resource's parent agents.
    fn of_parent(&self, subject: &Subject, resource: &ResourceRef, actions: ActionSet) -> ActionSet {
        if actions.is_empty() {
            return actions;
        }
        let parents = self.related(resource, Relation::ParentAgent, Kind::Agent);
        let allowed = parents.map(|parent| self.decide(subject, &Check { resource: parent, actions }).allowed);
        allowed.fold(ActionSet::empty(), |all, allowed| all | allowed)
    }

    fn decide(&self, subject: &Subject, check: &Check) -> Decision {
        let held = self.held(subject, &check.resource);
        let inside = !held.is_empty() && is_gated(check) && self.is_inside(subject, &check.resource);
        let of_parent = self.of_parent(subject, &check.resource, asked_of_parent(check));
        Standing { held, inside, of_parent }.decide(check)
    }

    /// The relationships of `resource` that `of` lets through.
    fn relationships<'a>(
        &'a self,
        resource: &'a ResourceRef,
        of: impl Fn(&Subject, Relation) -> bool + 'a,
    ) -> impl Iterator<Item = Relationship> + 'a {
        let subjects = self.0.get(resource).into_iter().flatten();
        let all = subjects.flat_map(|(subject, held)| held.iter().map(move |relation| (subject, relation)));
        all.filter(move |(subject, relation)| of(subject, *relation)).map(|(subject, relation)| Relationship {
            resource: resource.clone(),
            relation,
            subject_kind: Arc::clone(&subject.kind),
            subject_id: Arc::clone(&subject.id),
        })
    }

    fn holders(&self, resource: &ResourceRef) -> Vec<Holder> {
        let subjects = self.0.get(resource).into_iter().flatten();
        let roles = subjects.filter_map(|(subject, held)| Some((subject.to_principal()?, *held)));
        let holders = roles.flat_map(|(principal, held)| {
            let roles = held.iter().filter_map(Role::from_relation);
            roles.map(move |role| Holder { principal: principal.clone(), role })
        });
        holders.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Edges {
    /// The first `limit` resources of `kind` behind `after`, sorted.
    fn behind(&self, kind: Kind, after: Option<&str>, limit: u32) -> impl Iterator<Item = &ResourceRef> {
        let behind = |resource: &&ResourceRef| resource.kind == kind && after.is_none_or(|after| *resource.id > *after);
        let behind: BTreeSet<_> = self.0.keys().filter(behind).collect();
        behind.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// All that is said of a resource, as it was written.
    fn said_of(&self, resource: &ResourceRef) -> impl Iterator<Item = Relationship> {
        let subjects = self.0.get(resource).into_iter().flatten();
        subjects.flat_map(move |(subject, held)| {
            held.iter().map(move |relation| Relationship {
                resource: resource.clone(),
                relation,
                subject_kind: Arc::clone(&subject.kind),
                subject_id: Arc::clone(&subject.id),
            })
        })
    }

    /// What is said of a resource.
    fn known(&self, resource: &ResourceRef) -> Option<Known> {
        let subjects = self.0.get(resource)?;
        let held = subjects.values().fold(EnumSet::empty(), |all, held| all | *held);
        let those = |relation: Relation| {
            let those = subjects.iter().filter(|(_, held)| held.contains(relation));
            those.map(|(subject, _)| Arc::clone(&subject.id)).collect::<BTreeSet<_>>().into_iter().collect()
        };
        Some(Known {
            id: Arc::clone(&resource.id),
            owned: held.contains(Relation::Owner),
            runtime: held.contains(Relation::Runtime),
            tenants: those(Relation::Tenant),
            parents: those(Relation::ParentAgent),
            since: None,
        })
    }
}

impl MemoryGraph {
    /// An engine that has heard of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // Nothing panics while it holds the lock half way through a change, so a poisoned lock is whole.
    fn read(&self) -> RwLockReadGuard<'_, Edges> {
        self.edges.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Edges> {
        self.edges.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Authorizer for MemoryGraph {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        _: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        let (edges, subject) = (self.read(), Subject::of(principal));
        Ok(checks.iter().map(|check| edges.decide(&subject, check)).collect())
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        _: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        if schema::rule(kind, action).is_none() {
            return Ok(Lookup::nothing());
        }
        let (graph, subject) = (self.clone(), Subject::of(principal));
        Ok(Lookup::Within(Extent::Where(Arc::new(move |id| {
            let check = Check { resource: ResourceRef { kind, id: id.into() }, actions: action.into() };
            graph.read().decide(&subject, &check).allowed.contains(action)
        }))))
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        // Every answer knows of all that was written.
        self.grant(&registration.relationships()).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write().0.remove(resource);
        Ok(None)
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        let mut edges = self.write();
        for edge in relationships {
            edges.add(edge.clone());
        }
        Ok(None)
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        let mut edges = self.write();
        for edge in relationships {
            edges.remove(edge);
        }
        Ok(None)
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        let edges = self.read();
        Ok(resources.iter().map(|resource| edges.holders(resource)).collect())
    }
}

#[async_trait]
impl RegistrationScan for MemoryGraph {
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Known>, EngineError> {
        let edges = self.read();
        Ok(edges.behind(kind, after, limit).filter_map(|resource| edges.known(resource)).collect())
    }

    async fn known(&self, kind: Kind, ids: &[Arc<str>]) -> Result<Vec<Known>, EngineError> {
        let edges = self.read();
        let resources = ids.iter().map(|id| ResourceRef { kind, id: Arc::clone(id) });
        Ok(resources.filter_map(|resource| edges.known(&resource)).collect())
    }
}

#[async_trait]
impl RelationshipReader for MemoryGraph {
    async fn of(
        &self,
        principal: &Principal,
        resources: &[ResourceRef],
    ) -> Result<Vec<Vec<Relationship>>, EngineError> {
        let (edges, asking) = (self.read(), Subject::of(principal));
        let matters = |subject: &Subject, relation: Relation| *subject == asking || LINKS.contains(&relation);
        Ok(resources.iter().map(|resource| edges.relationships(resource, matters).collect()).collect())
    }
}

#[async_trait]
impl RelationshipScan for MemoryGraph {
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Relationship>, EngineError> {
        let edges = self.read();
        Ok(edges.behind(kind, after, limit).flat_map(|resource| edges.said_of(resource)).collect())
    }
}
