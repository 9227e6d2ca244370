//! Our words and the service's.
//!
//! The fields of today's wire come first, so that a service that knows no others understands. What follows
//! them says the rest, for services that do:
//!
//! | call | field | says |
//! | --- | --- | --- |
//! | `check` | `account_id` | of a question about every resource of a kind, in which account |
//! | `grant`, `revoke` | `relation` | which relation: owners, editors and viewers differ by more than a word |
//! | `grant`, `revoke` | `subject` | the resource that is related; there is no `principal` then, and a service that does not know the field refuses |
//! | `register` | `account_id` | the tenant |
//! | `holders` | – | the whole call: who holds a role on each of `resources` |

use authz::{
    Behalf, EVERY, Holder, Kind, Principal, PrincipalKind, Registration, Relation, Relationship, ResourceRef, Role,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// The calls.
pub mod path {
    pub const AUTHN: &str = "/v1/authn";
    pub const CHECK: &str = "/v1/authz/check";
    pub const SEARCH: &str = "/v1/authz/search";
    pub const GRANT: &str = "/v1/authz/grant";
    pub const REVOKE: &str = "/v1/authz/revoke";
    pub const REGISTER: &str = "/v1/authz/register";
    pub const DEREGISTER: &str = "/v1/authz/deregister";
    pub const HOLDERS: &str = "/v1/authz/holders";
}

/// A resource.
#[derive(Clone, Copy, Serialize)]
pub struct Resource<'a> {
    r#type: &'a str,
    selector: &'a str,
}

impl<'a> From<&'a ResourceRef> for Resource<'a> {
    fn from(resource: &'a ResourceRef) -> Self {
        Self { r#type: resource.kind.as_str(), selector: &resource.id }
    }
}

/// A principal: in the words it was introduced with, or else in ours.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub enum Who<'a> {
    /// What the service itself said of the caller.
    Said(&'a RawValue),
    /// A user.
    User {
        user_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        account_id: Option<&'a str>,
    },
    /// A machine identity.
    ServiceAccount {
        service_account_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        account_id: Option<&'a str>,
    },
    /// An agent's runtime.
    Agent {
        agent_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        account_id: Option<&'a str>,
    },
}

impl<'a> Who<'a> {
    /// A principal in an account.
    pub fn named(principal: &'a Principal, account_id: Option<&'a str>) -> Self {
        let id = principal.id();
        match principal.kind() {
            PrincipalKind::User => Self::User { user_id: id, account_id },
            PrincipalKind::ServiceAccount => Self::ServiceAccount { service_account_id: id, account_id },
            PrincipalKind::Agent => Self::Agent { agent_id: id, account_id },
        }
    }

    /// The principal on whose behalf the service is asked.
    pub fn asking(principal: &'a Principal, behalf: Option<&'a Behalf>) -> Self {
        let claims = behalf.and_then(|behalf| behalf.claims.as_ref()?.of(principal));
        match claims.map(serde_json::from_str::<&RawValue>) {
            Some(Ok(said)) => Self::Said(said),
            Some(Err(_)) | None => Self::named(principal, behalf.map(|behalf| behalf.tenant.as_str())),
        }
    }
}

/// One question.
#[derive(Serialize)]
pub struct Check<'a> {
    pub principal: &'a Who<'a>,
    pub resource: Resource<'a>,
    pub operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<&'a str>,
}

impl<'a> Check<'a> {
    /// Whether the principal may do `action` to `resource`. To make an agent in a tenant is, on this wire, to
    /// create every agent.
    pub fn new(
        principal: &'a Who<'a>,
        resource: &'a ResourceRef,
        action: authz::Action,
        behalf: Option<&'a Behalf>,
    ) -> Self {
        let every = |r#type: Kind| Resource { r#type: r#type.as_str(), selector: EVERY };
        let (resource, account_id) = match (resource.kind, action) {
            (Kind::Tenant, authz::Action::Create) => (every(Kind::Agent), Some(&*resource.id)),
            (Kind::Task, authz::Action::Create) => (every(Kind::Task), behalf.map(|behalf| behalf.tenant.as_str())),
            _ => (resource.into(), None),
        };
        Self { principal, resource, operation: action.as_str(), account_id }
    }
}

