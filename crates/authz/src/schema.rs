//! The authorization schema: which relation allows which action. Twin of `schema.zed`, which a test
//! compares with [`zed`].

use crate::{
    action::{Action, ActionSet},
    principal::PrincipalKind,
    resource::Kind,
};
use enumset::{EnumSet, EnumSetType};
use std::fmt::Write as _;

/// How a subject stands to a resource.
#[derive(EnumSetType, Debug, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// The tenant a resource lives in.
    Tenant,
    /// The agent a task runs on, or an API key is for.
    ParentAgent,
    /// The agent itself, so that its own credential may run it.
    Runtime,
    /// Who made it, or was made its owner.
    Owner,
    /// Who may change it.
    Editor,
    /// Who may see it.
    Viewer,
    /// Who belongs to a tenant.
    Member,
    /// Who runs a tenant.
    Admin,
}

impl Relation {
    const ALL: EnumSet<Self> = EnumSet::all();

    /// The word in `schema.zed` and in the relationships table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::ParentAgent => "parent_agent",
            Self::Runtime => "runtime",
            Self::Owner => "owner",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// The relation behind a word, if it is one of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|relation| relation.as_str() == word)
    }
}

/// A relation that is given to people and taken from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Made it.
    Owner,
    /// May change it.
    Editor,
    /// May see it.
    Viewer,
}

impl Role {
    /// The relation this role is.
    #[must_use]
    pub const fn relation(self) -> Relation {
        match self {
            Self::Owner => Relation::Owner,
            Self::Editor => Relation::Editor,
            Self::Viewer => Relation::Viewer,
        }
    }

    /// The role behind a relation, if it is one.
    #[must_use]
    pub fn from_relation(relation: Relation) -> Option<Self> {
        [Self::Owner, Self::Editor, Self::Viewer].into_iter().find(|role| role.relation() == relation)
    }
}

/// Which relations to a resource allow an action on it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The kind of resource.
    pub kind: Kind,
    /// What is allowed.
    pub action: Action,
    /// Any of these is enough.
    pub free: &'static [Relation],
    /// Any of these is enough inside the resource's tenant.
    pub gated: &'static [Relation],
    /// Whoever may do this to the resource's parent agent may, too.
    pub inherited: Option<Action>,
}

/// A principal is inside a tenant when it has any of these relations to it.
pub const INSIDE: &[Relation] = &[Relation::Member, Relation::Admin];

const PEOPLE: &[PrincipalKind] = &[PrincipalKind::User, PrincipalKind::ServiceAccount];
const ANYBODY: &[PrincipalKind] = &[PrincipalKind::User, PrincipalKind::ServiceAccount, PrincipalKind::Agent];

/// Every permission there is.
pub const RULES: &[Rule] = {
    use Action::{Cancel, Create, Delete, Execute, Read, Share, Update};
    use Kind::{Agent, ApiKey, Task, Tenant};
    use Relation::{Admin, Editor, Member, Owner, ParentAgent, Runtime, Viewer};
    const fn rule(kind: Kind, action: Action, free: &'static [Relation], gated: &'static [Relation]) -> Rule {
        Rule { kind, action, free, gated, inherited: None }
    }
    const fn or_parent(rule: Rule, action: Action) -> Rule {
        Rule { inherited: Some(action), ..rule }
    }
    &[
        rule(Tenant, Read, &[Member, Admin], &[]),
        rule(Tenant, Create, &[Member, Admin], &[]),
        rule(Agent, Read, &[Viewer, Editor, Owner, Runtime], &[]),
        rule(Agent, Update, &[Runtime], &[Editor, Owner]),
        rule(Agent, Execute, &[Runtime], &[Editor, Owner]),
        // Making keys. Not for the runtime: a stolen key would make another, and outlive its own end.
        rule(Agent, Create, &[], &[Editor, Owner]),
        rule(Agent, Delete, &[], &[Owner]),
        rule(Agent, Share, &[], &[Owner]),
        rule(Task, Read, &[Viewer, Editor, Owner, ParentAgent], &[]),
        rule(Task, Update, &[ParentAgent], &[Editor, Owner]),
        rule(Task, Execute, &[Owner, ParentAgent], &[]),
        rule(Task, Cancel, &[], &[Owner]),
        rule(Task, Delete, &[], &[Owner]),
        rule(Task, Share, &[], &[Owner]),
        or_parent(rule(ApiKey, Read, &[Owner], &[]), Update),
        or_parent(rule(ApiKey, Delete, &[], &[Owner]), Create),
    ]
};

