//! An engine, and a database, that answer late, badly or not at all.

use super::{
    Op, Scene, Tally,
    scene::ATTEMPT,
    steps::{Told, step},
};
use crate::wire::Fault;
use futures::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Callers at once.
const CALLERS: u32 = 8;
/// One statement in so many meets a fault.
const ONE_IN: u32 = 6;

/// Makes and ends tasks while statements of dual writes are refused, cut off, late, or applied and not
/// answered, until `faults` of them were.
pub async fn trouble_the_engine(scene: &Scene, faults: u32, seed: u64) -> Tally {
    let tally = Arc::new(Mutex::new(Tally::default()));
    let (counting, mut dice) = (tally.clone(), SmallRng::seed_from_u64(seed));
    scene.wire.judge(move |sql| {
        let statement = step(sql)?;
        if dice.random_range(0..ONE_IN) > 0 {
            return None;
        }
        let (fault, name) = match dice.random_range(0..5) {
            0 => (Fault::Refuse, "refused"),
            1 => (Fault::Cut, "cut off before it arrived"),
            2 => (Fault::Lose, "applied, and not answered"),
            3 => (Fault::Delay(Duration::from_millis(dice.random_range(1..40))), "a little late"),
            _ => (Fault::Delay(ATTEMPT.mul_f64(dice.random_range(1.0..3.0))), "given up, and applied late"),
        };
        // Which of the two was asked for cannot be told from a statement they share.
        counting.lock().unwrap().add(None, statement, name);
        Some(fault)
    });
    while tally.lock().unwrap().total() < u64::from(faults) {
        join_all((0..CALLERS).map(|caller| async move {
            let Told::Done(task) = scene.ask(Op::Create, None).await else { return };
            if caller % 2 == 1 {
                // Once it is asked for, either outcome is right until it is acknowledged.
                scene.book.lock().unwrap().made.remove(&task);
                scene.ask(Op::Delete, Some(task)).await;
            }
        }))
        .await;
    }
    scene.wire.calm();
    let mut tally = std::mem::take(&mut *tally.lock().unwrap());
    tally.half_done = scene.half_done().await;
    tally
}

/// Notes every change of an intent, so that it can be told how often each was worked on.
const NOTE: &str = "CREATE TABLE noted (id text, attempts int, what text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' THEN INSERT INTO noted VALUES (OLD.id, OLD.attempts, 'settled'); RETURN OLD; END IF;
        IF NEW.attempts > OLD.attempts THEN INSERT INTO noted VALUES (NEW.id, NEW.attempts, 'claimed'); END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER note AFTER UPDATE OR DELETE ON intents FOR EACH ROW EXECUTE FUNCTION note()";

/// Kills the victim `kills` times with several reconcilers at work, all on one database, and looks at how they
/// shared the work.
pub async fn between_two_reconcilers(scene: &mut Scene, kills: u32) -> Tally {
    assert!(scene.keepers.len() > 1, "one reconciler shares with nobody");
    scene.database.run(NOTE).await;
    let tally = super::kill_at_every_step(scene, kills).await;
    scene.must_agree().await;
    let number = |sql: &'static str| scene.database.number(sql);
    let claimed = number("SELECT count(*) FROM noted WHERE what = 'claimed'").await;
    assert!(claimed > 0, "nothing was left to reconcilers");
    let most = number(
        "SELECT max(times) FROM (SELECT count(*) AS times FROM noted WHERE what = 'claimed' GROUP BY id) AS of_one",
    );
    assert!(most.await <= 2, "an intent is undone, and looked at once more");
    let twice =
        "SELECT count(*) FROM (SELECT id FROM noted WHERE what = 'settled' GROUP BY id HAVING count(*) > 1) AS twice";
    assert_eq!(number(twice).await, 0, "an intent was settled twice");
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(number(deadlocks).await, 0);
    tally
}