/// What is wanted of a list.
#[derive(Serialize)]
pub struct Search<'a> {
    pub principal: Who<'a>,
    pub filter_resource: &'static str,
    pub filter_operation: &'static str,
}

/// A relationship that is written or taken back.
#[derive(Serialize)]
pub struct Edge<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Who<'a>>,
    resource: Resource<'a>,
    operation: &'static str,
    relation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Resource<'a>>,
}

impl<'a> Edge<'a> {
    /// The relationship, for a principal who holds it; none, when a resource does.
    fn held(edge: &Relationship) -> Option<Principal> {
        let by_resource = matches!(edge.relation, Relation::Tenant | Relation::ParentAgent | Relation::Runtime);
        let kind = PrincipalKind::from_word(&edge.subject_kind).filter(|_| !by_resource)?;
        Some(Principal::new(kind, Arc::clone(&edge.subject_id)))
    }

    /// The body that writes `edge`, or takes it back.
    pub fn json(edge: &'a Relationship, revoked: bool, account_id: Option<&'a str>) -> serde_json::Result<Vec<u8>> {
        let holder = Self::held(edge);
        let subject = Resource { r#type: &edge.subject_kind, selector: &edge.subject_id };
        serde_json::to_vec(&Edge {
            principal: holder.as_ref().map(|holder| Who::named(holder, account_id)),
            resource: (&edge.resource).into(),
            operation: operation(edge.relation, revoked),
            relation: edge.relation.as_str(),
            subject: holder.is_none().then_some(subject),
        })
    }
}

/// The operation that today's services know a relation by: ownership is given with `create` and taken with
/// `delete`, the rest is called by the most that it allows.
const fn operation(relation: Relation, revoked: bool) -> &'static str {
    match relation {
        Relation::Owner if revoked => "delete",
        Relation::Owner | Relation::Admin => "create",
        Relation::Editor => "update",
        Relation::Viewer | Relation::Member | Relation::Tenant => "read",
        Relation::ParentAgent | Relation::Runtime => "execute",
    }
}

/// A new resource.
#[derive(Serialize)]
pub struct Register<'a> {
    principal: Who<'a>,
    resource: Resource<'a>,
    parent: Option<Resource<'a>>,
    account_id: &'a str,
}

impl<'a> From<&'a Registration> for Register<'a> {
    fn from(registration: &'a Registration) -> Self {
        Self {
            principal: Who::named(&registration.owner, Some(&registration.tenant)),
            resource: (&registration.resource).into(),
            parent: registration.parent.as_ref().map(Into::into),
            account_id: &registration.tenant,
        }
    }
}

/// A resource that is gone.
#[derive(Serialize)]
pub struct Deregister<'a> {
    pub principal: Who<'a>,
    pub resource: Resource<'a>,
}

/// Whose holders are wanted.
#[derive(Serialize)]
pub struct Holders<'a> {
    pub principal: Who<'a>,
    pub resources: Vec<Resource<'a>>,
}

/// Somebody who holds a role.
#[derive(Deserialize)]
pub struct Held {
    principal: Named,
    relation: String,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "user_id")]
    user: Option<Arc<str>>,
    #[serde(rename = "service_account_id")]
    service_account: Option<Arc<str>>,
    #[serde(rename = "agent_id")]
    agent: Option<Arc<str>>,
}

impl Held {
    /// The holder, if it is one.
    pub fn holder(self) -> Option<Holder> {
        let role = Role::from_relation(Relation::from_word(&self.relation)?)?;
        let Named { user, service_account, agent } = self.principal;
        let (kind, id) = match (user, service_account, agent) {
            (Some(id), None, None) => (PrincipalKind::User, id),
            (None, Some(id), None) => (PrincipalKind::ServiceAccount, id),
            (None, None, Some(id)) => (PrincipalKind::Agent, id),
            _ => return None,
        };
        Some(Holder { principal: Principal::new(kind, id), role })
    }
}
