//! Scanning rows of older systems: those without a status stand among the others, and those that are marked
//! deleted are as if they were not.

#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/server.rs"]
mod server;

use authz::Kind;
use dual_write::RowScan;
use scratch::Scratch;
use sqlx::Executor;
use std::sync::Arc;
use store_postgres::{PgStore, check_schema, migrate};

#[tokio::test]
async fn every_row_is_in_one_page_whatever_its_status() {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    check_schema(&pool).await.unwrap_err();
    migrate(&pool).await.unwrap();
    check_schema(&pool).await.unwrap();
    // One in three has no status, and one in five is deleted.
    pool.execute(
        "INSERT INTO tasks (id, status) SELECT 'old-' || lpad(i::text, 4, '0'),
            CASE WHEN i % 5 = 0 THEN 'DELETED' WHEN i % 3 = 0 THEN NULL ELSE 'RUNNING' END::taskstatus
         FROM generate_series(0, 999) AS i",
    )
    .await
    .unwrap();
    let store = PgStore::new(pool.clone());
    let expected: Vec<Arc<str>> = (0..1000).filter(|i| i % 5 != 0).map(|i| format!("old-{i:04}").into()).collect();
    for size in [1000, 800, 37, 1] {
        let mut read: Vec<Arc<str>> = vec![];
        loop {
            let page = store.page(Kind::Task, read.last().map(AsRef::as_ref), size).await.unwrap();
            let ended = page.len() < size as usize;
            read.extend(page.into_iter().map(|row| row.id));
            if ended {
                break;
            }
        }
        assert_eq!(read, expected, "in pages of {size}");
    }
    let rows = store.rows(Kind::Task, &["old-0005".into(), "old-0003".into()]).await.unwrap();
    let row = rows.first().unwrap();
    assert_eq!((rows.len(), &*row.id, &row.tenant, &row.creator), (1, "old-0003", &None, &None));
    pool.close().await;
    scratch.drop().await;
}
