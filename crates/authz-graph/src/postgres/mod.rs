//! The graph in PostgreSQL, in the table `relationships`, beside the rows it protects.

mod check;
mod columns;
mod read;
mod scan;

use async_trait::async_trait;
use authz::{
    Action, Authorizer, Beside, Check, Consistency, ConsistencyToken, Decision, EngineError, Extent, Holder, Kind,
    Lookup, Principal, PrincipalKind, Registration, Relation, Relationship, ResourceRef, Role,
};
use coalesce::{Coalescer, Limits, Question, Unanswered};
use columns::{Columns, storable};
use futures::FutureExt as _;
use sqlx::PgPool;

/// An engine whose relationships live beside the rows. Checks of concurrent callers share statements, and so do
/// their registrations.
pub struct GraphEngine {
    pool: PgPool,
    checks: Coalescer<Asked, Vec<Decision>, sqlx::Error>,
    registrations: Coalescer<Registering, (), sqlx::Error>,
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

/// What one caller has to register.
struct Registering(Vec<Relationship>);

impl Question for Registering {
    fn size(&self) -> usize {
        self.0.len()
    }
}

impl GraphEngine {
    /// An engine on a database that has been migrated.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        let checking = pool.clone();
        let checks = Coalescer::new(LIMITS, move |asked: Vec<Asked>| {
            let pool = checking.clone();
            async move { check::decide(&pool, &asked).await }.boxed()
        });
        let registering = pool.clone();
        let registrations = Coalescer::new(LIMITS, move |together: Vec<Registering>| {
            let pool = registering.clone();
            async move {
                let callers = together.len();
                let edges: Vec<_> = together.into_iter().flat_map(|one| one.0).collect();
                add(&pool, &edges).await?;
                Ok(vec![(); callers])
            }
            .boxed()
        });
        Self { pool, checks, registrations }
    }
}

#[async_trait]
impl Authorizer for GraphEngine {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        _: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        if checks.is_empty() {
            return Ok(Vec::new());
        }
        let asked = Asked { principal: principal.clone(), checks: checks.to_vec() };
        self.checks.ask(asked).await.map_err(unanswered)
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        _: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        let beside = Beside::to_find(principal, kind, action);
        Ok(beside.map_or_else(Lookup::nothing, |beside| Lookup::Within(Extent::Beside(beside))))
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.registrations.ask(Registering(registration.relationships())).await.map_err(unanswered)?;
        // The relationships are read where they are written: every answer knows of all that was.
        Ok(None)
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        let (kind, id) = (resource.kind.as_str(), &*resource.id);
        let delete = sqlx::query!("DELETE FROM relationships WHERE resource_kind = $1 AND resource_id = $2", kind, id);
        delete.execute(&self.pool).await.map_err(unavailable)?;
        Ok(None)
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        add(&self.pool, relationships).await.map_err(unavailable)?;
        Ok(None)
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        let edges = Columns::of_relationships(relationships);
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
        Ok(None)
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
            if let (Some(at), Some(kind), Some(role)) =
                (place(row.place).and_then(|place| holders.get_mut(place)), kind, role)
            {
                at.push(Holder { principal: Principal::new(kind, row.subject_id), role });
            }
        }
        for of_one in &mut holders {
            of_one.sort();
        }
        Ok(holders)
    }
}

/// Adds relationships, all or none. One that is there already is told once more how old its resource is: a row may have
/// come between.
async fn add(pool: &PgPool, relationships: &[Relationship]) -> sqlx::Result<()> {
    let edges = Columns::of_relationships(relationships);
    let insert = sqlx::query!(
        "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
         ON CONFLICT ON CONSTRAINT relationships_pkey DO UPDATE SET resource_created_at = EXCLUDED.resource_created_at
            WHERE relationships.resource_created_at IS DISTINCT FROM EXCLUDED.resource_created_at",
        &edges.resource_kinds as &[&str],
        &edges.resource_ids as &[&str],
        &edges.relations as &[&str],
        &edges.subject_kinds as &[&str],
        &edges.subject_ids as &[&str],
    );
    insert.execute(pool).await.map(drop)
}

/// The place of a row whose ordinality, which counts from one, PostgreSQL answers.
fn place(ordinality: i64) -> Option<usize> {
    usize::try_from(ordinality).ok()?.checked_sub(1)
}

fn unanswered(unanswered: Unanswered<sqlx::Error>) -> EngineError {
    match unanswered {
        Unanswered::Failed(error) => EngineError::Unavailable(Box::new(error)),
        Unanswered::Lost => EngineError::Unavailable("the question was lost".into()),
    }
}

fn unavailable(error: sqlx::Error) -> EngineError {
    EngineError::Unavailable(Box::new(error))
}
