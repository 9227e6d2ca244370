//! A gateway that is killed.

use super::{
    Op, Scene, Tally,
    scene::PATIENCE,
    steps::{Told, ask},
};
use crate::wire::Fault;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// Callers who make and end tasks at once, under load.
const CALLERS: usize = 4;

/// Kills the victim before and after every statement of making and ending a task, round and round: `kills` times.
pub async fn kill_at_every_step(scene: &mut Scene, kills: u32) -> Tally {
    let mut plan = vec![];
    for op in [Op::Create, Op::Delete] {
        for (at, statement) in scene.rehearse(op).await.into_iter().enumerate() {
            plan.extend(
                ["before it arrived", "before it was answered", "and it arrived late"]
                    .map(|how| (op, at, statement, how)),
            );
        }
    }
    let mut tally = Tally::default();
    for (turn, (op, at, statement, how)) in (0..kills).zip(plan.into_iter().cycle()) {
        let fault = match how {
            "before it arrived" => Fault::HoldBefore,
            "before it was answered" => Fault::HoldAfter,
            // Before reconcilers look, between their two looks, or anywhere near.
            _ => Fault::Delay(PATIENCE * (turn % 16) / 10),
        };
        let subject = scene.subject(op).await;
        scene.strike(at, fault);
        let held = scene.wire.next_held();
        let asked = tokio::spawn(scene.ask(op, subject));
        let came = timeout(Duration::from_secs(20), held).await;
        assert!(came.is_ok(), "{op:?} never came to `{statement}`");
        scene.kill().await;
        let told = asked.await.unwrap();
        assert!(matches!(told, Told::Otherwise), "nobody was there to answer: {told:?}");
        tally.add(op, statement, how);
        tally.half_done += scene.half_done().await;
    }
    tally
}

/// Stops the victim after each statement of making a task until reconcilers have given up on it and are done, lets
/// it go on, and waits for what it answers.
pub async fn pause_at_every_step(scene: &Scene) -> Tally {
    let mut tally = Tally::default();
    for (at, statement) in scene.rehearse(Op::Create).await.into_iter().enumerate() {
        scene.strike(at, Fault::HoldAfter);
        let held = scene.wire.next_held();
        let asked = tokio::spawn(scene.ask(Op::Create, None));
        let came = timeout(Duration::from_secs(20), held).await;
        assert!(came.is_ok(), "it never came to `{statement}`");
        scene.victim().pause();
        scene.wire.calm();
        scene.wire.release();
        sleep(PATIENCE).await;
        scene.must_agree().await;
        scene.victim().go_on();
        drop(asked.await.unwrap());
        tally.add(Op::Create, statement, "stopped until others had undone it");
        tally.half_done += scene.half_done().await;
    }
    tally
}

/// Kills the victim at random moments while tasks are made and ended.
pub async fn kill_under_load(scene: &mut Scene, kills: u32) -> Tally {
    let mut tally = Tally::default();
    for kill in 0..kills {
        let over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(make_and_end(scene, over.clone()))).collect();
        sleep(Duration::from_millis(30 + u64::from(kill) * 37 % 200)).await;
        over.store(true, Ordering::Relaxed);
        scene.kill().await;
        for caller in callers {
            caller.await.unwrap();
        }
        tally.add(None, "under load", "killed");
        tally.half_done += scene.half_done().await;
    }
    tally
}

/// Makes tasks and ends every other, until the victim is gone.
fn make_and_end(scene: &Scene, over: Arc<AtomicBool>) -> impl Future<Output = ()> + Send + use<> {
    let (owner, agent, book) = (scene.victim().owner(), scene.victim().demo.agent(), scene.book.clone());
    async move {
        let asks = |op, subject| ask(owner.clone(), agent.clone(), book.clone(), op, subject);
        for turn in 0_u32.. {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let Told::Done(task) = asks(Op::Create, None).await else { return };
            if turn % 2 == 1 {
                // Once it is asked for, either outcome is right until it is acknowledged.
                book.lock().unwrap().made.remove(&task);
                if !matches!(asks(Op::Delete, Some(task)).await, Told::Done(_)) {
                    return;
                }
            }
        }
    }
}
