//! Reads by id share statements, and nothing else.

#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use conformance::may;
use futures::future::join_all;
use tasks::StoreError;
use world::{migrated, world_on};

/// A number that JSON may hold and no caller could be shown.
const UNREADABLE: &str = r#"{"n": 1e999}"#;

#[tokio::test]
async fn callers_who_share_a_statement_get_their_own_rows_and_their_own_faults() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let mut permits = Vec::new();
    for _ in 0..8 {
        permits.push(may::<_, authz::action::Read>(&cast.viewer, &cast.task().await).await);
    }
    let bad = permits.last().unwrap().id().as_str();
    let spoil = sqlx::query("UPDATE tasks SET params = $2::jsonb WHERE id = $1").bind(bad).bind(UNREADABLE);
    spoil.execute(&pool).await.unwrap();

    // Many at once, of one task, of some, of all but the bad one, and of one task twice.
    let (bad, good) = permits.split_last().unwrap();
    let mut asked: Vec<Vec<_>> = (0..60).map(|n| vec![&good[n % 7]]).collect();
    asked.extend((0..20).map(|n| vec![&good[n % 7], &good[(n + 1) % 7]]));
    asked.push(good.iter().collect());
    asked.push(vec![&good[0], &good[0]]);
    for round in 0..3 {
        let reads = join_all(asked.iter().map(|permits| world.tasks.get(permits)));
        let unreadable = join_all((0..3).map(|_| world.tasks.get(std::slice::from_ref(&bad))));
        let (reads, unreadable) = tokio::join!(reads, unreadable);
        for (permits, read) in asked.iter().zip(reads) {
            let mut got: Vec<_> = read.unwrap().into_iter().map(|task| task.id).collect();
            let mut want: Vec<_> = permits.iter().map(|permit| permit.id().clone()).collect();
            got.sort();
            want.sort();
            want.dedup();
            assert_eq!(got, want, "round {round}");
        }
        for read in unreadable {
            assert!(matches!(read, Err(StoreError::Corrupt { table: "tasks", .. })), "round {round}");
        }
    }
}
