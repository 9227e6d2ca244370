//! Worlds and what may be done in them, written for people who read no Rust (`tests/corpus/README.md`), and asked of
//! any engine.

mod reading;

use crate::{found::Sought, fresh};
use authz::{Action, Authorizer, Check, Consistency, Kind, Principal, Relationship, ResourceRef};
use std::{collections::BTreeSet, sync::Arc};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../tests/corpus/", $name, ".yaml")))),+]
    };
}

/// The names and texts of the files in `tests/corpus`.
pub const FILES: &[(&str, &str)] = files![
    "roles-on-tasks",
    "tenant-gate",
    "agents-and-runtimes",
    "api-keys",
    "strangers-and-odd-ids",
    "revoked",
    "many",
];

/// The assertions about the schema, in the form of `SpiceDB`'s `zed validate`.
pub const ASSERTIONS: &str = include_str!("../../../authz/schema.assertions.yaml");

/// How fresh a corpus is asked: what was written before is known, however it is asked.
const ASKED: [&Consistency; 2] = [&Consistency::FullyConsistent, &Consistency::MinimizeLatency];

/// A question, and the answer it must have.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// Who would do it.
    pub who: Principal,
    /// What they would do.
    pub action: Action,
    /// To what.
    pub resource: ResourceRef,
    /// Whether they may.
    pub allowed: bool,
}

/// A look-up, and what it must find.
#[derive(Clone, Debug)]
struct Finding {
    who: Principal,
    action: Action,
    kind: Kind,
    finds: BTreeSet<Arc<str>>,
}

/// A world, and what may be done in it.
#[derive(Clone, Debug)]
pub struct Corpus {
    name: String,
    relationships: Vec<Relationship>,
    revoked: Vec<Relationship>,
    deregistered: Vec<ResourceRef>,
    check: Vec<Assertion>,
    /// Each is asked in one call, all by the same principal.
    bulk: Vec<Vec<Assertion>>,
    lookup: Vec<Finding>,
}

impl Corpus {
    /// What is to be asked one by one.
    #[must_use]
    pub fn assertions(&self) -> &[Assertion] {
        &self.check
    }

    /// Makes the world in an engine, with ids of its own, and asks. All that was answered wrongly.
    pub async fn run(&self, engine: &Arc<dyn Authorizer>) -> Vec<String> {
        // Runs share a server and never a resource.
        let apart = Apart(fresh("corpus"));
        let relationships = |all: &[Relationship]| all.iter().map(|one| apart.relationship(one)).collect::<Vec<_>>();
        engine.grant(&relationships(&self.relationships)).await.unwrap();
        engine.revoke(&relationships(&self.revoked)).await.unwrap();
        for resource in &self.deregistered {
            engine.deregister(&apart.resource(resource)).await.unwrap();
        }
        let mut wrong = Vec::new();
        for asked in ASKED {
            let mut batches: Vec<_> = self.check.iter().map(std::slice::from_ref).collect();
            batches.extend(self.bulk.iter().map(Vec::as_slice));
            for batch in batches {
                wrong.extend(apart.ask(engine, batch, asked).await);
            }
            for finding in &self.lookup {
                wrong.extend(self.look(engine, &apart, finding, asked).await);
            }
        }
        wrong.into_iter().map(|wrong| format!("{}: {wrong}", self.name)).collect()
    }

    /// What a look-up finds wrongly, and whether checks say the same.
    async fn look(
        &self,
        engine: &Arc<dyn Authorizer>,
        apart: &Apart,
        finding: &Finding,
        asked: &Consistency,
    ) -> Vec<String> {
        let Finding { who, action, kind, finds } = finding;
        let named =
            self.relationships.iter().map(|one| &one.resource).chain(self.check.iter().map(|one| &one.resource));
        let among: BTreeSet<_> = named.filter(|resource| resource.kind == *kind).cloned().collect();
        let each: Vec<_> = among
            .iter()
            .map(|resource| Assertion {
                who: who.clone(),
                action: *action,
                resource: resource.clone(),
                allowed: finds.contains(&resource.id),
            })
            .collect();
        let mut wrong = apart.ask(engine, &each, asked).await;
        let among: Vec<_> = among.iter().map(|resource| apart.resource(resource)).collect();
        let expected = finds.iter().map(|id| apart.id(id)).collect();
        let (principal, kind, action) = (&apart.principal(who), *kind, *action);
        let sought = Sought { principal, kind, action, among: &among, expected: &expected };
        wrong.extend(sought.is_found(engine, asked).await.err());
        wrong
    }
}

/// Keeps the ids of a run apart from those of every other.
struct Apart(String);

impl Apart {
    fn id(&self, id: &str) -> Arc<str> {
        format!("{}-{id}", self.0).into()
    }

    fn resource(&self, resource: &ResourceRef) -> ResourceRef {
        ResourceRef { kind: resource.kind, id: self.id(&resource.id) }
    }

    fn principal(&self, principal: &Principal) -> Principal {
        Principal::new(principal.kind(), self.id(principal.id()))
    }

    fn relationship(&self, relationship: &Relationship) -> Relationship {
        let (resource, subject_id) = (self.resource(&relationship.resource), self.id(&relationship.subject_id));
        Relationship { resource, subject_id, ..relationship.clone() }
    }

    /// Asks all of them in one call. What was answered wrongly.
    async fn ask(&self, engine: &Arc<dyn Authorizer>, batch: &[Assertion], asked: &Consistency) -> Vec<String> {
        let Some(first) = batch.first() else { return Vec::new() };
        let check = |one: &Assertion| Check { resource: self.resource(&one.resource), actions: one.action.into() };
        let checks: Vec<_> = batch.iter().map(check).collect();
        let decisions = engine.check(&self.principal(&first.who), &checks, asked).await.unwrap();
        if decisions.len() != batch.len() {
            return vec![format!("{} questions had {} answers", batch.len(), decisions.len())];
        }
        let answered = batch.iter().zip(decisions);
        let wrong = answered.filter(|(one, decision)| decision.allowed.contains(one.action) != one.allowed);
        let said = |allowed: bool| if allowed { "allowed" } else { "denied" };
        wrong
            .map(|(Assertion { who, action, resource, allowed }, _)| {
                format!("`{action}` on {resource} by {who} is {}, not {}", said(!allowed), said(*allowed))
            })
            .collect()
    }
}
