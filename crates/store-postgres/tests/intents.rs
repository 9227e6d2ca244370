//! A row and its intent change in one commit, and those who race for an intent are told apart.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use authz::{
    Agent, ApiKey, ConsistencyToken, Ending, IntentId, Registered, ResourceRef, Task,
    action::{Delete, Execute},
};
use chrono::{TimeDelta, Utc};
use conformance::{Cast, World, fresh, may};
use sqlx::PgPool;
use std::{collections::BTreeSet, time::Duration};
use tasks::StoreError;
use tokio::time::sleep;
use world::{migrated, world_on};

/// Long enough for a statement that waits to be waiting.
const A_WHILE: Duration = Duration::from_millis(200);

/// The words of an intent: op, resource, stage and whether it goes twice.
async fn intent(pool: &PgPool, id: &IntentId) -> Option<(String, String, String, bool)> {
    let sql = "SELECT op, resource_kind || ':' || resource_id, stage, twice FROM intents WHERE id = $1";
    sqlx::query_as(sql).bind(id.as_str()).fetch_optional(pool).await.unwrap()
}

async fn registered(cast: &Cast<'_>, new: &tasks::NewTask) -> Registered {
    let execute = may::<Agent, Execute>(&cast.owner, &cast.agent).await;
    cast.world.registered(&cast.owner.registration_of_task(&execute, &new.id)).await
}

#[tokio::test]
async fn w7_a_row_and_the_settling_of_its_intent_are_one_commit() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let execute = may::<Agent, Execute>(&cast.owner, &cast.agent).await;

    // The transaction that inserted the row is the one that removed the intent.
    let new = cast.new_task();
    let proof = registered(&cast, &new).await;
    let id = proof.intent().clone();
    let open = intent(&pool, &id).await.unwrap();
    assert_eq!(open, ("register".into(), format!("task:{}", new.id), "open".into(), true));
    let removed_by = "SELECT xmax::text FROM intents WHERE id = $1";
    let mut before = pool.begin().await.unwrap();
    sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *before).await.unwrap();
    let untouched: String = sqlx::query_scalar(removed_by).bind(id.as_str()).fetch_one(&mut *before).await.unwrap();
    assert_eq!(untouched, "0");
    let task = world.tasks.create(&execute, new, proof).await.unwrap();
    let remover: String = sqlx::query_scalar(removed_by).bind(id.as_str()).fetch_one(&mut *before).await.unwrap();
    let inserter = sqlx::query_scalar("SELECT xmin::text FROM tasks WHERE id = $1").bind(task.id.as_str());
    let inserter: String = inserter.fetch_one(&pool).await.unwrap();
    assert_eq!(remover, inserter);
    drop(before);
    assert_eq!(intent(&pool, &id).await, None);
}

#[tokio::test]
async fn w7_a_row_that_is_refused_leaves_its_intent_open() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let execute = may::<Agent, Execute>(&cast.owner, &cast.agent).await;
    let name = Some(fresh("name"));
    cast.task_from(tasks::NewTask { name: name.clone(), ..cast.new_task() }).await;
    let new = tasks::NewTask { name, ..cast.new_task() };
    let proof = registered(&cast, &new).await;
    let id = proof.intent().clone();
    let refused = world.tasks.create(&execute, new, proof).await;
    assert!(matches!(refused, Err(StoreError::NameTaken { .. })));
    assert_eq!(intent(&pool, &id).await.unwrap().2, "open");
}

#[tokio::test]
async fn w7_a_maker_whose_intent_is_being_closed_waits_and_is_superseded() {
    let pool = migrated().await;
    let world: World = world_on(pool.clone());
    let cast = world.cast().await;
    let execute = may::<Agent, Execute>(&cast.owner, &cast.agent).await;
    let new = cast.new_task();
    let (task, proof) = (new.id.clone(), registered(&cast, &new).await);
    let id = proof.intent().clone();

    let mut reconciler = pool.begin().await.unwrap();
    let close = sqlx::query("UPDATE intents SET stage = 'undoing' WHERE id = $1").bind(id.as_str());
    close.execute(&mut *reconciler).await.unwrap();
    let commit = async {
        sleep(A_WHILE).await;
        reconciler.commit().await.unwrap();
    };
    let (made, ()) = tokio::join!(world.tasks.create(&execute, new, proof), commit);
    assert!(matches!(made, Err(StoreError::Superseded)));
    assert!(cast.read(&task).await.is_none());
    assert_eq!(intent(&pool, &id).await.unwrap().2, "undoing", "the reconciler's to settle");
}

