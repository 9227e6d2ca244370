//! The gateway is killed at random moments while tasks are made and ended: afterwards each row has its
//! relationships, nothing else has any, and no acknowledged task is lost.

use blackbox::{As, Settings, Storage, documents};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How often the gateway is killed.
const KILLS: u64 = 20;
/// How many callers make and end tasks at once.
const CALLERS: usize = 4;

/// Rows without relationships, and relationships without a row.
const ORPHANS: &str = "SELECT
    (SELECT count(*) FROM tasks WHERE NOT EXISTS (SELECT FROM relationships
        WHERE resource_kind = 'task' AND resource_id = tasks.id AND relation = 'owner'))
  + (SELECT count(*) FROM relationships WHERE resource_kind = 'task'
        AND NOT EXISTS (SELECT FROM tasks WHERE id = resource_id))";

/// Makes tasks, and ends every other, until the gateway is gone. Those known to be made and not
/// asked to be ended are written down.
async fn make_and_end(owner: As, agent: String, acknowledged: Arc<Mutex<Vec<String>>>) {
    for turn in 0_u32.. {
        let input = json!({ "input": { "agentId": agent } });
        let Ok(made) = tokio::spawn({
            let owner = owner.clone();
            async move { owner.gql(documents::CREATE_TASK, input).await.data()["createTask"]["id"].clone() }
        })
        .await
        else {
            return;
        };
        let id = made.as_str().unwrap().to_owned();
        if turn % 2 == 0 {
            acknowledged.lock().unwrap().push(id);
            continue;
        }
        let owner = owner.clone();
        if tokio::spawn(async move { owner.delete(&format!("/tasks/{id}")).await.expect(200) }).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_gateway_that_is_killed_leaves_nothing_half_done() {
    let settings = [
        ("TASKGATE_DUAL_WRITE__RETRIES", "1"),
        ("TASKGATE_DUAL_WRITE__MAX_DELAY_MS", "100"),
        ("TASKGATE_DUAL_WRITE__ATTEMPT_TIMEOUT_MS", "500"),
        ("TASKGATE_DUAL_WRITE__PATIENCE_MS", "1500"),
        ("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "100"),
    ];
    let settings = settings.into_iter().fold(Settings::default(), |all, (key, value)| all.with(key, value));
    let mut server = settings.start(Storage::Url).await;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut left_half_done = 0;
    for kill in 0..KILLS {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| tokio::spawn(make_and_end(server.owner(), server.demo.agent(), acknowledged.clone())))
            .collect();
        tokio::time::sleep(Duration::from_millis(60 + kill * 37 % 200)).await;
        server.kill();
        for caller in callers {
            caller.await.unwrap();
        }
        left_half_done += server.database().number("SELECT count(*) FROM intents WHERE stage = 'open'").await;
        server = server.again().await;
    }
    let asked = Instant::now();
    while server.database().number("SELECT count(*) FROM intents").await > 0 {
        assert!(asked.elapsed() < Duration::from_mins(1), "intents are never settled\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.database().number(ORPHANS).await, 0);
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(!acknowledged.is_empty() && left_half_done > 0, "no kill came between two steps");
    let list = acknowledged.iter().map(|id| format!("('{id}')")).collect::<Vec<_>>().join(",");
    let missing = format!("SELECT count(*) FROM (VALUES {list}) AS made(id) WHERE id NOT IN (SELECT id FROM tasks)");
    assert_eq!(server.database().number(&missing).await, 0);
}
