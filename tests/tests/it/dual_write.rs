//! The dual write as a caller meets it, with a wire to the database that refuses, cuts and delays.

use blackbox::{
    Database, Settings, World, documents,
    faults::step,
    port_of,
    wire::{Fault, Wire},
    world::nobody,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// A server whose database lies behind a wire.
async fn behind_a_wire(settings: &[(&str, &str)]) -> (World, Wire) {
    let database = Database::create().await;
    let wire = Wire::to(port_of(&database.url)).await;
    let settings = settings.iter().fold(Settings::default(), |all, (key, value)| all.with(key, *value));
    let settings = settings.with("TASKGATE_STORAGE", "url").with("DATABASE_URL", wire.url(&database));
    (World::on(settings.run(Some(database)).await), wire)
}

/// The first `times` statements that do `what` meet `fault`. Counts all that do it.
fn strike(wire: &Wire, what: &'static str, times: usize, fault: Fault) -> Arc<AtomicUsize> {
    let seen = Arc::new(AtomicUsize::new(0));
    let counting = seen.clone();
    wire.judge(move |sql| {
        let met = step(sql) == Some(what);
        (met && counting.fetch_add(1, Ordering::Relaxed) < times).then_some(fault)
    });
    seen
}

async fn create(world: &World, name: &str) -> blackbox::Answer {
    let input = json!({ "input": { "agentId": world.agent, "name": name } });
    world.owner.gql(documents::CREATE_TASK, input).await
}

/// Waits until nothing is left to reconcilers, and all agrees.
async fn reconciled(world: &World) {
    let asked = Instant::now();
    while world.server.database().number("SELECT count(*) FROM intents").await > 0 {
        assert!(asked.elapsed() < Duration::from_secs(30), "{}", world.server.log());
        sleep(Duration::from_millis(50)).await;
    }
    let sides = "SELECT (SELECT count(*) FROM tasks)
        - (SELECT count(*) FROM relationships WHERE resource_kind = 'task' AND relation = 'owner')";
    assert_eq!(world.server.database().number(sides).await, 0);
}

/// Little patience, so that a test need not have much.
const HASTY: [(&str, &str); 4] = [
    ("TASKGATE_DUAL_WRITE__BASE_DELAY_MS", "10"),
    ("TASKGATE_DUAL_WRITE__MAX_DELAY_MS", "20"),
    ("TASKGATE_DUAL_WRITE__ATTEMPT_TIMEOUT_MS", "200"),
    ("TASKGATE_DUAL_WRITE__PATIENCE_MS", "1000"),
];

fn sweeping() -> Vec<(&'static str, &'static str)> {
    [&HASTY[..], &[("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "100")]].concat()
}

#[tokio::test]
async fn w1_a_register_that_fails_leaves_no_row() {
    let (world, wire) = behind_a_wire(&sweeping()).await;
    for fault in [Fault::Refuse, Fault::Cut, Fault::Lose, Fault::Delay(Duration::from_millis(300))] {
        let tried = strike(&wire, "registered", usize::MAX, fault);
        let answer = create(&world, "w1").await;
        assert_eq!(answer.codes(), ["UNAVAILABLE"], "{fault:?}: {}", answer.text());
        assert!(tried.load(Ordering::Relaxed) >= 1);
        wire.calm();
        assert_eq!(world.server.database().number("SELECT count(*) FROM tasks WHERE name = 'w1'").await, 0);
    }
    reconciled(&world).await;
    assert!(create(&world, "w1").await.codes().is_empty(), "the name was never taken");
    reconciled(&world).await;
}

#[tokio::test]
async fn w2_a_persist_that_fails_tells_its_own_error_even_when_the_compensation_fails_too() {
    let (world, wire) = behind_a_wire(&sweeping()).await;
    create(&world, "taken").await.data();
    for fault in [Fault::Refuse, Fault::Cut, Fault::Lose, Fault::Delay(Duration::from_millis(300))] {
        for what in ["deregistered", "intent closed"] {
            let tried = strike(&wire, what, usize::MAX, fault);
            let answer = create(&world, "taken").await;
            assert_eq!(answer.codes(), ["ALREADY_EXISTS"], "{what}, {fault:?}: {}", answer.text());
            assert!(tried.load(Ordering::Relaxed) >= 1);
            wire.calm();
        }
    }
    reconciled(&world).await;
}

#[tokio::test]
async fn w5_a_register_is_tried_four_times_in_all() {
    let (world, wire) = behind_a_wire(&HASTY).await;
    let tried = strike(&wire, "registered", 3, Fault::Refuse);
    create(&world, "third time lucky").await.data();
    assert_eq!(tried.load(Ordering::Relaxed), 4);
    let tried = strike(&wire, "registered", usize::MAX, Fault::Refuse);
    assert_eq!(create(&world, "never").await.codes(), ["UNAVAILABLE"]);
    assert_eq!(tried.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn w5_an_open_circuit_fails_fast_and_says_when_to_come_back() {
    let circuit =
        [("TASKGATE_DUAL_WRITE__CIRCUIT_FAILURES", "2"), ("TASKGATE_DUAL_WRITE__CIRCUIT_COOLDOWN_MS", "3000")];
    let (world, wire) = behind_a_wire(&[&HASTY[..], &circuit].concat()).await;
    let tried = strike(&wire, "registered", usize::MAX, Fault::Refuse);
    for _ in 0..2 {
        assert_eq!(create(&world, "a").await.codes(), ["UNAVAILABLE"]);
    }
    let (before, mut waits) = (tried.load(Ordering::Relaxed), vec![]);
    for _ in 0..2 {
        let answer = create(&world, "a").await;
        assert_eq!(answer.codes(), ["UNAVAILABLE"]);
        let wait = answer.json()["errors"][0]["extensions"]["details"]["retryAfter"].as_u64().unwrap();
        assert_eq!(answer.headers["retry-after"], wait.to_string().as_str());
        waits.push(wait);
        sleep(Duration::from_millis(1100)).await;
    }
    assert_eq!(waits, [3, 2], "what remains of the cool-down, in whole seconds");
    assert_eq!(tried.load(Ordering::Relaxed), before, "the engine was not even asked");
    assert_eq!(world.owner.get("/tasks").await.status, 200, "nothing else is held up");
    wire.calm();
    sleep(Duration::from_secs(1)).await;
    create(&world, "a").await.data();
}

#[tokio::test]
async fn w5_retries_end_with_the_request() {
    let settings = [
        ("TASKGATE_REQUEST_TIMEOUT_MS", "1000"),
        ("TASKGATE_DUAL_WRITE__ATTEMPT_TIMEOUT_MS", "400"),
        ("TASKGATE_DUAL_WRITE__RETRIES", "20"),
        ("TASKGATE_DUAL_WRITE__MAX_DELAY_MS", "100"),
    ];
    let (world, wire) = behind_a_wire(&settings).await;
    let tried = strike(&wire, "registered", usize::MAX, Fault::Delay(Duration::from_secs(2)));
    let asked = Instant::now();
    let answer = create(&world, "a").await;
    assert!(answer.codes() == ["UNAVAILABLE"] || answer.status == 503, "{}", answer.text());
    assert!(asked.elapsed() < Duration::from_millis(1400), "{:?}", asked.elapsed());
    let before = tried.load(Ordering::Relaxed);
    assert!((2..=3).contains(&before), "{before}");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(tried.load(Ordering::Relaxed), before, "nobody waits for it any more");
    assert_eq!(world.server.database().number("SELECT count(*) FROM tasks WHERE name = 'a'").await, 0);
}

#[tokio::test]
async fn w7_a_create_whose_answer_is_lost_stands_or_is_gone_as_a_whole() {
    let (world, wire) = behind_a_wire(&sweeping()).await;
    strike(&wire, "row, intent settled", 1, Fault::Lose);
    let name = nobody();
    assert_eq!(create(&world, &name).await.codes(), ["UNAVAILABLE"]);
    wire.calm();
    reconciled(&world).await;
    let found = world.owner.gql(documents::TASK_BY_NAME, json!({ "name": name })).await.json();
    assert_ne!(found["data"]["task"], Value::Null, "it was made, and its maker can find it");
}
