//! Checks, of any number of callers, in one statement.

use super::{
    Asked,
    columns::{Columns, columns, storable},
    place,
};
use crate::{Standing, asked_of_parent, is_gated};
use authz::{
    ActionSet, Check, Decision, Kind, Principal, Relation, ResourceRef,
    schema::{self, INSIDE},
};
use enumset::EnumSet;
use sqlx::PgPool;

/// To what an edge leads whose presence a check depends on, where that is not the resource itself: the subject has the
/// relation to …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// … the resource's tenant.
    Tenant,
    /// … the resource's parent agent.
    Parent,
    /// … the resource's parent agent, and this one to that agent's tenant.
    ParentAndItsTenant(Relation),
}

impl Of {
    /// The number in the statement, and the relation to the parent's tenant.
    const fn column(self) -> (i16, &'static str) {
        match self {
            Self::Tenant => (1, ""),
            Self::Parent => (2, ""),
            Self::ParentAndItsTenant(inside) => (3, inside.as_str()),
        }
    }
}

/// An edge, not to the resource itself, whose presence a check depends on.
struct Wanted<'a> {
    /// The check, counted over all that was asked.
    check: usize,
    /// The principal who would be the subject.
    subject: &'a Principal,
    /// The resource checked.
    resource: &'a ResourceRef,
    relation: Relation,
    of: Of,
}

impl<'a> Wanted<'a> {
    /// The edges that what `check` asks about can depend on, and no others.
    fn by(number: usize, subject: &'a Principal, check: &'a Check) -> impl Iterator<Item = Self> {
        let inside = INSIDE.iter().filter(|_| is_gated(check)).copied();
        let edges = inside.map(|inside| (inside, Of::Tenant)).chain(of_parent(asked_of_parent(check)));
        edges.map(move |(relation, of)| Self { check: number, subject, resource: &check.resource, relation, of })
    }

    fn row(&self) -> [&'a str; 5] {
        let [resource_kind, resource_id, subject_kind, subject_id] = pair(self.subject, self.resource);
        [resource_kind, resource_id, self.relation.as_str(), subject_kind, subject_id]
    }

    /// Notes that the edge is there.
    fn count_towards(&self, standing: &mut Standing) {
        let relation = self.relation.into();
        match self.of {
            Of::Tenant => standing.inside = true,
            // A resource may have two parents: each must allow by itself, so relations are not added up.
            Of::Parent => standing.of_parent |= schema::allowed(Kind::Agent, relation, false),
            Of::ParentAndItsTenant(_) => standing.of_parent |= schema::allowed(Kind::Agent, relation, true),
        }
    }
}

/// The edges to a parent agent that being allowed to do `actions` to it can depend on.
fn of_parent(actions: ActionSet) -> impl Iterator<Item = (Relation, Of)> {
    let rules = move || actions.iter().filter_map(|action| schema::rule(Kind::Agent, action));
    let free: EnumSet<Relation> = rules().flat_map(|rule| rule.free).copied().collect();
    let gated: EnumSet<Relation> = rules().flat_map(|rule| rule.gated).copied().collect();
    let inside = |relation| INSIDE.iter().map(move |inside| (relation, Of::ParentAndItsTenant(*inside)));
    free.iter().map(|relation| (relation, Of::Parent)).chain(gated.iter().flat_map(inside))
}

/// A resource and a subject, as statements name them.
fn pair<'a>(subject: &'a Principal, resource: &'a ResourceRef) -> [&'a str; 4] {
    [resource.kind.as_str(), storable(&resource.id), subject.kind().as_str(), storable(subject.id())]
}

