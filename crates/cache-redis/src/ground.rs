//! What answers rest on, and what a write changes of it.

use authz::{ConsistencyToken, EVERY, Kind, PrincipalKind, Registration, Relationship, ResourceRef, schema};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// A side of the graph that answers rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Side {
    /// The relationships of a resource: every decision about it.
    Resource,
    /// A principal's relationships to tenants: every decision about them, wherever they are.
    Standing,
    /// All relationships of a principal: the lists of what they may act on.
    Holdings,
    /// That resources end: any list.
    Endings,
}

/// One thing that answers rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Ground<T = Arc<str>> {
    pub side: Side,
    pub kind: T,
    pub id: T,
}

impl<T: AsRef<str>> Ground<T> {
    /// The same ground, borrowed.
    pub fn borrowed(&self) -> Ground<&str> {
        Ground { side: self.side, kind: self.kind.as_ref(), id: self.id.as_ref() }
    }
}

/// What decisions about a resource rest on.
pub(crate) fn resource(resource: &ResourceRef) -> Ground<&str> {
    Ground { side: Side::Resource, kind: resource.kind.as_str(), id: &resource.id }
}

/// What decisions about a principal rest on, or the lists of what they may act on.
pub(crate) fn principal(side: Side, principal: &authz::Principal) -> Ground<&str> {
    Ground { side, kind: principal.kind().as_str(), id: principal.id() }
}

/// What all lists rest on: that resources end.
pub(crate) const ENDINGS: Ground<&str> = Ground { side: Side::Endings, kind: "", id: "" };

/// Whether decisions about a resource can be kept: they rest on nothing but relationships of the resource and of the
/// principal. What is said of every resource of a kind rests on none that any write names, so nothing would let go of it.
pub(crate) fn can_be_kept(resource: &ResourceRef) -> bool {
    *resource.id != *EVERY && all_can_be_kept(resource.kind)
}

/// The same, of each resource of a kind. What is inherited rests on a parent, too, which would have to be known.
pub(crate) fn all_can_be_kept(kind: Kind) -> bool {
    !schema::RULES.iter().any(|rule| rule.kind == kind && rule.inherited.is_some())
}

/// Whether a relationship to this kind of resource decides about other resources: about all that are gated.
fn reaches_further(kind: Kind) -> bool {
    kind == Kind::Tenant
}

/// From when on an engine has to be asked to know of a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Floor {
    /// From what this token stands for.
    Token(Arc<str>),
    /// From now: it is not known when the write applies.
    Now,
}

/// What a write has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub grounds: BTreeSet<Ground>,
    /// Whether every answer may be another one.
    pub everything: bool,
    /// Whether somebody may no longer do what they might.
    pub takes_away: bool,
    /// None, when all answers of the engine know of it.
    pub floor: Option<Floor>,
}

impl Change {
    /// Relationships were added.
    pub fn added(edges: &[Relationship]) -> Self {
        Self { grounds: edges.iter().flat_map(touched).collect(), ..Self::default() }
    }

    /// Relationships were removed.
    pub fn removed(edges: &[Relationship]) -> Self {
        Self { takes_away: true, ..Self::added(edges) }
    }

    /// A resource was registered.
    pub fn registered(registration: &Registration) -> Self {
        Self::added(&registration.relationships())
    }

    /// Every relationship of a resource was removed, whoever had them.
    pub fn ended(ended: &ResourceRef) -> Self {
        let grounds = [resource(ended), ENDINGS].map(owned).into_iter().collect();
        Self { grounds, everything: reaches_further(ended.kind), takes_away: true, floor: None }
    }

    /// Anything may have changed.
    pub fn anything() -> Self {
        Self { everything: true, takes_away: true, floor: Some(Floor::Now), ..Self::default() }
    }

    /// The same change, which an engine knows of when it is asked as fresh as `token`.
    pub fn known_by(self, token: Option<ConsistencyToken>) -> Self {
        Self { floor: token.map(|token| Floor::Token(token.as_str().into())), ..self }
    }

