//! What must hold when two write at once. One of the two is played by a transaction of the test's own, so
//! that the order of events is certain.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use checkpoints::{Blob, NewCheckpoint, NewWrites};
use conformance::{fresh, may};
use conversations::NewEvent;
use serde_json::Map;
use sqlx::{Postgres, Transaction};
use std::time::Duration;
use tokio::time::sleep;
use trackers::{Commit, StoreError};
use world::{migrated, world_on};

/// Long enough for a statement to be sent and to wait for a lock.
const A_WHILE: Duration = Duration::from_millis(300);

async fn run(other: &mut Transaction<'_, Postgres>, sql: &'static str, values: &[&str]) {
    let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(value.to_owned()));
    query.execute(&mut **other).await.unwrap();
}

#[tokio::test]
async fn events_of_a_task_become_visible_in_the_order_of_their_sequence() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let task = cast.task().await;
    let earlier = fresh("event");

    // Another gateway has drawn its sequence id, and not yet committed.
    let mut other = pool.begin().await.unwrap();
    run(&mut other, "SELECT FROM tasks WHERE id = $1 FOR NO KEY UPDATE", &[task.as_str()]).await;
    let insert = "INSERT INTO events (id, task_id, agent_id) VALUES ($1, $2, $3)";
    run(&mut other, insert, &[&earlier, task.as_str(), cast.agent.as_str()]).await;

    let update = may(&cast.editor, &task).await;
    let new = NewEvent { id: fresh("event"), agent: cast.agent.clone(), content: None };
    let append = world.events.append(&update, new);
    let commit = async {
        sleep(A_WHILE).await;
        let visible =
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM events WHERE task_id = $1").bind(task.as_str());
        assert_eq!(visible.fetch_one(&pool).await.unwrap(), 0, "the later event waits for the earlier");
        other.commit().await.unwrap();
    };
    let (later, ()) = tokio::join!(append, commit);
    let first = sqlx::query_scalar::<_, i64>("SELECT sequence_id FROM events WHERE id = $1").bind(earlier);
    assert!(first.fetch_one(&pool).await.unwrap() < later.unwrap().sequence_id);
}

#[tokio::test]
async fn a_checkpoint_does_not_slip_in_behind_the_end_of_its_task() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let task = cast.task().await;
    let update = may(&cast.editor, &task).await;

    // Another gateway has deleted the task, and not yet committed.
    let mut other = pool.begin().await.unwrap();
    for statement in [
        "DELETE FROM task_agents WHERE task_id = $1",
        "DELETE FROM agent_task_tracker WHERE task_id = $1",
        "DELETE FROM tasks WHERE id = $1",
    ] {
        run(&mut other, statement, &[task.as_str()]).await;
    }

    let new = NewCheckpoint {
        namespace: String::new(),
        id: "1".into(),
        parent_id: None,
        checkpoint: Map::new(),
        metadata: Map::new(),
        blobs: vec![Blob { channel: "c".into(), version: "1".into(), kind: "empty".into(), bytes: None }],
    };
    let write = NewWrites { namespace: String::new(), checkpoint_id: "1".into(), writes: Vec::new(), upsert: false };
    let put = world.checkpoints.put(&update, new);
    let put_writes = world.checkpoints.put_writes(&update, write);
    let commit = async {
        sleep(A_WHILE).await;
        other.commit().await.unwrap();
    };
    let (put, put_writes, ()) = tokio::join!(put, put_writes, commit);
    assert!(!put.unwrap() && !put_writes.unwrap());
    for table in ["checkpoints", "checkpoint_blobs"] {
        let left = format!("SELECT count(*) FROM {table} WHERE thread_id = $1");
        let left = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(left)).bind(task.as_str());
        assert_eq!(left.fetch_one(&pool).await.unwrap(), 0, "{table}");
    }
}

