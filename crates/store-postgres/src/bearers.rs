//! Whose API key it is that a request brings: look-ups that share statements, as those of tasks by id do. No
//! answer is older than its question, so a key that is ended lets nobody in from then on.

use crate::fault::Fault;
use api_keys::{Bearer, Digest};
use authz::Id;
use coalesce::{Coalescer, Limits, Question, Unanswered};
use futures::FutureExt as _;
use sqlx::PgPool;
use std::collections::HashMap;

/// As for reads of tasks.
const LIMITS: Limits = Limits { flights: 2, room: 256 };

/// The key one caller brings.
struct Brought(Digest);

impl Question for Brought {
    fn size(&self) -> usize {
        1
    }
}

/// Where the holders of keys are looked up.
#[derive(Debug)]
pub(crate) struct Bearers(Coalescer<Brought, Option<Bearer>, sqlx::Error>);

impl Bearers {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(Coalescer::new(LIMITS, move |brought: Vec<Brought>| {
            let pool = pool.clone();
            async move { together(&pool, &brought).await }.boxed()
        }))
    }

    /// Whom the key with this digest lets in, as of now.
    pub(crate) async fn find(&self, digest: Digest) -> Result<Option<Bearer>, Fault> {
        self.0.ask(Brought(digest)).await.map_err(|unanswered| match unanswered {
            Unanswered::Failed(error) => Fault::Unavailable(Box::new(error)),
            Unanswered::Lost => Fault::Unavailable("the look-up was lost".into()),
        })
    }
}

/// Looks up what several callers bring in one statement. Each is answered by the digest that was found, never
/// by its place.
async fn together(pool: &PgPool, brought: &[Brought]) -> Result<Vec<Option<Bearer>>, sqlx::Error> {
    let digests: Vec<_> = brought.iter().map(|Brought(digest)| digest.as_bytes().as_slice()).collect();
    let found = sqlx::query!(
        r#"SELECT item.digest, agent.id, agent.tenant AS "tenant!"
        FROM unnest((SELECT $1::bytea[])) AS brought (digest)
        JOIN api_keys AS item ON item.digest = brought.digest
        JOIN agents AS agent ON agent.id = item.agent_id
        WHERE agent.status <> 'DELETED' AND agent.tenant IS NOT NULL"#,
        &digests as &[&[u8]]
    );
    let found = found.fetch_all(pool).await?.into_iter();
    let found: HashMap<_, _> =
        found.map(|row| (row.digest, Bearer { agent: Id::new(row.id), tenant: Id::new(row.tenant) })).collect();
    Ok(digests.into_iter().map(|digest| found.get(digest).cloned()).collect())
}
