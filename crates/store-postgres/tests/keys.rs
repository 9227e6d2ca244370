//! What looking up an API key costs: it is done for every request that carries one.

#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/server.rs"]
mod server;

use api_keys::{ApiKeyStore as _, Sealer, Secret};
use futures::future::join_all;
use scratch::Scratch;
use sqlx::{AssertSqlSafe, Executor as _, postgres::PgPoolOptions};
use store_postgres::{PgStore, migrate};

#[tokio::test]
async fn w12_a_key_is_looked_up_by_one_statement_that_reads_indexes() {
    let scratch = Scratch::new().await;
    migrate(&scratch.pool().await).await.unwrap();
    // One connection, so that it can be asked what was run on it.
    let options = (*scratch.pool().await.connect_options()).clone();
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    pool.execute(
        "INSERT INTO agents (id, name, description, status, tenant)
        SELECT 'agent-' || n, 'agent-' || n, '', 'READY', 'tenant' FROM generate_series(1, 500) AS n",
    )
    .await
    .unwrap();
    pool.execute(
        "INSERT INTO api_keys (id, agent_id, name, type, prefix, digest)
        SELECT 'key-' || n, 'agent-' || 1 + n % 500, 'key-' || n, 'external', 'tgk_', sha256(n::text::bytea)
        FROM generate_series(1, 20000) AS n",
    )
    .await
    .unwrap();
    pool.execute("ANALYZE").await.unwrap();

    let (store, secret) = (PgStore::new(pool.clone()), Secret::fresh());
    let digest = Sealer::new(b"").digest(&secret);
    let give = sqlx::query("UPDATE api_keys SET digest = $1 WHERE id = 'key-77'").bind(digest.as_bytes().as_slice());
    give.execute(&pool).await.unwrap();
    for _ in 0..10 {
        let bearer = store.bearer(&digest).await.unwrap().unwrap();
        assert_eq!((bearer.agent.as_str(), bearer.tenant.as_str()), ("agent-78", "tenant"));
    }
    let prepared = "SELECT name, generic_plans + custom_plans FROM pg_prepared_statements
        WHERE statement LIKE '%api_keys%' AND statement LIKE '%AS brought%'";
    let prepared: Vec<(String, i64)> = sqlx::query_as(prepared).persistent(false).fetch_all(&pool).await.unwrap();
    assert_eq!(prepared.len(), 1, "{prepared:?}");
    assert_eq!(prepared[0].1, 10, "one statement for each");
    let explain = format!("EXPLAIN EXECUTE {}(ARRAY['\\x00'::bytea])", prepared[0].0);
    let plan: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(explain)).persistent(false).fetch_all(&pool).await.unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("api_keys_digest") && !plan.contains("Seq Scan"), "{plan}");
    let before = prepared[0].1;

    // Many at once share statements, and each is told of their own key.
    let secrets: Vec<_> = (0..200).map(|_| Secret::fresh()).collect();
    let digests: Vec<_> = secrets.iter().map(|secret| Sealer::new(b"").digest(secret)).collect();
    for (n, digest) in digests.iter().enumerate().filter(|(n, _)| n % 3 != 0) {
        let give = sqlx::query("UPDATE api_keys SET digest = $1 WHERE id = $2").bind(digest.as_bytes().as_slice());
        give.bind(format!("key-{}", 1000 + n)).execute(&pool).await.unwrap();
    }
    let found = join_all(digests.iter().map(|digest| store.bearer(digest))).await;
    for (n, found) in found.into_iter().enumerate() {
        let expected = (n % 3 != 0).then(|| format!("agent-{}", 1 + (1000 + n) % 500));
        assert_eq!(found.unwrap().map(|bearer| bearer.agent.to_string()), expected, "{n}");
    }
    let runs = "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE name = $1";
    let runs: i64 = sqlx::query_scalar(runs).bind(&prepared[0].0).persistent(false).fetch_one(&pool).await.unwrap();
    assert!(runs - before <= 4, "200 look-ups made {} statements", runs - before);
    drop(pool);
    scratch.drop().await;
}