/// A relation, and who may stand in it; a tenant where nobody is named.
type Subjects = (Relation, &'static [PrincipalKind]);

/// The relations a kind of resource has, and who may stand in them.
const RELATIONS: &[(Kind, &[Subjects])] = &[
    (Kind::Tenant, &[(Relation::Member, ANYBODY), (Relation::Admin, PEOPLE)]),
    (
        Kind::Agent,
        &[
            (Relation::Tenant, &[]),
            (Relation::Runtime, &[PrincipalKind::Agent]),
            (Relation::Owner, PEOPLE),
            (Relation::Editor, PEOPLE),
            (Relation::Viewer, PEOPLE),
        ],
    ),
    (
        Kind::Task,
        &[
            (Relation::Tenant, &[]),
            (Relation::ParentAgent, &[PrincipalKind::Agent]),
            (Relation::Owner, ANYBODY),
            (Relation::Editor, ANYBODY),
            (Relation::Viewer, ANYBODY),
        ],
    ),
    (
        Kind::ApiKey,
        &[(Relation::Tenant, &[]), (Relation::ParentAgent, &[PrincipalKind::Agent]), (Relation::Owner, PEOPLE)],
    ),
];

/// Whether resources of a kind have a relation.
#[must_use]
pub fn has_relation(kind: Kind, relation: Relation) -> bool {
    subjects(kind, relation).is_some()
}

/// The kinds that may stand in a relation to resources of a kind, if these have it.
#[must_use]
pub fn subjects(kind: Kind, relation: Relation) -> Option<Vec<&'static str>> {
    let of_kind = RELATIONS.iter().filter(|(of, _)| *of == kind);
    let (_, subjects) = of_kind.flat_map(|(_, relations)| *relations).find(|(known, _)| *known == relation)?;
    Some(if subjects.is_empty() {
        vec![Kind::Tenant.as_str()]
    } else {
        subjects.iter().map(|subject| subject.as_str()).collect()
    })
}

/// The rule for an action on a kind, if that permission exists.
#[must_use]
pub fn rule(kind: Kind, action: Action) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.kind == kind && rule.action == action)
}

/// What may be done to a resource by someone who holds `held` relations to it and is or is not
/// `inside` its tenant. What they may do by way of its parent is [`inherited`].
#[must_use]
pub fn allowed(kind: Kind, held: EnumSet<Relation>, inside: bool) -> ActionSet {
    let any = |relations: &[Relation]| relations.iter().any(|relation| held.contains(*relation));
    RULES
        .iter()
        .filter(|rule| rule.kind == kind && (any(rule.free) || (inside && any(rule.gated))))
        .map(|rule| rule.action)
        .collect()
}

/// What may be done to a resource by someone who may do `of_parent` to its parent agent.
#[must_use]
pub fn inherited(kind: Kind, of_parent: ActionSet) -> ActionSet {
    let by_parent = |rule: &&Rule| rule.inherited.is_some_and(|action| of_parent.contains(action));
    RULES.iter().filter(|rule| rule.kind == kind).filter(by_parent).map(|rule| rule.action).collect()
}

/// The rule for what an action on a kind is inherited from, if it is.
#[must_use]
pub fn parent_rule(kind: Kind, action: Action) -> Option<&'static Rule> {
    rule(Kind::Agent, rule(kind, action)?.inherited?)
}

