//! The gateway is killed at random moments while API keys and agents are made and ended: afterwards each row has
//! its relationships, nothing else has any, no key that was acknowledged is lost, and none that was ended is good.

use blackbox::{As, Server, Settings, Storage, World, world::nobody};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const KILLS: u64 = 8;
const CALLERS: usize = 3;

/// Rows without relationships, and relationships without a row.
const ORPHANS: &str = "SELECT
    (SELECT count(*) FROM api_keys WHERE (SELECT count(*) FROM relationships
        WHERE resource_kind = 'api_key' AND resource_id = api_keys.id) <> 3)
  + (SELECT count(*) FROM relationships WHERE resource_kind = 'api_key'
        AND NOT EXISTS (SELECT FROM api_keys WHERE id = resource_id))
  + (SELECT count(*) FROM agents WHERE status <> 'DELETED' AND NOT EXISTS (SELECT FROM relationships
        WHERE resource_kind = 'agent' AND resource_id = agents.id AND relation = 'owner'))
  + (SELECT count(*) FROM relationships WHERE resource_kind = 'agent'
        AND NOT EXISTS (SELECT FROM agents WHERE id = resource_id AND status <> 'DELETED'))
  + (SELECT count(*) FROM api_keys JOIN agents ON agents.id = agent_id WHERE agents.status = 'DELETED')";

/// What is known to have become of keys.
#[derive(Default)]
struct Known {
    good: Vec<String>,
    ended: Vec<String>,
}

/// Makes an agent with two keys, and ends a key or the agent, until the gateway is gone.
async fn make_and_end(owner: As, known: Arc<Mutex<Known>>) {
    let agents =
        "mutation($name: String!) { createAgent(input: { name: $name, description: \"\", acpType: SYNC }) { id } }";
    for turn in 0_u32.. {
        let made = owner.gql(agents, json!({ "name": nobody() })).await.data()["createAgent"]["id"].clone();
        let agent = made.as_str().unwrap();
        let mut keys = vec![];
        for name in ["a", "b"] {
            let body = json!({ "agent_id": agent, "name": name });
            let key = owner.post("/agent_api_keys", body).await.expect(200);
            keys.push((key["id"].as_str().unwrap().to_owned(), key["api_key"].as_str().unwrap().to_owned()));
        }
        let secrets = || keys.iter().map(|(_, secret)| secret.clone());
        if turn % 2 == 0 {
            owner.delete(&format!("/agents/{agent}")).await.expect(200);
            known.lock().unwrap().ended.extend(secrets());
        } else {
            owner.delete(&format!("/agent_api_keys/{}", keys[0].0)).await.expect(200);
            let mut known = known.lock().unwrap();
            known.ended.push(keys[0].1.clone());
            known.good.push(keys[1].1.clone());
        }
    }
}

async fn status(server: &Server, secret: &str) -> u16 {
    As::new("holder", &server.demo.url(), Some(secret.to_owned()), None).get("/tasks?limit=1").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn w12_a_gateway_that_is_killed_leaves_no_key_or_agent_half_done() {
    let settings = [
        ("TASKGATE_DUAL_WRITE__RETRIES", "1"),
        ("TASKGATE_DUAL_WRITE__MAX_DELAY_MS", "100"),
        ("TASKGATE_DUAL_WRITE__ATTEMPT_TIMEOUT_MS", "500"),
        ("TASKGATE_DUAL_WRITE__PATIENCE_MS", "1500"),
        ("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "100"),
    ];
    let settings = settings.into_iter().fold(Settings::default(), |all, (key, value)| all.with(key, value));
    let mut server = World::with(settings, Storage::Url).await.server;
    let known = Arc::new(Mutex::new(Known::default()));
    let mut left_half_done = 0;
    for kill in 0..KILLS {
        let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(make_and_end(server.owner(), known.clone()))).collect();
        tokio::time::sleep(Duration::from_millis(150 + kill * 37 % 200)).await;
        server.kill();
        for caller in callers {
            // Each ends by a request that is not answered, and by nothing else.
            let ended = caller.await.unwrap_err().into_panic();
            let why = ended.downcast_ref::<String>().map_or("", String::as_str);
            assert!(why.contains("the server answers") || why.contains("the body arrives"), "{why}");
        }
        left_half_done += server.database().number("SELECT count(*) FROM intents WHERE stage <> 'undone'").await;
        server = server.again().await;
    }
    let asked = Instant::now();
    while server.database().number("SELECT count(*) FROM intents").await > 0 {
        assert!(asked.elapsed() < Duration::from_mins(1), "intents are never settled\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.database().number(ORPHANS).await, 0);
    let Known { good, ended } = std::mem::take(&mut *known.lock().unwrap());
    assert!(!good.is_empty() && !ended.is_empty() && left_half_done > 0, "no kill came between two steps");
    for secret in &good {
        assert_eq!(status(&server, secret).await, 200);
    }
    for secret in &ended {
        assert_eq!(status(&server, secret).await, 401);
    }
}