/// The decisions of all that was asked, in one statement. All that a subject holds of a resource is one place in the
/// index by holder, so each check takes one look-up there; what leads to a tenant or a parent takes one for each edge
/// that an answer depends on, and one more for each edge that leads there.
///
/// `OFFSET 0`, and scalar subqueries with an equality for each column of the key, are planned as that and nothing else;
/// joins, `EXISTS` and `= ANY` may come out as scans. The arrays are read through subqueries so that
/// the planner cannot see how long they are: the generic plan then costs what the planned one does,
/// and PostgreSQL keeps it.
pub(super) async fn decide(pool: &PgPool, asked: &[Asked]) -> Result<Vec<Vec<Decision>>, sqlx::Error> {
    let checks = || asked.iter().flat_map(|asked| asked.checks.iter().map(|check| (&asked.principal, check)));
    let wanted: Vec<_> =
        checks().enumerate().flat_map(|(number, (subject, check))| Wanted::by(number, subject, check)).collect();
    let [kinds, ids, subject_kinds, subject_ids] =
        columns(checks().map(|(subject, check)| pair(subject, &check.resource)));
    let edges = Columns::of(wanted.iter().map(Wanted::row));
    let (of, inside): (Vec<_>, Vec<_>) = wanted.iter().map(|wanted| wanted.of.column()).unzip();
    let select = sqlx::query!(
        r#"SELECT pair.place AS "place!", held.relation AS "relation?"
           FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::text[]))
                WITH ORDINALITY AS pair (resource_kind, resource_id, subject_kind, subject_id, place)
           CROSS JOIN LATERAL
               (SELECT r.relation FROM relationships r
                WHERE r.subject_kind = pair.subject_kind AND r.subject_id = pair.subject_id
                  AND r.resource_kind = pair.resource_kind AND r.resource_id = pair.resource_id
                OFFSET 0) AS held
           UNION ALL
           SELECT wanted.place, NULL
           FROM unnest((SELECT $5::text[]), (SELECT $6::text[]), (SELECT $7::text[]), (SELECT $8::text[]),
                       (SELECT $9::text[]), (SELECT $10::int2[]), (SELECT $11::text[])) WITH ORDINALITY
                AS wanted (resource_kind, resource_id, relation, subject_kind, subject_id, of, inside, place)
           WHERE CASE wanted.of
           WHEN 1 THEN
               (SELECT true FROM relationships home
                WHERE home.resource_kind = wanted.resource_kind AND home.resource_id = wanted.resource_id
                  AND home.relation = 'tenant' AND home.subject_kind = 'tenant'
                  AND (SELECT true FROM relationships r
                       WHERE r.resource_kind = 'tenant' AND r.resource_id = home.subject_id
                         AND r.relation = wanted.relation
                         AND r.subject_kind = wanted.subject_kind AND r.subject_id = wanted.subject_id)
                LIMIT 1)
           ELSE
               (SELECT true FROM relationships parent
                WHERE parent.resource_kind = wanted.resource_kind AND parent.resource_id = wanted.resource_id
                  AND parent.relation = 'parent_agent' AND parent.subject_kind = 'agent'
                  AND (SELECT true FROM relationships r
                       WHERE r.resource_kind = 'agent' AND r.resource_id = parent.subject_id
                         AND r.relation = wanted.relation
                         AND r.subject_kind = wanted.subject_kind AND r.subject_id = wanted.subject_id)
                  AND (wanted.of = 2 OR
                       (SELECT true FROM relationships home
                        WHERE home.resource_kind = 'agent' AND home.resource_id = parent.subject_id
                          AND home.relation = 'tenant' AND home.subject_kind = 'tenant'
                          AND (SELECT true FROM relationships r
                               WHERE r.resource_kind = 'tenant' AND r.resource_id = home.subject_id
                                 AND r.relation = wanted.inside
                                 AND r.subject_kind = wanted.subject_kind AND r.subject_id = wanted.subject_id)
                        LIMIT 1))
                LIMIT 1)
           END"#,
        &kinds as &[&str],
        &ids as &[&str],
        &subject_kinds as &[&str],
        &subject_ids as &[&str],
        &edges.resource_kinds as &[&str],
        &edges.resource_ids as &[&str],
        &edges.relations as &[&str],
        &edges.subject_kinds as &[&str],
        &edges.subject_ids as &[&str],
        &of,
        &inside as &[&str],
    );
    let mut standings = vec![Standing::default(); kinds.len()];
    for row in select.fetch_all(pool).await? {
        let Some(place) = place(row.place) else { continue };
        if let Some(relation) = row.relation {
            if let (Some(relation), Some(standing)) = (Relation::from_word(&relation), standings.get_mut(place)) {
                standing.held |= relation;
            }
        } else if let Some(found) = wanted.get(place)
            && let Some(standing) = standings.get_mut(found.check)
        {
            found.count_towards(standing);
        }
    }
    let mut standings = standings.into_iter();
    let decide = |asked: &Asked| asked.checks.iter().zip(&mut standings).map(|(check, s)| s.decide(check)).collect();
    Ok(asked.iter().map(decide).collect())
}
