//! What is wrong between a row and its relationships, and what would mend it. Pure: decided from what
//! both sides say.

use authz::{Kind, Known, Principal, Registration, Relation, Relationship, ResourceRef};
use chrono::{DateTime, Utc};
use std::{fmt, sync::Arc};

/// A row, as far as its registration goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: Arc<str>,
    /// The tenant it lives in. Rows of older systems have none.
    pub tenant: Option<Arc<str>>,
    /// The agents that work on it, sorted. One, for a task, when all is well; the one that it is for, for an API key.
    pub agents: Vec<Arc<str>>,
    /// Who made it, from the creator columns: a user or a service account. Both are empty when it was an
    /// agent's own credential, an older system, or nobody in particular.
    pub creator: Option<Principal>,
    /// When it was made. Rows that do not say are old.
    pub made_at: Option<DateTime<Utc>>,
}

/// Which side lacks the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// A row whose registration is missing, or not whole.
    Row,
    /// A registration whose row is missing.
    Registration,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Row, Self::Registration];

    /// The word in metrics, tables and output: what there is.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Registration => "registration",
        }
    }

    /// The direction behind a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str() == word)
    }
}

/// Why a row cannot be registered without a person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// Nobody owns it, and its creator columns are empty.
    NoCreator,
    /// It lives in no tenant.
    NoTenant,
    /// The engine says that it lives in another tenant.
    OtherTenant,
    /// The engine says that it runs on an agent which does not work on it.
    OtherAgent,
    /// Several agents work on it, and which of them is its parent is not known.
    SeveralAgents,
}

impl Obstacle {
    /// Every obstacle.
    pub const ALL: [Self; 5] =
        [Self::NoCreator, Self::NoTenant, Self::OtherTenant, Self::OtherAgent, Self::SeveralAgents];

    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCreator => "no_creator",
            Self::NoTenant => "no_tenant",
            Self::OtherTenant => "other_tenant",
            Self::OtherAgent => "other_agent",
            Self::SeveralAgents => "several_agents",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCreator => "nobody owns it and its creator columns are empty, so its owner is not known",
            Self::NoTenant => "its row has no tenant",
            Self::OtherTenant => "the engine has it in another tenant than its row",
            Self::OtherAgent => "the engine has it on an agent that does not work on it",
            Self::SeveralAgents => "several agents work on it, and which is its parent is not known",
        })
    }
}

/// What mends an orphan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// These relationships are missing. Whatever is there stays: the creator of a task that now belongs to
    /// somebody else is not made its owner again.
    Register(Vec<Relationship>),
    /// Its relationships are to go.
    Deregister,
    /// A person must decide.
    Decide(Obstacle),
}

/// A thing of which one side knows what the other does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The thing.
    pub resource: ResourceRef,
    /// Which side lacks the other.
    pub direction: Direction,
    /// The tenant it lives in, as far as either side says.
    pub tenant: Option<Arc<str>>,
    /// Who made it, as its creator columns say.
    pub creator: Option<Principal>,
    /// Since when it is there: the row, or the last that was said of it.
    pub since: Option<DateTime<Utc>>,
    /// What mends it.
    pub remedy: Remedy,
}

/// What is wrong between a row of `kind` and what the engine has heard of it; `None` when they agree.
#[must_use]
pub fn judge(kind: Kind, row: Option<&Row>, known: Option<&Known>) -> Option<Orphan> {
    let Some(row) = row else { return known.map(|known| left_behind(kind, known)) };
    let remedy = match missing(kind, row, known.unwrap_or(&Known::default())) {
        Ok(edges) if edges.is_empty() => return None,
        Ok(edges) => Remedy::Register(edges),
        Err(obstacle) => Remedy::Decide(obstacle),
    };
    Some(Orphan {
        resource: ResourceRef { kind, id: Arc::clone(&row.id) },
        direction: Direction::Row,
        tenant: row.tenant.clone(),
        creator: row.creator.clone(),
        since: row.made_at,
        remedy,
    })
}

fn left_behind(kind: Kind, known: &Known) -> Orphan {
    Orphan {
        resource: ResourceRef { kind, id: Arc::clone(&known.id) },
        direction: Direction::Registration,
        tenant: known.tenants.first().cloned(),
        creator: None,
        since: known.since,
        remedy: Remedy::Deregister,
    }
}

/// The relationships of the row's registration that the engine has not heard of. An owner is missing only
/// when nobody owns it: ownership may have been given on.
fn missing(kind: Kind, row: &Row, known: &Known) -> Result<Vec<Relationship>, Obstacle> {
    let tenant = row.tenant.clone().ok_or(Obstacle::NoTenant)?;
    if known.tenants.iter().any(|other| *other != tenant) {
        return Err(Obstacle::OtherTenant);
    }
    let parent = parent(kind, row, known)?;
    if !known.owned && row.creator.is_none() {
        return Err(Obstacle::NoCreator);
    }
    // Whose relationship is left out below when somebody owns it.
    let owner = row.creator.clone().unwrap_or_else(|| Principal::user(""));
    let resource = ResourceRef { kind, id: Arc::clone(&row.id) };
    let mut edges = Registration { resource, owner, tenant, parent }.relationships();
    edges.retain(|edge| match edge.relation {
        Relation::Owner => !known.owned,
        Relation::Tenant => known.tenants.is_empty(),
        Relation::ParentAgent => known.parents.is_empty(),
        Relation::Runtime => !known.runtime,
        Relation::Editor | Relation::Viewer | Relation::Member | Relation::Admin => false,
    });
    Ok(edges)
}

