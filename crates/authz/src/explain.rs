//! Why somebody may do something, or what they lack. For operators: to callers it would tell what is hidden.
//!
//! What an engine decides is explained from the relationships it has, by one piece of logic for all engines.
//! The engine is asked as well, and what it says counts: see [`Explained::disagrees`].

use crate::{
    action::Action,
    engine::{Authorizer, Check, Consistency, EngineError, Relationship},
    principal::Principal,
    resource::{Kind, ResourceRef},
    schema::{self, INSIDE, Relation, Rule},
};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// The relations that lead from a resource to another on which a decision may depend.
pub const LINKS: &[Relation] = &[Relation::Tenant, Relation::ParentAgent];

/// How far links are followed: the resource, what it lives in and runs on, and what that lives in.
const STEPS: usize = 3;

/// An engine whose relationships can be read. Not every engine's can.
#[async_trait::async_trait]
pub trait RelationshipReader: Send + Sync {
    /// Of each resource, in the order asked: what `principal` is to it, and its [`LINKS`]. The relationships of
    /// others are left out, however many they are. As of this moment.
    async fn of(&self, principal: &Principal, resources: &[ResourceRef])
    -> Result<Vec<Vec<Relationship>>, EngineError>;
}

/// Why an action is allowed, or why it is not. One of the two is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Each way that allows it, the shortest first: relationships that together are enough.
    pub paths: Vec<Vec<Relationship>>,
    /// What there would have to be, and is not.
    pub missing: Vec<Missing>,
}

/// Something that would have to be otherwise for an action to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is no such permission.
    Permission {
        /// Of what.
        kind: Kind,
        /// To do what.
        action: Action,
    },
    /// No relationship says anything of the resource.
    Resource(ResourceRef),
    /// The relation would do inside the resource's tenant.
    Inside {
        /// The relation that is held.
        held: Relationship,
        /// The tenants the resource lives in. One, when all is well.
        tenants: Vec<ResourceRef>,
    },
    /// No relation that is held would do.
    Relation {
        /// Who lacks it.
        principal: Principal,
        /// Towards what.
        resource: ResourceRef,
        /// To do what.
        action: Action,
        /// Which are held.
        held: Vec<Relation>,
        /// The tenants the resource lives in.
        tenants: Vec<ResourceRef>,
        /// The agents it runs on, or is for.
        parents: Vec<ResourceRef>,
    },
}

/// What an engine decides, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Who asks.
    pub principal: Principal,
    /// To do what.
    pub action: Action,
    /// To what.
    pub resource: ResourceRef,
    /// What the engine says.
    pub allowed: bool,
    /// Why. None when the engine's relationships cannot be read.
    pub reasons: Option<Reasons>,
}

impl Explained {
    /// Whether the engine decides otherwise than its relationships and the schema say: a fault of the engine's
    /// or of its schema's, and nothing to be explained away.
    #[must_use]
    pub fn disagrees(&self) -> bool {
        self.reasons.as_ref().is_some_and(|reasons| reasons.paths.is_empty() == self.allowed)
    }
}

/// What explains the decisions of an engine.
#[derive(Clone)]
pub struct Explainer {
    /// The engine.
    pub engine: Arc<dyn Authorizer>,
    /// Its relationships, if they can be read.
    pub reader: Option<Arc<dyn RelationshipReader>>,
}

impl Explainer {
    /// What the engine decides now, and why.
    pub async fn explain(
        &self,
        principal: &Principal,
        action: Action,
        resource: &ResourceRef,
    ) -> Result<Explained, EngineError> {
        let first = self.once(principal, action, resource).await?;
        // Something may have changed between the two questions.
        if first.disagrees() { self.once(principal, action, resource).await } else { Ok(first) }
    }

    async fn once(
        &self,
        principal: &Principal,
        action: Action,
        resource: &ResourceRef,
    ) -> Result<Explained, EngineError> {
        let reasons = match &self.reader {
            Some(reader) => Some(reasons(principal, action, resource, &known(&**reader, principal, resource).await?)),
            None => None,
        };
        let check = Check { resource: resource.clone(), actions: action.into() };
        let decisions = self.engine.check(principal, &[check], &Consistency::FullyConsistent).await?;
        let [decision] = decisions.as_slice() else {
            return Err(EngineError::Malformed("a decision is missing or too many".into()));
        };
        let (principal, resource) = (principal.clone(), resource.clone());
        Ok(Explained { principal, action, resource, allowed: decision.allowed.contains(action), reasons })
    }
}