#[tokio::test]
async fn a_cursor_is_compared_with_an_event_that_came_while_waiting() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let new = cast.new_task();
    let tracker = new.tracker_id.clone();
    let task = cast.task_from(new).await.id;
    let (early, late) = (cast.event(&task).await, fresh("event"));

    let mut other = pool.begin().await.unwrap();
    run(&mut other, "SELECT FROM agent_task_tracker WHERE id = $1 FOR UPDATE", &[&tracker]).await;
    let execute = may(&cast.runtime, &task).await;
    let back = Commit { last_processed_event_id: Some(early.id), ..Commit::default() };
    let commit = world.trackers.commit(&execute, &tracker, back);
    let overtake = async {
        sleep(A_WHILE).await;
        let insert = "INSERT INTO events (id, task_id, agent_id) VALUES ($1, $2, $3)";
        run(&mut other, insert, &[&late, task.as_str(), cast.agent.as_str()]).await;
        let update = "UPDATE agent_task_tracker SET last_processed_event_id = $1 WHERE id = $2";
        run(&mut other, update, &[&late, &tracker]).await;
        other.commit().await.unwrap();
    };
    let (refused, ()) = tokio::join!(commit, overtake);
    assert!(matches!(refused, Err(StoreError::Backwards { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_event_that_came_just_before_its_task_went_goes_too() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let task = cast.task().await;

    let mut other = pool.begin().await.unwrap();
    let insert = "INSERT INTO events (id, task_id, agent_id) VALUES ($1, $2, $3)";
    run(&mut other, insert, &[&fresh("event"), task.as_str(), cast.agent.as_str()]).await;
    let delete = may(&cast.owner, &task).await;
    let commit = async {
        sleep(A_WHILE).await;
        other.commit().await.unwrap();
    };
    let (deleted, ()) = tokio::join!(world.remove_task(&delete), commit);
    assert!(deleted.unwrap().is_some());
}

#[tokio::test]
async fn w12_a_key_that_came_just_before_its_agent_went_goes_too() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;

    // Another gateway has inserted a key, and not yet committed.
    let mut other = pool.begin().await.unwrap();
    run(&mut other, "SELECT FROM agents WHERE id = $1 FOR SHARE", &[cast.agent.as_str()]).await;
    let insert = "INSERT INTO api_keys (id, agent_id, name, type, prefix, digest)
        VALUES ($1, $2, 'n', 'external', 'p', sha256($1::bytea))";
    let late = fresh("key");
    run(&mut other, insert, &[&late, cast.agent.as_str()]).await;
    let delete = may::<authz::Agent, _>(&cast.owner, &cast.agent).await;
    let ending = world.dual_write.ending();
    let commit = async {
        sleep(A_WHILE).await;
        other.commit().await.unwrap();
    };
    let (deleted, ()) = tokio::join!(world.agents.delete(&delete, &ending), commit);
    let gone: Vec<_> = deleted.unwrap().unwrap().keys.into_iter().map(|key| key.resource.id).collect();
    assert_eq!(gone, [late.into()]);
}

#[tokio::test]
async fn a_transition_sees_where_the_task_stands_when_its_turn_comes() {
    use tasks::{Status, StoreError, Transition};
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let task = cast.task().await;

    let mut other = pool.begin().await.unwrap();
    run(&mut other, "UPDATE tasks SET status = 'COMPLETED' WHERE id = $1", &[task.as_str()]).await;
    let update = may(&cast.editor, &task).await;
    let fail = Transition::fail(&update, None);
    let commit = async {
        sleep(A_WHILE).await;
        other.commit().await.unwrap();
    };
    let (refused, ()) = tokio::join!(world.tasks.transition(&fail), commit);
    let (from, to) = (Status::Completed, Status::Failed);
    assert!(matches!(refused, Err(StoreError::WrongStatus { from: f, to: t }) if (f, t) == (from, to)));
    assert_eq!(cast.read(&task).await.unwrap().status, Some(Status::Completed));
}
