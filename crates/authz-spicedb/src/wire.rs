//! Our words as `SpiceDB`'s messages, and back.

use crate::ids::{decode, encode};
use authz::{ConsistencyToken, Holder, Kind, Principal, PrincipalKind, Relation, Relationship, ResourceRef, Role};
use spicedb_grpc_tonic::v1::{
    self, Consistency, ObjectReference, RelationshipFilter, RelationshipUpdate, SubjectFilter, SubjectReference,
    ZedToken, consistency::Requirement, relationship_update::Operation,
};

/// A thing.
pub fn object(kind: &str, id: &str) -> ObjectReference {
    ObjectReference { object_type: kind.to_owned(), object_id: encode(id) }
}

/// A resource.
pub fn resource(resource: &ResourceRef) -> ObjectReference {
    object(resource.kind.as_str(), &resource.id)
}

/// Whom a relationship or a question is about.
pub fn subject(kind: &str, id: &str) -> SubjectReference {
    SubjectReference { object: Some(object(kind, id)), optional_relation: String::new() }
}

/// A principal.
pub fn principal(principal: &Principal) -> SubjectReference {
    subject(principal.kind().as_str(), principal.id())
}

/// As of now, whichever node answers.
///
/// A grant and a revoke are seen by whoever asks after them, on every gateway; `SpiceDB`'s own cached
/// answers may be seconds old.
pub const fn now() -> Consistency {
    Consistency { requirement: Some(Requirement::FullyConsistent(true)) }
}

/// Of a moment that `SpiceDB` has answers of at hand, up to its quantization and staleness ago.
pub const fn as_fast_as_can_be() -> Consistency {
    Consistency { requirement: Some(Requirement::MinimizeLatency(true)) }
}

/// Of a moment at which what led to the token was known.
pub fn at_least_as_fresh(token: &ConsistencyToken) -> Consistency {
    Consistency { requirement: Some(Requirement::AtLeastAsFresh(zed_token(token))) }
}

/// A moment, as `SpiceDB` writes it.
pub fn zed_token(token: &ConsistencyToken) -> ZedToken {
    ZedToken { token: token.as_str().to_owned() }
}

/// A moment that `SpiceDB` has told.
pub fn token(token: ZedToken) -> ConsistencyToken {
    ConsistencyToken::new(token.token)
}

/// A change of one relationship.
pub fn update(operation: Operation, relationship: &Relationship) -> RelationshipUpdate {
    let relationship = v1::Relationship {
        resource: Some(resource(&relationship.resource)),
        relation: relationship.relation.as_str().to_owned(),
        subject: Some(subject(&relationship.subject_kind, &relationship.subject_id)),
        optional_caveat: None,
        optional_expires_at: None,
    };
    RelationshipUpdate { operation: operation.into(), relationship: Some(relationship) }
}

/// All relationships of a resource.
pub fn all_of(resource: &ResourceRef) -> RelationshipFilter {
    RelationshipFilter {
        resource_type: resource.kind.as_str().to_owned(),
        optional_resource_id: encode(&resource.id),
        ..Default::default()
    }
}

/// Those of one relation.
pub fn all_in(resource: &ResourceRef, relation: Relation) -> RelationshipFilter {
    RelationshipFilter { optional_relation: relation.as_str().to_owned(), ..all_of(resource) }
}

/// Those that a principal is the subject of.
pub fn all_between(resource: &ResourceRef, principal: &Principal) -> RelationshipFilter {
    let subject = SubjectFilter {
        subject_type: principal.kind().as_str().to_owned(),
        optional_subject_id: encode(principal.id()),
        optional_relation: None,
    };
    RelationshipFilter { optional_subject_filter: Some(subject), ..all_of(resource) }
}

/// The relationship in our words, if they have one for it.
pub fn relationship(relationship: v1::Relationship) -> Option<Relationship> {
    let resource = relationship.resource?;
    let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == resource.object_type)?;
    let subject = relationship.subject.filter(|subject| subject.optional_relation.is_empty())?.object?;
    Some(Relationship {
        resource: ResourceRef { kind, id: decode(&resource.object_id)?.into() },
        relation: Relation::from_word(&relationship.relation)?,
        subject_kind: subject.object_type.into(),
        subject_id: decode(&subject.object_id)?.into(),
    })
}

/// Who holds which role by a relationship, if anybody does.
pub fn holder(relationship: v1::Relationship) -> Option<Holder> {
    let role = Role::from_relation(Relation::from_word(&relationship.relation)?)?;
    let subject = relationship.subject.filter(|subject| subject.optional_relation.is_empty())?.object?;
    let kind = PrincipalKind::from_word(&subject.object_type)?;
    Some(Holder { principal: Principal::new(kind, decode(&subject.object_id)?), role })
}