/// The relationships that a decision about `resource` can depend on.
async fn known(
    reader: &dyn RelationshipReader,
    principal: &Principal,
    resource: &ResourceRef,
) -> Result<BTreeSet<Relationship>, EngineError> {
    let mut known = BTreeSet::new();
    let mut asked = BTreeSet::new();
    let mut next = BTreeSet::from([resource.clone()]);
    for _ in 0..STEPS {
        let ask: Vec<_> = next.difference(&asked).cloned().collect();
        if ask.is_empty() {
            break;
        }
        let found = reader.of(principal, &ask).await?;
        if found.len() != ask.len() {
            return Err(EngineError::Malformed("an answer is missing or too many".into()));
        }
        asked.extend(ask);
        next = found.iter().flatten().filter_map(leads_to).collect();
        known.extend(found.into_iter().flatten());
    }
    Ok(known)
}

/// Where a link leads, if the relationship is one.
fn leads_to(relationship: &Relationship) -> Option<ResourceRef> {
    let kind = match relationship.relation {
        Relation::Tenant => Kind::Tenant,
        Relation::ParentAgent => Kind::Agent,
        Relation::Runtime
        | Relation::Owner
        | Relation::Editor
        | Relation::Viewer
        | Relation::Member
        | Relation::Admin => return None,
    };
    let id = Arc::clone(&relationship.subject_id);
    (*relationship.subject_kind == *kind.as_str()).then_some(ResourceRef { kind, id })
}

/// Why `principal` may do `action` to `resource`, or what they lack, when these are the relationships there are.
#[must_use]
pub fn reasons(
    principal: &Principal,
    action: Action,
    resource: &ResourceRef,
    relationships: &BTreeSet<Relationship>,
) -> Reasons {
    let Some(rule) = schema::rule(resource.kind, action) else {
        return Reasons { missing: vec![Missing::Permission { kind: resource.kind, action }], ..Reasons::default() };
    };
    let mut reasons = Known { principal, relationships }.follow(rule, resource);
    reasons.paths.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    if !reasons.paths.is_empty() {
        reasons.missing.clear();
    }
    reasons
}

/// What is looked through for reasons.
struct Known<'a> {
    principal: &'a Principal,
    relationships: &'a BTreeSet<Relationship>,
}

impl Known<'_> {
    /// The relationship by which the principal is `relation` of `resource`, if there is one.
    fn held(&self, resource: &ResourceRef, relation: Relation) -> Option<Relationship> {
        let wanted = Relationship::held(resource.clone(), relation, self.principal);
        self.relationships.contains(&wanted).then_some(wanted)
    }

    fn of<'a>(&'a self, resource: &'a ResourceRef) -> impl Iterator<Item = &'a Relationship> {
        self.relationships.iter().filter(move |relationship| relationship.resource == *resource)
    }

    /// The links of one relation, with where they lead.
    fn links(&self, resource: &ResourceRef, relation: Relation) -> Vec<(Relationship, ResourceRef)> {
        let links = self.of(resource).filter(|link| link.relation == relation);
        links.filter_map(|link| Some((link.clone(), leads_to(link)?))).collect()
    }

    /// All ways by which a rule allows, and all it lacks elsewhere.
    fn follow(&self, rule: &Rule, resource: &ResourceRef) -> Reasons {
        let mut reasons = Reasons::default();
        reasons.paths.extend(rule.free.iter().filter_map(|relation| Some(vec![self.held(resource, *relation)?])));
        let tenants = self.links(resource, Relation::Tenant);
        for held in rule.gated.iter().filter_map(|relation| self.held(resource, *relation)) {
            let before = reasons.paths.len();
            for (link, tenant) in &tenants {
                let inside = INSIDE.iter().filter_map(|relation| self.held(tenant, *relation));
                reasons.paths.extend(inside.map(|inside| vec![held.clone(), link.clone(), inside]));
            }
            if reasons.paths.len() == before {
                reasons.missing.push(Missing::Inside { held, tenants: ends(&tenants) });
            }
        }
        if reasons.paths.is_empty() && reasons.missing.is_empty() {
            reasons.missing.push(self.lacking(rule, resource, ends(&tenants)));
        }
        for (link, parent) in self.links(resource, Relation::ParentAgent) {
            let Some(rule) = schema::parent_rule(rule.kind, rule.action) else { break };
            let by_parent = self.follow(rule, &parent);
            let led = |path: Vec<Relationship>| [vec![link.clone()], path].concat();
            reasons.paths.extend(by_parent.paths.into_iter().map(led));
            reasons.missing.extend(by_parent.missing);
        }
        reasons
    }

    fn lacking(&self, rule: &Rule, resource: &ResourceRef, tenants: Vec<ResourceRef>) -> Missing {
        if self.of(resource).next().is_none() && resource.kind != Kind::Tenant {
            return Missing::Resource(resource.clone());
        }
        let this = Relationship::held(resource.clone(), Relation::Viewer, self.principal);
        let mine =
            |held: &&Relationship| (&held.subject_kind, &held.subject_id) == (&this.subject_kind, &this.subject_id);
        Missing::Relation {
            principal: self.principal.clone(),
            resource: resource.clone(),
            action: rule.action,
            held: self.of(resource).filter(mine).map(|held| held.relation).collect(),
            tenants,
            parents: ends(&self.links(resource, Relation::ParentAgent)),
        }
    }
}

