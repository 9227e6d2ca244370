//! The graph in PostgreSQL, in the table `relationships`, beside the rows it protects.

use crate::{
    Standing,
    coalesce::{Coalescer, Limits, Question, Unanswered},
    is_gated,
};
use async_trait::async_trait;
use authz::{
    Action, Authorizer, Beside, Check, Decision, EngineError, Extent, Holder, Kind, Principal, PrincipalKind,
    Registration, Relation, Relationship, ResourceRef, Role,
    schema::{self, INSIDE, RULES},
};
use enumset::EnumSet;
use futures::FutureExt as _;
use sqlx::PgPool;
use std::sync::Arc;

/// An engine whose relationships live beside the rows. Checks of concurrent callers share statements.
pub struct GraphEngine {
    pool: PgPool,
    checks: Coalescer<Asked, Vec<Decision>, sqlx::Error>,
}

/// Two statements at a time keep the database busy while answers are being read; more than that many
/// checks in one statement would make the others on it wait.
const LIMITS: Limits = Limits { flights: 2, room: 512 };

/// What one caller asked.
struct Asked {
    principal: Principal,
    checks: Vec<Check>,
}

impl Question for Asked {
    fn size(&self) -> usize {
        self.checks.len()
    }
}

impl GraphEngine {
    /// An engine on a database that has been migrated.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        let checking = pool.clone();
        let checks = Coalescer::new(LIMITS, move |asked: Vec<Asked>| {
            let pool = checking.clone();
            async move { decide(&pool, &asked).await }.boxed()
        });
        Self { pool, checks }
    }
}

#[async_trait]
impl Authorizer for GraphEngine {
    async fn check(&self, principal: &Principal, checks: &[Check]) -> Result<Vec<Decision>, EngineError> {
        if checks.is_empty() {
            return Ok(Vec::new());
        }
        let asked = Asked { principal: principal.clone(), checks: checks.to_vec() };
        self.checks.ask(asked).await.map_err(|unanswered| match unanswered {
            Unanswered::Failed(error) => EngineError::Unavailable(Box::new(error)),
            Unanswered::Lost => EngineError::Unavailable("the question was lost".into()),
        })
    }

    async fn lookup(&self, principal: &Principal, kind: Kind, action: Action) -> Result<Extent, EngineError> {
        let Some(rule) = schema::rule(kind, action) else { return Ok(Extent::Ids(Arc::default())) };
        let (free, gated) = (rule.free.to_vec(), rule.gated.to_vec());
        Ok(Extent::Beside(Beside { principal: principal.clone(), free, gated }))
    }