/// This schema in SpiceDB's language.
#[must_use]
pub fn zed() -> String {
    let mut text = String::from("// The authorization schema. Twin of `authz::schema`; a test compares the two.\n");
    for kind in PEOPLE {
        let _ = write!(text, "\ndefinition {} {{}}\n", kind.as_str());
    }
    for (kind, relations) in RELATIONS {
        let _ = write!(text, "\ndefinition {kind} {{\n");
        for (relation, _) in *relations {
            let subjects = subjects(*kind, *relation).unwrap_or_default();
            let _ = writeln!(text, "  relation {}: {}", relation.as_str(), subjects.join(" | "));
        }
        if *kind == Kind::Tenant {
            let _ = writeln!(text, "  permission inside = {}", union(INSIDE));
        }
        for rule in RULES.iter().filter(|rule| rule.kind == *kind) {
            let gated = match rule.gated {
                [] => None,
                [one] => Some(format!("{} & tenant->inside", one.as_str())),
                many => Some(format!("({}) & tenant->inside", union(many))),
            };
            let free = (!rule.free.is_empty()).then(|| union(rule.free));
            let inherited = rule.inherited.map(|action| format!("parent_agent->{action}"));
            let several = [&free, &gated, &inherited].into_iter().flatten().count() > 1;
            let gated = gated.map(|gated| if several { format!("({gated})") } else { gated });
            let body: Vec<_> = [free, gated, inherited].into_iter().flatten().collect();
            if !body.is_empty() {
                let _ = writeln!(text, "  permission {} = {}", rule.action, body.join(" + "));
            }
        }
        text.push_str("}\n");
    }
    text
}

fn union(relations: &[Relation]) -> String {
    relations.iter().map(|relation| relation.as_str()).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `TASKGATE_BLESS=1 cargo test -p authz` rewrites the twin after an intended change.
    #[test]
    fn schema_zed_is_the_twin() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.zed");
        if std::env::var_os("TASKGATE_BLESS").is_some() {
            std::fs::write(path, zed()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), zed());
    }

    #[test]
    fn every_relation_a_rule_needs_exists_on_its_kind() {
        for rule in RULES {
            let (_, relations) = RELATIONS.iter().find(|(kind, _)| *kind == rule.kind).unwrap();
            let parent = rule.inherited.map(|_| Relation::ParentAgent);
            for needed in rule.free.iter().chain(rule.gated).chain(&parent) {
                assert!(relations.iter().any(|(relation, _)| relation == needed), "{rule:?}");
            }
            assert_eq!(rule.inherited.is_some(), parent_rule(rule.kind, rule.action).is_some(), "{rule:?}");
        }
    }

    /// The table of design.md, role by role.
    #[test]
    fn what_each_role_may_do_to_a_task() {
        use Action::{Cancel, Delete, Execute, Read, Share, Update};
        let may = |relation: Relation, inside| allowed(Kind::Task, relation.into(), inside);
        assert_eq!(may(Relation::Viewer, true), ActionSet::only(Read));
        assert_eq!(may(Relation::Editor, true), Read | Update);
        assert_eq!(may(Relation::Owner, true), Read | Update | Execute | Cancel | Delete | Share);
        assert_eq!(may(Relation::ParentAgent, false), Read | Update | Execute);
        assert_eq!(may(Relation::Editor, false), ActionSet::only(Read));
        assert_eq!(may(Relation::Owner, false), Read | Execute);
        assert_eq!(allowed(Kind::Task, EnumSet::empty(), true), ActionSet::empty());
    }

    /// An API key is read by whoever may change its agent and ended by whoever may make one. So a runtime sees
    /// that there are keys to it, and neither makes nor ends one.
    #[test]
    fn what_an_agent_s_people_and_runtime_may_do_to_its_keys() {
        use Action::{Create, Delete, Read};
        let by_way_of = |relation: Relation, inside| {
            let of_agent = allowed(Kind::Agent, relation.into(), inside);
            (of_agent.contains(Create), inherited(Kind::ApiKey, of_agent))
        };
        for people in [Relation::Owner, Relation::Editor] {
            assert_eq!(by_way_of(people, true), (true, Read | Delete));
            assert_eq!(by_way_of(people, false), (false, ActionSet::empty()));
        }
        assert_eq!(by_way_of(Relation::Viewer, true), (false, ActionSet::empty()));
        assert_eq!(by_way_of(Relation::Runtime, false), (false, ActionSet::only(Read)));
        assert_eq!(allowed(Kind::ApiKey, Relation::Owner.into(), true), Read | Delete);
        assert_eq!(allowed(Kind::ApiKey, Relation::Owner.into(), false), ActionSet::only(Read));
        assert_eq!(inherited(Kind::Task, ActionSet::all()), ActionSet::empty());
    }
}