fn ends(links: &[(Relationship, ResourceRef)]) -> Vec<ResourceRef> {
    links.iter().map(|(_, end)| end.clone()).collect()
}

/// A sentence for people.
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission { kind, action } => {
                write!(f, "nobody may `{action}` any {kind}: there is no such permission")
            }
            Self::Resource(resource) => write!(
                f,
                "{resource} lives in no tenant, and nothing else leads there: it does not exist, or is not registered"
            ),
            Self::Inside { held, tenants } => {
                let Relationship { resource, relation, subject_kind, subject_id } = held;
                write!(f, "{subject_kind}:{subject_id} is {} of {resource}, but ", relation.as_str())?;
                match tenants.as_slice() {
                    [] => f.write_str("it lives in no tenant"),
                    tenants => write!(f, "not inside {}, which it lives in", either(tenants)),
                }
            }
            Self::Relation { principal, resource, action, held, tenants, parents } => {
                match held.as_slice() {
                    [] => write!(f, "{principal} is nothing to {resource}")?,
                    held => write!(f, "{principal} is only {} of {resource}", either(&words(held)))?,
                }
                let takes = schema::rule(resource.kind, *action).map(|rule| takes(rule, tenants, parents));
                write!(f, ": to `{action}` it takes {}", takes.unwrap_or_default().join(", or "))
            }
        }
    }
}

/// What a rule takes, each of which would do.
fn takes(rule: &Rule, tenants: &[ResourceRef], parents: &[ResourceRef]) -> Vec<String> {
    let named = |of: &[ResourceRef]| if of.is_empty() { "of which it has none".to_owned() } else { either(of) };
    let (parent, free): (Vec<_>, Vec<_>) =
        rule.free.iter().copied().partition(|relation| *relation == Relation::ParentAgent);
    let mut takes = Vec::new();
    if !free.is_empty() {
        takes.push(format!("its {}", either(&words(&free))));
    }
    if !rule.gated.is_empty() {
        takes.push(format!("its {}, inside its tenant ({})", either(&words(rule.gated)), named(tenants)));
    }
    if !parent.is_empty() {
        takes.push(format!("the runtime of its agent ({})", named(parents)));
    }
    if let Some(action) = rule.inherited {
        takes.push(format!("whoever may `{action}` on its agent ({})", named(parents)));
    }
    takes
}

fn words(relations: &[Relation]) -> Vec<&'static str> {
    relations.iter().map(|relation| relation.as_str()).collect()
}

/// All of them, as the choices that they are.
fn either(choices: &[impl ToString]) -> String {
    let mut choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
    let last = choices.pop().unwrap_or_default();
    if choices.is_empty() { last } else { format!("{} or {last}", choices.join(", ")) }
}
