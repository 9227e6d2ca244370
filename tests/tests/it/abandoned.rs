//! What nobody waits for any more ends in the database, too.

use blackbox::{As, Database, Settings, Storage, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const LIST: &str = "{ tasks { nodes { id } } }";
/// How long the table is locked: longer than anything here takes, and shorter than the statement timeout.
const LOCKED: &str = "LOCK TABLE tasks; SELECT pg_sleep(7)";
/// How soon a statement ends: the server looks twice a second whether its client is gone.
const SOON: Duration = Duration::from_secs(3);

/// How many statements wait for the table.
async fn waiting(database: &Database) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'taskgate' AND wait_event_type = 'Lock'";
    database.number(sql).await
}

async fn until(database: &Database, count: i64, within: Duration) -> Duration {
    let start = Instant::now();
    while waiting(database).await != count {
        assert!(start.elapsed() < within, "{} wait after {within:?}, and not {count}", waiting(database).await);
        sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

async fn locked(settings: Settings) -> (World, Database, tokio::task::JoinHandle<()>) {
    let world = World::with(settings, Storage::Url).await;
    let database = world.server.database().clone();
    let holder = database.clone();
    let holder = tokio::spawn(async move { holder.run(LOCKED).await });
    sleep(Duration::from_millis(300)).await;
    (world, database, holder)
}

#[tokio::test]
async fn a_statement_ends_with_the_deadline_of_its_request() {
    let (world, database, holder) = locked(Settings::default().with("TASKGATE_REQUEST_TIMEOUT_MS", "1000")).await;
    let (graphql, rest) = tokio::join!(world.owner.gql(LIST, Value::Null), world.owner.get("/tasks"));
    assert_eq!((graphql.codes(), rest.status), (vec!["UNAVAILABLE".to_owned()], 503));
    until(&database, 0, SOON).await;
    assert!(!holder.is_finished(), "the table was let go of: nothing is shown");
    // The pool has made up for the connections that were closed.
    let viewer = world.owner.gql("{ viewer { tenant } }", Value::Null).await;
    assert_eq!(viewer.codes(), [""; 0]);
    holder.await.unwrap();
    assert!(world.owner.gql(LIST, Value::Null).await.data()["tasks"]["nodes"].is_array());
}

#[tokio::test]
async fn a_statement_ends_when_its_caller_hangs_up() {
    let (world, database, holder) = locked(Settings::default()).await;
    let hang_up = |caller: As| async move { timeout(Duration::from_secs(1), caller.gql(LIST, json!({}))).await };
    let callers = [world.server.owner(), world.server.editor(), world.server.viewer()];
    let asked = tokio::spawn(futures::future::join_all(callers.map(hang_up)));
    until(&database, 3, Duration::from_secs(1)).await;
    assert!(asked.await.unwrap().iter().all(Result::is_err));
    until(&database, 0, SOON).await;
    assert!(!holder.is_finished(), "the table was let go of: nothing is shown");
    holder.await.unwrap();
    assert!(world.owner.gql(LIST, Value::Null).await.data()["tasks"]["nodes"].is_array());
}
