//! The dual write as the gateway does it, against an engine and a store that fail in every way: in the
//! end each row has its relationships, and nothing else has any.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by stopping")]

mod keys;
mod world;

use gateway::{Code, Failure};
use std::{sync::atomic::Ordering, time::Duration};
use world::{Trouble, World};

/// Every way in which the engine's first and all later answers can be bad.
const TROUBLES: [Trouble; 4] = [Trouble::Fails, Trouble::AppliesAndFails, Trouble::Hangs, Trouble::AppliesLate];

fn unavailable(error: &Failure) {
    assert_eq!(error.code(), Code::Unavailable, "{error:?}");
}

#[tokio::test]
async fn w1_a_register_that_fails_leaves_no_row_and_after_a_sweep_nothing_registered() {
    for trouble in TROUBLES {
        let world = World::new().await;
        world.engine.on_register(trouble);
        unavailable(&world.create("a").await.err().unwrap());
        assert!(world.rows().await.is_empty(), "{trouble:?}");
        world.engine.on_register(Trouble::None);
        world.reconcile().await;
        assert!(world.registered().is_empty(), "{trouble:?}");
        world.create("a").await.unwrap();
    }
}

#[tokio::test]
async fn w5_a_register_that_fails_for_a_moment_is_tried_again() {
    for trouble in TROUBLES {
        let world = World::new().await;
        world.engine.on_register(trouble);
        let recovers = async {
            tokio::time::sleep(world::ATTEMPT / 8).await;
            world.engine.on_register(Trouble::None);
        };
        let (made, ()) = tokio::join!(world.create("a"), recovers);
        assert_eq!(world.registered(), [made.unwrap().id.to_text()], "{trouble:?}");
        world.reconcile().await;
        world.agree().await;
    }
}

#[tokio::test]
async fn w2_a_persist_that_fails_is_undone_and_its_own_error_told() {
    let world = World::new().await;
    let taken = world.create("taken").await.unwrap();
    // The engine fails as well, but only when the registration is to be taken back.
    for trouble in [Trouble::None, Trouble::Fails, Trouble::AppliesAndFails, Trouble::Hangs] {
        world.engine.on_deregister(trouble);
        let error = world.create("taken").await.err().unwrap();
        assert_eq!(error.code(), Code::AlreadyExists, "{trouble:?}: {error:?}");
        world.engine.on_deregister(Trouble::None);
        world.reconcile().await;
        assert_eq!(world.registered(), [taken.id.to_text()], "{trouble:?}");
    }
    world.agree().await;
}

#[tokio::test]
async fn w3_a_delete_whose_deregister_fails_succeeds_and_a_sweep_finishes_it() {
    for trouble in TROUBLES {
        let world = World::new().await;
        let task = world.create("a").await.unwrap();
        let stays = world.create("b").await.unwrap();
        world.engine.on_deregister(trouble);
        assert_eq!(world.delete(&task.id).await.unwrap().id, task.id, "{trouble:?}");
        assert_eq!(world.rows().await, [stays.id.to_text()], "{trouble:?}");
        world.engine.on_deregister(Trouble::None);
        world.reconcile().await;
        assert_eq!(world.registered(), [stays.id.to_text()], "{trouble:?}");
    }
}

#[tokio::test]
async fn w7_a_caller_who_hangs_up_at_any_moment_leaves_both_sides_in_step() {
    let world = World::new().await;
    world.engine.step.store(5, Ordering::Relaxed);
    for moment in 0..12 {
        let moment = Duration::from_millis(moment);
        let made = tokio::time::timeout(moment, world.create(&format!("task {moment:?}"))).await;
        if let Ok(made) = made {
            let _ = tokio::time::timeout(moment, world.delete(&made.unwrap().id)).await;
        }
    }
    world.reconcile().await;
    world.agree().await;
    assert_eq!(world.backlog().await, 0);
}

#[tokio::test]
async fn w7_a_maker_gives_up_before_reconcilers_give_it_up() {
    // The engine would answer, and a reconciler may have undone by then what it answers to.
    let world = World::with_patience(world::ATTEMPT / 4).await;
    world.engine.on_register(Trouble::AppliesSlowly);
    unavailable(&world.create("a").await.err().unwrap());
    assert_eq!(world.backlog().await, 2, "its intent, which others may have taken, and one to clear up after it");
    world.reconcile().await;
    assert!(world.rows().await.is_empty() && world.registered().is_empty());
}

#[tokio::test]
async fn w5_an_engine_that_keeps_failing_is_left_alone_for_a_while() {
    let world = World::new().await;
    world.engine.on_register(Trouble::Fails);
    for _ in 0..world::PATIENCE_WITH_THE_ENGINE {
        unavailable(&world.create("a").await.err().unwrap());
    }
    let before = world.engine.writes.load(Ordering::Relaxed);
    let error = world.create("a").await.err().unwrap();
    unavailable(&error);
    assert_eq!(error.retry_after(), Some(1));
    assert_eq!(world.engine.writes.load(Ordering::Relaxed), before, "not even asked");
    world.engine.on_register(Trouble::None);
    tokio::time::sleep(world::COOLDOWN).await;
    world.create("a").await.unwrap();
}
