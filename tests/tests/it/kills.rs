//! Gateways that die, engines that do not answer, callers who hang up: afterwards each row has its
//! relationships, nothing else has any, and what was acknowledged stands. A few dozen of each here;
//! `tests/bench/run faults` does thousands.

use blackbox::faults::{self, Op, Scene, Tally};

/// The statements that making a task, and ending one, must not get by without being struck.
const CREATE: [&str; 4] = ["checked", "intent opened", "registered", "row, intent settled"];
const DELETE: [&str; 6] = ["row locked", "row removed", "intent opened", "committed", "deregistered", "intent put off"];

fn struck(tally: &Tally, op: Op, expected: &[&str]) {
    let steps = tally.steps(op);
    assert!(expected.iter().all(|step| steps.contains(step)), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_gateway_killed_at_any_step_leaves_nothing_half_done() {
    let mut scene = Scene::new(1).await;
    let round = 3 * (scene.rehearse(Op::Create).await.len() + scene.rehearse(Op::Delete).await.len());
    let tally = faults::kill_at_every_step(&mut scene, u32::try_from(round).unwrap()).await;
    print!("{tally}");
    struck(&tally, Op::Create, &CREATE);
    struck(&tally, Op::Delete, &DELETE);
    assert!(tally.half_done > 0, "no kill came between two steps");
    scene.must_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_gateway_killed_under_load_leaves_nothing_half_done() {
    let mut scene = Scene::new(1).await;
    let tally = faults::kill_under_load(&mut scene, 20).await;
    print!("{tally}");
    assert!(!scene.book.lock().unwrap().made.is_empty() && tally.half_done > 0, "no kill came between two steps");
    scene.must_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_gateway_that_stood_still_makes_nothing_that_others_have_undone() {
    let scene = Scene::new(1).await;
    let tally = faults::pause_at_every_step(&scene).await;
    print!("{tally}");
    struck(&tally, Op::Create, &CREATE);
    scene.must_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_intents_of_a_newer_version_are_left_alone_and_told_of() {
    let scene = Scene::new(1).await;
    let newer =
        "INSERT INTO intents (id, op, resource_kind, resource_id, stage, twice, opened_at, due_at, schema_version)
        VALUES ('newer', 'register', 'task', 'of tomorrow', 'open', true, now(), now() - interval '1 hour', 99)";
    scene.database.run(newer).await;
    let known = newer.replace("newer", "known").replace("99", "1").replace("tomorrow", "today");
    scene.database.run(&known).await;
    let left = "SELECT count(*) FROM intents WHERE schema_version = 1";
    while scene.database.number(left).await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let untouched = "SELECT count(*) FROM intents WHERE id = 'newer' AND stage = 'open' AND attempts = 0";
    assert_eq!(scene.database.number(untouched).await, 1);
    // Told once when a gateway comes up, and every so often after that.
    let keeper = blackbox::Settings::default()
        .with("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "50")
        .start_on(scene.database.clone())
        .await;
    while !keeper.log().contains("intents of a newer version are left to newer gateways") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_callers_who_hang_up_leave_nothing_half_done() {
    let scene = Scene::new(1).await;
    let tally = faults::hang_up_at_every_step(&scene, 40).await;
    print!("{tally}");
    struck(&tally, Op::Create, &CREATE);
    print!("{}", faults::hang_up_at_any_moment(&scene, 80).await);
    scene.must_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_an_engine_in_trouble_leaves_nothing_half_done() {
    let scene = Scene::new(1).await;
    print!("{}", faults::trouble_the_engine(&scene, 60, 1).await);
    scene.must_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_two_reconcilers_share_the_work_and_never_wait_for_each_other() {
    let mut scene = Scene::new(2).await;
    print!("{}", faults::between_two_reconcilers(&mut scene, 40).await);
    scene.must_agree().await;
}