/// The agent a task runs on or a key is for; a task that no agent works on has no parent.
fn parent(kind: Kind, row: &Row, known: &Known) -> Result<Option<ResourceRef>, Obstacle> {
    match kind {
        Kind::Tenant | Kind::Agent => return Ok(None),
        Kind::Task | Kind::ApiKey => {}
    }
    if known.parents.iter().any(|parent| !row.agents.contains(parent)) {
        return Err(Obstacle::OtherAgent);
    }
    match row.agents.as_slice() {
        [_, _, ..] if known.parents.is_empty() => Err(Obstacle::SeveralAgents),
        agents => Ok(agents.first().map(|id| ResourceRef { kind: Kind::Agent, id: Arc::clone(id) })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            id: "t1".into(),
            tenant: Some("acme".into()),
            agents: vec!["a1".into()],
            creator: Some(Principal::user("alice")),
            made_at: None,
        }
    }

    fn known() -> Known {
        Known {
            id: "t1".into(),
            owned: true,
            runtime: false,
            tenants: vec!["acme".into()],
            parents: vec!["a1".into()],
            since: None,
        }
    }

    /// The relations that would be added, or the word of the obstacle.
    fn mends(row: &Row, known: Option<&Known>) -> String {
        match judge(Kind::Task, Some(row), known).map(|orphan| orphan.remedy) {
            None => "agree".to_owned(),
            Some(Remedy::Deregister) => "deregister".to_owned(),
            Some(Remedy::Decide(obstacle)) => obstacle.as_str().to_owned(),
            Some(Remedy::Register(edges)) => edges
                .iter()
                .map(|edge| format!("{}={}:{}", edge.relation.as_str(), edge.subject_kind, edge.subject_id))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    #[test]
    fn what_is_there_on_both_sides_agrees_and_a_side_alone_is_an_orphan() {
        assert_eq!(judge(Kind::Task, None, None), None);
        assert_eq!(judge(Kind::Task, Some(&row()), Some(&known())), None);
        let left = judge(Kind::Task, None, Some(&known())).unwrap();
        assert_eq!(
            (left.direction, left.remedy, left.tenant),
            (Direction::Registration, Remedy::Deregister, Some("acme".into()))
        );
        let alone = judge(Kind::Task, Some(&row()), None).unwrap();
        assert_eq!((alone.direction, alone.creator), (Direction::Row, Some(Principal::user("alice"))));
    }

    #[test]
    fn only_what_is_missing_is_added() {
        let all = "owner=user:alice tenant=tenant:acme parent_agent=agent:a1";
        assert_eq!(mends(&row(), None), all);
        for (lacks, adds) in [
            (Known { owned: false, ..known() }, "owner=user:alice"),
            (Known { tenants: vec![], ..known() }, "tenant=tenant:acme"),
            (Known { parents: vec![], ..known() }, "parent_agent=agent:a1"),
        ] {
            assert_eq!(mends(&row(), Some(&lacks)), adds);
        }
        let service = Row { creator: Some(Principal::service_account("bot")), ..row() };
        assert!(mends(&service, None).starts_with("owner=service_account:bot "));
        let given_on = Known { tenants: vec![], ..known() };
        assert_eq!(
            mends(&Row { creator: None, ..row() }, Some(&given_on)),
            "tenant=tenant:acme",
            "who owns it is known"
        );
    }

    #[test]
    fn what_nobody_can_know_is_not_guessed() {
        let two = vec!["a1".into(), "a2".into()];
        for (row, known, word) in [
            (Row { creator: None, ..row() }, None, "no_creator"),
            (Row { creator: None, ..row() }, Some(Known { owned: false, ..known() }), "no_creator"),
            (Row { tenant: None, ..row() }, None, "no_tenant"),
            (row(), Some(Known { tenants: vec!["other".into()], ..known() }), "other_tenant"),
            (row(), Some(Known { tenants: vec!["acme".into(), "other".into()], ..known() }), "other_tenant"),
            (row(), Some(Known { parents: vec!["a9".into()], ..known() }), "other_agent"),
            (Row { agents: two.clone(), ..row() }, None, "several_agents"),
        ] {
            assert_eq!(mends(&row, known.as_ref()), word);
        }
        assert_eq!(mends(&Row { agents: two, ..row() }, Some(&known())), "agree");
        let unattended = Known { parents: vec![], ..known() };
        assert_eq!(mends(&Row { agents: vec![], ..row() }, Some(&unattended)), "agree", "no agent works on it");
    }

    #[test]
    fn an_api_key_has_the_agent_it_is_for() {
        assert_eq!(judge(Kind::ApiKey, Some(&row()), Some(&known())), None);
        let orphan = judge(Kind::ApiKey, Some(&row()), None).unwrap();
        let Remedy::Register(edges) = orphan.remedy else { panic!("{orphan:?}") };
        let relations: Vec<_> = edges.iter().map(|edge| edge.relation).collect();
        assert_eq!(relations, [Relation::Owner, Relation::Tenant, Relation::ParentAgent]);
    }

    #[test]
    fn an_agent_has_a_runtime_and_no_parent() {
        let row = Row { agents: vec![], ..row() };
        let whole = Known { runtime: true, parents: vec![], ..known() };
        assert_eq!(judge(Kind::Agent, Some(&row), Some(&whole)), None);
        let asleep = judge(Kind::Agent, Some(&row), Some(&Known { runtime: false, ..whole })).unwrap();
        let Remedy::Register(edges) = asleep.remedy else { panic!("{asleep:?}") };
        assert_eq!(edges.iter().map(|edge| edge.relation).collect::<Vec<_>>(), [Relation::Runtime]);
    }
}