    async fn register(&self, registration: &Registration) -> Result<(), EngineError> {
        self.grant(&registration.relationships()).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<(), EngineError> {
        let (kind, id) = (resource.kind.as_str(), &*resource.id);
        let delete = sqlx::query!("DELETE FROM relationships WHERE resource_kind = $1 AND resource_id = $2", kind, id);
        delete.execute(&self.pool).await.map_err(unavailable)?;
        Ok(())
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<(), EngineError> {
        let edges = Edges::of(relationships);
        let insert = sqlx::query!(
            "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
             ON CONFLICT DO NOTHING",
            &edges.resource_kinds as &[&str],
            &edges.resource_ids as &[&str],
            &edges.relations as &[&str],
            &edges.subject_kinds as &[&str],
            &edges.subject_ids as &[&str],
        );
        insert.execute(&self.pool).await.map_err(unavailable)?;
        Ok(())
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<(), EngineError> {
        let edges = Edges::of(relationships);
        let delete = sqlx::query!(
            "DELETE FROM relationships r
             USING unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                AS gone (resource_kind, resource_id, relation, subject_kind, subject_id)
             WHERE r.resource_kind = gone.resource_kind AND r.resource_id = gone.resource_id
               AND r.relation = gone.relation
               AND r.subject_kind = gone.subject_kind AND r.subject_id = gone.subject_id",
            &edges.resource_kinds as &[&str],
            &edges.resource_ids as &[&str],
            &edges.relations as &[&str],
            &edges.subject_kinds as &[&str],
            &edges.subject_ids as &[&str],
        );
        delete.execute(&self.pool).await.map_err(unavailable)?;
        Ok(())
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        let kinds: Vec<_> = resources.iter().map(|resource| resource.kind.as_str()).collect();
        let ids: Vec<_> = resources.iter().map(|resource| storable(&resource.id)).collect();
        let roles: Vec<_> = [Role::Owner, Role::Editor, Role::Viewer].map(|role| role.relation().as_str()).into();
        let select = sqlx::query!(
            r#"SELECT asked.place AS "place!", r.relation, r.subject_kind, r.subject_id
               FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (kind, id, place)
               JOIN relationships r ON r.resource_kind = asked.kind AND r.resource_id = asked.id
               WHERE r.relation = ANY($3)"#,
            &kinds as &[&str],
            &ids as &[&str],
            &roles as &[&str],
        );
        let mut holders = vec![Vec::new(); resources.len()];
        for row in select.fetch_all(&self.pool).await.map_err(unavailable)? {
            let kind = PrincipalKind::from_word(&row.subject_kind);
            let role = Relation::from_word(&row.relation).and_then(Role::from_relation);
            if let (Some(at), Some(kind), Some(role)) = (at_place(&mut holders, row.place), kind, role) {
                at.push(Holder { principal: Principal::new(kind, row.subject_id), role });
            }
        }
        for of_one in &mut holders {
            of_one.sort();
        }
        Ok(holders)
    }
}

/// The decisions of all that was asked, in one statement: an index look-up for each relation that a
/// check could need, and, where it matters, one for the resource's tenant and the principal's place in it.
///
/// The look-ups are `ARRAY` subqueries because those are always run for each row; a join or an `EXISTS`
/// may be planned as a scan of the whole table. The arrays are read through subqueries so that their
/// lengths are unknown to the planner: the generic plan then costs what the planned one does, and is kept.
async fn decide(pool: &PgPool, asked: &[Asked]) -> Result<Vec<Vec<Decision>>, sqlx::Error> {
    let pairs = || asked.iter().flat_map(|asked| asked.checks.iter().map(|check| (&asked.principal, check)));
    let subject_kinds: Vec<_> = pairs().map(|(principal, _)| principal.kind().as_str()).collect();
    let subject_ids: Vec<_> = pairs().map(|(principal, _)| storable(principal.id())).collect();
    let resource_kinds: Vec<_> = pairs().map(|(_, check)| check.resource.kind.as_str()).collect();
    let resource_ids: Vec<_> = pairs().map(|(_, check)| storable(&check.resource.id)).collect();
    let gated: Vec<_> = pairs().map(|(_, check)| is_gated(check)).collect();
    let inside: Vec<_> = INSIDE.iter().map(|relation| relation.as_str()).collect();
    let select = sqlx::query!(
        r#"SELECT asked.place AS "place!",
                  ARRAY(SELECT r.relation FROM relationships r
                        WHERE r.resource_kind = asked.resource_kind AND r.resource_id = asked.resource_id
                          AND r.relation = ANY($6)
                          AND r.subject_kind = asked.subject_kind AND r.subject_id = asked.subject_id
                  ) AS "held!",
                  CASE WHEN asked.gated THEN
                      ARRAY(SELECT m.relation FROM relationships m
                            WHERE m.resource_kind = 'tenant'
                              AND m.resource_id = ANY(ARRAY(
                                  SELECT home.subject_id FROM relationships home
                                  WHERE home.resource_kind = asked.resource_kind
                                    AND home.resource_id = asked.resource_id
                                    AND home.relation = 'tenant' AND home.subject_kind = 'tenant'))
                              AND m.relation = ANY($7)
                              AND m.subject_kind = asked.subject_kind AND m.subject_id = asked.subject_id
                      ) <> '{}'
                  ELSE false END AS "inside!"
           FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::text[]),
                       (SELECT $5::bool[]))
                WITH ORDINALITY AS asked (subject_kind, subject_id, resource_kind, resource_id, gated, place)"#,
        &subject_kinds as &[&str],
        &subject_ids as &[&str],
        &resource_kinds as &[&str],
        &resource_ids as &[&str],
        &gated,
        &relations_of_principals() as &[&str],
        &inside as &[&str],
    );
    let mut standings = vec![Standing::default(); resource_ids.len()];
    for row in select.fetch_all(pool).await? {
        if let Some(standing) = at_place(&mut standings, row.place) {
            let held = row.held.iter().filter_map(|word| Relation::from_word(word)).collect();
            *standing = Standing { held, inside: row.inside };
        }
    }
    let mut standings = standings.into_iter();
    let decide = |asked: &Asked| asked.checks.iter().zip(&mut standings).map(|(check, s)| s.decide(check)).collect();
    Ok(asked.iter().map(decide).collect())
}

/// The relations that allow a principal anything.
fn relations_of_principals() -> Vec<&'static str> {
    let all = RULES.iter().flat_map(|rule| rule.free.iter().chain(rule.gated)).copied();
    all.collect::<EnumSet<Relation>>().iter().map(Relation::as_str).collect()
}

/// The slot of a row's ordinality, which counts from one.
fn at_place<T>(slots: &mut [T], place: i64) -> Option<&mut T> {
    slots.get_mut(usize::try_from(place).ok()?.checked_sub(1)?)
}

/// The id as PostgreSQL can be asked for it. Text with U+0000 would fail the whole statement, and
/// whoever shares it; no row has such an id, and none has the empty one that stands for it.
fn storable(id: &str) -> &str {
    if id.contains('\0') { "" } else { id }
}

/// Relationships as columns, in the order of the primary key, so that concurrent writers of the same
/// relationships lock them in the same order.
struct Edges<'a> {
    resource_kinds: Vec<&'a str>,
    resource_ids: Vec<&'a str>,
    relations: Vec<&'a str>,
    subject_kinds: Vec<&'a str>,
    subject_ids: Vec<&'a str>,
}

impl<'a> Edges<'a> {
    fn of(relationships: &'a [Relationship]) -> Self {
        let mut rows: Vec<[&str; 5]> = relationships
            .iter()
            .map(|edge| {
                let ResourceRef { kind, id } = &edge.resource;
                [kind.as_str(), id, edge.relation.as_str(), &edge.subject_kind, &edge.subject_id]
            })
            .collect();
        rows.sort_unstable();
        let column = |of: fn(&[&'a str; 5]) -> &'a str| rows.iter().map(of).collect();
        Self {
            resource_kinds: column(|[kind, ..]| kind),
            resource_ids: column(|[_, id, ..]| id),
            relations: column(|[_, _, relation, ..]| relation),
            subject_kinds: column(|[.., kind, _]| kind),
            subject_ids: column(|[.., id]| id),
        }
    }
}

fn unavailable(error: sqlx::Error) -> EngineError {
    EngineError::Unavailable(Box::new(error))
}
