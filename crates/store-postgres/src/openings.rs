//! Intents that are opened at the same time are written down together: under load a commit for many costs what one
//! for a single intent does.

use coalesce::{Coalescer, Limits, Question};
use dual_write::{Intent, LEDGER_VERSION};
use futures::FutureExt as _;
use sqlx::PgPool;

/// Where makers open their intents.
pub(crate) type Openings = Coalescer<Opening, (), sqlx::Error>;

/// An intent to be opened.
pub(crate) struct Opening(pub(crate) Intent);

/// As for checks: two keep the database busy, and none makes many wait.
const LIMITS: Limits = Limits { flights: 2, room: 256 };

impl Question for Opening {
    fn size(&self) -> usize {
        1
    }
}

/// Opens intents on `pool`.
pub(crate) fn openings(pool: PgPool) -> Openings {
    Coalescer::new(LIMITS, move |together: Vec<Opening>| {
        let pool = pool.clone();
        async move {
            let intents: Vec<_> = together.iter().map(|opening| &opening.0).collect();
            open(&pool, &intents).await?;
            Ok(vec![(); intents.len()])
        }
        .boxed()
    })
}

/// Writes intents down, those that are not.
async fn open(pool: &PgPool, intents: &[&Intent]) -> sqlx::Result<()> {
    let texts = |of: fn(&Intent) -> &str| intents.iter().map(|intent| of(intent)).collect::<Vec<_>>();
    let twice: Vec<_> = intents.iter().map(|intent| intent.twice).collect();
    let opened_at: Vec<_> = intents.iter().map(|intent| intent.opened_at).collect();
    let due_at: Vec<_> = intents.iter().map(|intent| intent.due_at).collect();
    let accounts: Vec<_> = intents.iter().map(|intent| intent.account.as_deref()).collect();
    let open = sqlx::query!(
        "INSERT INTO intents
            (id, op, resource_kind, resource_id, stage, twice, opened_at, due_at, account, schema_version)
        SELECT opening.*, $10::int FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[],
            $7::timestamptz[], $8::timestamptz[], $9::text[]) AS opening
        ON CONFLICT (id) DO NOTHING",
        &texts(|intent| intent.id.as_str()) as &[&str],
        &texts(|intent| intent.op.as_str()) as &[&str],
        &texts(|intent| intent.resource.kind.as_str()) as &[&str],
        &texts(|intent| &intent.resource.id) as &[&str],
        &texts(|intent| intent.stage.as_str()) as &[&str],
        &twice,
        &opened_at,
        &due_at,
        &accounts as &[Option<&str>],
        LEDGER_VERSION,
    );
    open.execute(pool).await.map(drop)
}
