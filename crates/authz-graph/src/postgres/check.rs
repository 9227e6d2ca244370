//! Checks, of any number of callers, in one statement.

use super::{
    Asked,
    columns::{Columns, storable},
    place,
};
use crate::{Standing, asked_of_parent, is_gated};
use authz::{
    ActionSet, Check, Decision, Kind, Principal, Relation, ResourceRef,
    schema::{self, INSIDE},
};
use enumset::EnumSet;
use sqlx::PgPool;

/// Between which two things an edge is whose presence a check depends on: the subject has the relation to …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// … the resource.
    Itself,
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
            Self::Itself => (0, ""),
            Self::Tenant => (1, ""),
            Self::Parent => (2, ""),
            Self::ParentAndItsTenant(inside) => (3, inside.as_str()),
        }
    }
}

/// An edge whose presence a check depends on.
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
        let resource = &check.resource;
        let rules = || check.actions.iter().filter_map(|action| schema::rule(resource.kind, action));
        let held: EnumSet<Relation> = rules().flat_map(|rule| rule.free.iter().chain(rule.gated)).copied().collect();
        let inside = INSIDE.iter().filter(|_| is_gated(check)).copied();
        let edges = held.iter().map(|relation| (relation, Of::Itself)).chain(inside.map(|inside| (inside, Of::Tenant)));
        let edges = edges.chain(of_parent(asked_of_parent(check)));
        edges.map(move |(relation, of)| Self { check: number, subject, resource, relation, of })
    }

    fn row(&self) -> [&'a str; 5] {
        let Self { subject, resource, relation, .. } = self;
        let (subject_kind, subject_id) = (subject.kind().as_str(), storable(subject.id()));
        [resource.kind.as_str(), storable(&resource.id), relation.as_str(), subject_kind, subject_id]
    }

    /// Notes that the edge is there.
    fn count_towards(&self, standing: &mut Standing) {
        let relation = self.relation.into();
        match self.of {
            Of::Itself => standing.held |= relation,
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

/// The decisions of all that was asked, in one statement: one index look-up for each edge that an
/// answer depends on, and one more for each edge that leads there.
///
/// Scalar subqueries with an equality for each column of the key are planned as that and nothing else;
/// joins, `EXISTS` and `= ANY` may come out as scans. The arrays are read through subqueries so that
/// the planner cannot see how long they are: the generic plan then costs what the planned one does,
/// and PostgreSQL keeps it.
pub(super) async fn decide(pool: &PgPool, asked: &[Asked]) -> Result<Vec<Vec<Decision>>, sqlx::Error> {
    let checks = || asked.iter().flat_map(|asked| asked.checks.iter().map(|check| (&asked.principal, check)));
    let wanted: Vec<_> =
        checks().enumerate().flat_map(|(number, (subject, check))| Wanted::by(number, subject, check)).collect();
    let edges = Columns::of(&wanted.iter().map(Wanted::row).collect::<Vec<_>>());
    let (of, inside): (Vec<_>, Vec<_>) = wanted.iter().map(|wanted| wanted.of.column()).unzip();
    let select = sqlx::query_scalar!(
        r#"SELECT wanted.place AS "place!"
           FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::text[]),
                       (SELECT $5::text[]), (SELECT $6::int2[]), (SELECT $7::text[])) WITH ORDINALITY
                AS wanted (resource_kind, resource_id, relation, subject_kind, subject_id, of, inside, place)
           WHERE CASE wanted.of
           WHEN 0 THEN
               (SELECT true FROM relationships r
                WHERE r.resource_kind = wanted.resource_kind AND r.resource_id = wanted.resource_id
                  AND r.relation = wanted.relation
                  AND r.subject_kind = wanted.subject_kind AND r.subject_id = wanted.subject_id)
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
        &edges.resource_kinds as &[&str],
        &edges.resource_ids as &[&str],
        &edges.relations as &[&str],
        &edges.subject_kinds as &[&str],
        &edges.subject_ids as &[&str],
        &of,
        &inside as &[&str],
    );
    let mut standings = vec![Standing::default(); checks().count()];
    for ordinality in select.fetch_all(pool).await? {
        let found = place(ordinality).and_then(|place| wanted.get(place));
        if let Some((found, standing)) = found.and_then(|found| Some((found, standings.get_mut(found.check)?))) {
            found.count_towards(standing);
        }
    }
    let mut standings = standings.into_iter();
    let decide = |asked: &Asked| asked.checks.iter().zip(&mut standings).map(|(check, s)| s.decide(check)).collect();
    Ok(asked.iter().map(decide).collect())
}