#[tokio::test]
async fn w7_removing_a_row_opens_the_intent_of_its_ending() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let ending = |patience| {
        let now = Utc::now();
        Ending {
            intent: IntentId::new(fresh("intent")),
            opened_at: now,
            due_at: now + TimeDelta::hours(1),
            settled_before: now - patience,
            account: None,
        }
    };
    // A thing made a short while ago may still be registered late; one made long ago may not.
    for (patience, twice) in [(TimeDelta::minutes(1), true), (-TimeDelta::minutes(1), false)] {
        let task = cast.task().await;
        let delete = may::<Task, _>(&cast.owner, &task).await;
        let ending = ending(patience);
        assert!(world.tasks.delete(&delete, &ending).await.unwrap().is_some());
        let expected = ("deregister".into(), format!("task:{task}"), "undoing".into(), twice);
        assert_eq!(intent(&pool, &ending.intent).await, Some(expected));
    }
    // Nothing is ended when there is nothing to end.
    let task = cast.task().await;
    let delete = may::<Task, _>(&cast.owner, &task).await;
    world.remove_task(&delete).await.unwrap();
    let second = ending(TimeDelta::minutes(1));
    assert!(world.tasks.delete(&delete, &second).await.unwrap().is_none());
    assert_eq!(intent(&pool, &second.intent).await, None);
}

#[tokio::test]
async fn w12_an_agent_goes_with_its_keys_and_an_intent_for_each_in_one_commit() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let keys = [cast.api_key().await, cast.api_key().await];
    let delete = may::<Agent, Delete>(&cast.owner, &cast.agent).await;
    let ending = world.dual_write.ending();
    let deleted = world.agents.delete(&delete, &ending).await.unwrap().unwrap();
    assert_eq!(deleted.keys.len(), keys.len());
    let mut opened_by = BTreeSet::new();
    let intents = keys.iter().map(|key| ResourceRef::of(&key.id)).map(|key| (ending.of_part(&key).intent, key));
    for (id, resource) in intents.chain([(ending.intent.clone(), ResourceRef::of(&cast.agent))]) {
        let expected = ("deregister".into(), resource.to_string(), "undoing".into(), true);
        assert_eq!(intent(&pool, &id).await, Some(expected));
        let opener = sqlx::query_scalar("SELECT xmin::text FROM intents WHERE id = $1").bind(id.as_str());
        opened_by.insert(opener.fetch_one(&pool).await.unwrap());
    }
    let marked = sqlx::query_scalar("SELECT xmin::text FROM agents WHERE id = $1 AND status = 'DELETED'");
    let marked: String = marked.bind(cast.agent.as_str()).fetch_one(&pool).await.unwrap();
    assert_eq!(opened_by, BTreeSet::from([marked]));
}

#[tokio::test]
async fn w12_ending_a_key_opens_the_intent_of_its_ending() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let key = cast.api_key().await;
    let delete = may::<ApiKey, Delete>(&cast.owner, &key.id).await;
    let ending = world.dual_write.ending();
    assert!(world.api_keys.delete(&delete, &ending).await.unwrap().is_some());
    let expected = ("deregister".into(), format!("api_key:{}", key.id), "undoing".into(), true);
    assert_eq!(intent(&pool, &ending.intent).await, Some(expected));
    let second = world.dual_write.ending();
    assert!(world.api_keys.delete(&delete, &second).await.unwrap().is_none());
    assert_eq!(intent(&pool, &second.intent).await, None);
}

#[tokio::test]
async fn w12_a_row_keeps_what_the_engine_said_of_how_fresh_it_was() {
    let pool = migrated().await;
    let world = world_on(pool.clone());
    let cast = world.cast().await;
    let execute = may::<Agent, Execute>(&cast.owner, &cast.agent).await;
    for token in [None, Some("GhUKEzE2NjU")] {
        let new = cast.new_task();
        let proof = registered(&cast, &new).await.at(token.map(ConsistencyToken::new));
        let task = world.tasks.create(&execute, new, proof).await.unwrap();
        let kept = sqlx::query_scalar("SELECT zed_token FROM tasks WHERE id = $1").bind(task.id.as_str());
        let kept: Option<String> = kept.fetch_one(&pool).await.unwrap();
        assert_eq!(kept.as_deref(), token);
    }
}
