//! Checks, of any number of callers, in one statement.

use super::{
    Asked,
    columns::{Columns, storable},
    place,
};
use crate::{Standing, is_gated};
use authz::{
    Check, Decision, Principal, Relation, ResourceRef,
    schema::{self, INSIDE},
};
use enumset::EnumSet;
use sqlx::PgPool;

/// An edge whose presence a check depends on.
struct Wanted<'a> {
    /// The check, counted over all that was asked.
    check: usize,
    /// The principal who would be the subject.
    subject: &'a Principal,
    /// The resource checked.
    resource: &'a ResourceRef,
    relation: Relation,
    /// Whether it is the resource's tenant that the subject would have this relation to.
    of_tenant: bool,
}

impl<'a> Wanted<'a> {
    /// The edges that what `check` asks about can depend on, and no others.
    fn by(number: usize, subject: &'a Principal, check: &'a Check) -> impl Iterator<Item = Self> {
        let resource = &check.resource;
        let rules = || check.actions.iter().filter_map(|action| schema::rule(resource.kind, action));
        let held: EnumSet<Relation> = rules().flat_map(|rule| rule.free.iter().chain(rule.gated)).copied().collect();
        let inside = INSIDE.iter().filter(|_| is_gated(check)).copied();
        let edges = held.iter().map(|relation| (relation, false)).chain(inside.map(|relation| (relation, true)));
        edges.map(move |(relation, of_tenant)| Self { check: number, subject, resource, relation, of_tenant })
    }

    fn row(&self) -> [&'a str; 5] {
        let Self { subject, resource, relation, .. } = self;
        let (subject_kind, subject_id) = (subject.kind().as_str(), storable(subject.id()));
        [resource.kind.as_str(), storable(&resource.id), relation.as_str(), subject_kind, subject_id]
    }

    /// Notes that the edge is there.
    fn count_towards(&self, standing: &mut Standing) {
        if self.of_tenant {
            standing.inside = true;
        } else {
            standing.held.insert(self.relation);
        }
    }
}

/// The decisions of all that was asked, in one statement: one index look-up for each edge that an
/// answer depends on, two for one of the resource's tenant.
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
    let of_tenant: Vec<_> = wanted.iter().map(|wanted| wanted.of_tenant).collect();
    let select = sqlx::query_scalar!(
        r#"SELECT wanted.place AS "place!"
           FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::text[]),
                       (SELECT $5::text[]), (SELECT $6::bool[])) WITH ORDINALITY
                AS wanted (resource_kind, resource_id, relation, subject_kind, subject_id, of_tenant, place)
           WHERE CASE WHEN wanted.of_tenant THEN
               (SELECT true FROM relationships home
                WHERE home.resource_kind = wanted.resource_kind AND home.resource_id = wanted.resource_id
                  AND home.relation = 'tenant' AND home.subject_kind = 'tenant'
                  AND (SELECT true FROM relationships r
                       WHERE r.resource_kind = 'tenant' AND r.resource_id = home.subject_id
                         AND r.relation = wanted.relation
                         AND r.subject_kind = wanted.subject_kind AND r.subject_id = wanted.subject_id)
                LIMIT 1)
           ELSE
               (SELECT true FROM relationships r
                WHERE r.resource_kind = wanted.resource_kind AND r.resource_id = wanted.resource_id
                  AND r.relation = wanted.relation
                  AND r.subject_kind = wanted.subject_kind AND r.subject_id = wanted.subject_id)
           END"#,
        &edges.resource_kinds as &[&str],
        &edges.resource_ids as &[&str],
        &edges.relations as &[&str],
        &edges.subject_kinds as &[&str],
        &edges.subject_ids as &[&str],
        &of_tenant,
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
