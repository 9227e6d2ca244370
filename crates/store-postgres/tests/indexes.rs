//! How the indexes of engines stand, and who is told when that changes.

#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/server.rs"]
mod server;

use authz::ConsistencyToken;
use authz_index::IndexStore as _;
use authz_router::RouteStore as _;
use scratch::Scratch;
use std::time::Duration;
use store_postgres::{PgStore, migrate};
use tokio::time::timeout;

#[tokio::test]
async fn one_that_is_made_anew_is_another_one() {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    migrate(&pool).await.unwrap();
    let store = PgStore::new(pool.clone());
    let [one, two, three] = ["one", "two", "three"].map(ConsistencyToken::new);
    assert_eq!(store.index("spicedb").await.unwrap(), None);

    let first = store.begin("spicedb", &one).await.unwrap();
    assert_eq!((&first.reached, first.complete), (&one, false));
    assert_eq!(store.index("spicedb").await.unwrap().as_ref(), Some(&first));
    assert!(store.settle("spicedb", first.epoch, true).await.unwrap());
    assert!(store.reach("spicedb", first.epoch, &two).await.unwrap());
    let found = store.index("spicedb").await.unwrap().unwrap();
    assert_eq!((found.epoch, &found.reached, found.complete), (first.epoch, &two, true));
    assert_eq!(store.index("proxy").await.unwrap(), None, "each engine has its own");

    // What was missed stays missed, however the making ends, and until it is made anew.
    assert!(!found.spoiled && store.settle("spicedb", first.epoch, false).await.unwrap());
    assert!(!store.settle("spicedb", first.epoch, true).await.unwrap());
    let found = store.index("spicedb").await.unwrap().unwrap();
    assert!(!found.complete && found.spoiled && !found.old);
    sqlx::query("UPDATE relationship_indexes SET changed_at = now() - interval '13 hours'")
        .execute(&pool)
        .await
        .unwrap();
    assert!(store.index("spicedb").await.unwrap().unwrap().old);
    store.reach("spicedb", first.epoch, &two).await.unwrap();
    assert!(!store.index("spicedb").await.unwrap().unwrap().old);

    // Whoever is still busy with the old one changes nothing of the new one.
    let second = store.begin("spicedb", &three).await.unwrap();
    assert!(second.epoch != first.epoch && !second.complete && !second.spoiled);
    assert!(!store.settle("spicedb", first.epoch, true).await.unwrap());
    assert!(!store.reach("spicedb", first.epoch, &two).await.unwrap());
    assert_eq!(store.index("spicedb").await.unwrap().as_ref(), Some(&second));

    assert!(store.end("spicedb").await.unwrap() && !store.end("spicedb").await.unwrap());
    assert_eq!(store.index("spicedb").await.unwrap(), None);
    pool.close().await;
    scratch.drop().await;
}

#[tokio::test]
async fn what_changes_is_heard_with_the_routes_but_not_what_is_reached() {
    let scratch = Scratch::new().await;
    let pool = scratch.pool().await;
    migrate(&pool).await.unwrap();
    let store = PgStore::new(pool.clone());
    let token = ConsistencyToken::new("then");
    let mut ear = store.listen_for_routes().await.unwrap();
    let begun = store.begin("spicedb", &token).await.unwrap();
    timeout(Duration::from_secs(10), ear.hear()).await.unwrap().unwrap();
    store.reach("spicedb", begun.epoch, &token).await.unwrap();
    timeout(Duration::from_millis(300), ear.hear()).await.unwrap_err();
    store.settle("spicedb", begun.epoch, true).await.unwrap();
    timeout(Duration::from_secs(10), ear.hear()).await.unwrap().unwrap();
    store.end("spicedb").await.unwrap();
    timeout(Duration::from_secs(10), ear.hear()).await.unwrap().unwrap();
    drop(ear);
    pool.close().await;
    scratch.drop().await;
}