    /// The same change, which may or may not have been written, or may be at any time.
    pub fn perhaps(self) -> Self {
        Self { floor: Some(Floor::Now), ..self }
    }

    /// Whether it changes nothing.
    pub fn is_none(&self) -> bool {
        self.grounds.is_empty() && !self.everything
    }
}

fn owned(ground: Ground<&str>) -> Ground {
    Ground { side: ground.side, kind: ground.kind.into(), id: ground.id.into() }
}

/// What rests on a relationship.
fn touched(edge: &Relationship) -> impl Iterator<Item = Ground> {
    let subject = |side| Ground { side, kind: Arc::clone(&edge.subject_kind), id: Arc::clone(&edge.subject_id) };
    let someone = PrincipalKind::from_word(&edge.subject_kind).is_some();
    let holdings = someone.then(|| subject(Side::Holdings));
    let standing = (someone && reaches_further(edge.resource.kind)).then(|| subject(Side::Standing));
    [Some(owned(resource(&edge.resource))), holdings, standing].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use authz::{Principal, Relation, schema::RULES};

    fn task() -> ResourceRef {
        ResourceRef { kind: Kind::Task, id: "t".into() }
    }

    fn sides(change: &Change) -> Vec<(Side, &str)> {
        change.grounds.iter().map(|ground| (ground.side, &*ground.id)).collect()
    }

    #[test]
    fn what_is_inherited_is_not_kept() {
        assert!([Kind::Task, Kind::Agent, Kind::Tenant].into_iter().all(all_can_be_kept));
        assert!(!all_can_be_kept(Kind::ApiKey));
    }

    #[test]
    fn what_is_said_of_every_resource_is_not_kept() {
        assert!(can_be_kept(&task()));
        assert!(!can_be_kept(&ResourceRef { kind: Kind::Task, id: EVERY.into() }));
    }

    /// If a rule came to be gated by something else, more would have to be let go of.
    #[test]
    fn only_tenants_gate() {
        let gate = schema::zed();
        let arrows = gate.match_indices("->").map(|(at, _)| &gate[..at]);
        for before in arrows {
            let via = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
            assert!(matches!(via, Some("tenant" | "parent_agent")), "{via:?}");
        }
        assert!(RULES.iter().any(|rule| !rule.gated.is_empty()));
    }

    #[test]
    fn a_role_changes_the_resource_and_the_holder_s_lists() {
        let edge = Relationship::held(task(), Relation::Viewer, &Principal::user("u"));
        let change = Change::added(&[edge]);
        assert_eq!(sides(&change), [(Side::Resource, "t"), (Side::Holdings, "u")]);
        assert!(!change.takes_away);
    }

    #[test]
    fn membership_changes_every_decision_about_the_member() {
        let tenant = ResourceRef { kind: Kind::Tenant, id: "acme".into() };
        let change = Change::removed(&[Relationship::held(tenant.clone(), Relation::Member, &Principal::user("u"))]);
        assert_eq!(sides(&change), [(Side::Resource, "acme"), (Side::Standing, "u"), (Side::Holdings, "u")]);
        assert!(change.takes_away && !change.everything);
        assert!(Change::ended(&tenant).everything);
        assert!(!Change::ended(&task()).everything);
    }

    /// A new task is in its agent's list at once, and leaves all that the agent may do elsewhere alone.
    #[test]
    fn registering_changes_the_lists_of_owner_and_agent() {
        let agent = ResourceRef { kind: Kind::Agent, id: "a".into() };
        let owner = Principal::user("u");
        let change =
            Change::registered(&Registration { resource: task(), owner, tenant: "acme".into(), parent: Some(agent) });
        assert_eq!(sides(&change), [(Side::Resource, "t"), (Side::Holdings, "a"), (Side::Holdings, "u")]);
    }
}
