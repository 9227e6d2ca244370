//! The invariant, against a model of two stores that fail in every way: after reconciling, rows and
//! relationships agree in both directions, whatever was dropped, refused, lost or late.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by stopping"
)]

mod interleavings;
mod retries;
mod world;

use chrono::Utc;
use dual_write::{CreateError, Intent};
use std::collections::BTreeSet;
use world::{PATIENCE, STEP, reconcile, task, world};

#[tokio::test(start_paused = true)]
async fn after_reconciling_both_sides_agree() {
    for seed in 0..400 {
        let trouble = [0, 10, 40][(seed % 3) as usize];
        let (world, dual_write) = world(seed, trouble, PATIENCE);
        let mut acknowledged = BTreeSet::new();
        for n in 0..20 {
            let registration = task(n);
            let (resource, name) = (registration.resource.clone(), n.to_string());
            let make =
                dual_write.create(&registration, None, |registered| world.persist(resource.clone(), &name, registered));
            let patience = STEP * (1 + world.roll(25));
            if let Ok(Ok(())) = tokio::time::timeout(patience, make).await {
                acknowledged.insert(resource.clone());
            }
            assert!(
                world.with_row().is_subset(&world.relationships.lock().unwrap()),
                "seed {seed}: a row is visible without its relationships"
            );
            if world.roll(3) == 0 {
                let intent = Intent::deregister(resource.clone(), &dual_write.ending(), Some(Utc::now()));
                let end = async {
                    if world.remove(&intent).await? {
                        dual_write.finish(&intent).await;
                    }
                    Ok::<_, &str>(())
                };
                acknowledged.remove(&resource);
                let _ = tokio::time::timeout(STEP * (1 + world.roll(25)), end).await;
            }
        }
        world.relationships.lock().unwrap().extend(world.late.lock().unwrap().drain(..));
        *world.trouble.lock().unwrap() /= 2;
        reconcile(&world, &dual_write).await;
        let (rows, relationships) = (world.with_row(), world.relationships.lock().unwrap());
        assert_eq!(rows, *relationships, "seed {seed}");
        assert!(acknowledged.is_subset(&rows), "seed {seed}: an acknowledged row is lost");
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_the_first_error_even_when_undoing_fails_too() {
    let (world, dual_write) = world(1, 0, PATIENCE);
    let registration = task(1);
    let persist = |_| async {
        *world.trouble.lock().unwrap() = 100;
        Err::<(), _>("the disk is full")
    };
    let error = dual_write.create(&registration, None, persist).await.unwrap_err();
    assert!(matches!(error, CreateError::Persist("the disk is full")));
    assert_eq!(world.intents.lock().unwrap().len(), 1, "left to the reconciler");
    *world.trouble.lock().unwrap() = 0;
    reconcile(&world, &dual_write).await;
    assert!(world.relationships.lock().unwrap().is_empty());
}
