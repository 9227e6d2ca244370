//! Rows that stand without their relationships.

use super::turn;
use crate::{Cast, World, may, world::new_task};
use authz::{Agent, Registered, Registration, ResourceRef, Task, action::Delete};
use chrono::{TimeDelta, Utc};
use dual_write::{Intent, Mode};

/// A task of the cast's owner that owes its registration.
async fn owing(cast: &Cast<'_>) -> Registration {
    let world = cast.world;
    let (new, execute) = (new_task(cast.owner.tenant()), may::<Agent, _>(&cast.owner, &cast.agent).await);
    let registration = cast.owner.registration_of_task(&execute, &new.id);
    let intent = Intent::register(&registration, Utc::now(), Utc::now() + TimeDelta::hours(1));
    world.dual_write.ledger.open(&intent).await.unwrap();
    let leave = Registered::owing(intent.id.clone(), registration.clone());
    world.tasks.create(&execute, new, leave).await.unwrap();
    assert!(!world.dual_write.ledger.close(&intent.id).await.unwrap(), "its intent is settled");
    registration
}

async fn claim(world: &World, limit: u32) -> Vec<Registration> {
    let claimed = world.dual_write.ledger.claim_owed(limit, TimeDelta::minutes(1)).await.unwrap();
    claimed.into_iter().map(|owed| owed.registration).collect()
}

pub(super) async fn what_a_row_owes_is_noted_with_it(world: &World) {
    let cast = world.cast().await;
    let ledger = &world.dual_write.ledger;
    let registration = owing(&cast).await;
    assert_eq!(ledger.backlog().await.unwrap().owed, 1);
    assert_eq!(claim(world, 10).await, std::slice::from_ref(&registration));
    assert!(ledger.settle_owed(&registration.resource).await.unwrap());
    assert!(!ledger.settle_owed(&registration.resource).await.unwrap());
    assert_eq!(ledger.backlog().await.unwrap().owed, 0);
    // A row that is refused owes nothing.
    let execute = may::<Agent, _>(&cast.owner, &cast.agent).await;
    let new = new_task(cast.owner.tenant());
    let registration = cast.owner.registration_of_task(&execute, &new.id);
    let closed = Intent::register(&registration, Utc::now(), Utc::now());
    let refused = world.tasks.create(&execute, new, Registered::owing(closed.id, registration)).await;
    assert!(refused.is_err());
    assert_eq!(ledger.backlog().await.unwrap().owed, 0);
}

pub(super) async fn a_claim_of_what_is_owed_keeps_others_off(world: &World) {
    let cast = world.cast().await;
    for _ in 0..3 {
        owing(&cast).await;
    }
    let (first, rest) = (claim(world, 2).await, claim(world, 2).await);
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert!(!first.contains(&rest[0]));
    assert!(claim(world, 2).await.is_empty());
    let short = world.dual_write.ledger.claim_owed(10, TimeDelta::zero()).await.unwrap();
    assert!(short.is_empty(), "put off by the first lease");
}

pub(super) async fn an_account_that_is_off_is_passed_over(world: &World) {
    let (one, two) = (world.cast().await, world.cast().await);
    let (of_one, of_two) = (owing(&one).await, owing(&two).await);
    let ledger = &world.dual_write.ledger;
    let past = Utc::now() - TimeDelta::seconds(1);
    for registration in [&of_one, &of_two] {
        ledger.open(&Intent::register(registration, past, past)).await.unwrap();
    }
    let claim_intents = async || ledger.claim(10, TimeDelta::zero()).await.unwrap().len();
    turn(world, None, Mode::Off).await;
    assert!(claim(world, 10).await.is_empty());
    assert_eq!(claim_intents().await, 0);
    // One's own switch goes before that for all.
    turn(world, Some(&of_one.tenant), Mode::Shadow).await;
    assert_eq!(claim(world, 10).await, std::slice::from_ref(&of_one));
    assert_eq!(claim_intents().await, 1);
    turn(world, None, Mode::On).await;
    turn(world, Some(&of_one.tenant), Mode::Off).await;
    assert_eq!(claim(world, 10).await, [of_two]);
    assert_eq!(claim_intents().await, 1);
}

pub(super) async fn a_task_that_goes_owes_nothing_and_goes_twice(world: &World) {
    let cast = world.cast().await;
    let registration = owing(&cast).await;
    // The permit to delete needs relationships: a reconciler has just written them, and not said so.
    world.engine.register(&registration).await.unwrap();
    let ResourceRef { id, .. } = &registration.resource;
    let permit = may::<Task, Delete>(&cast.owner, &authz::Id::new(id.clone())).await;
    let now = Utc::now();
    let mut ending = world.dual_write.ending();
    // However old it is.
    (ending.settled_before, ending.due_at) = (now + TimeDelta::hours(1), now - TimeDelta::seconds(1));
    world.tasks.delete(&permit, &ending).await.unwrap().unwrap();
    assert!(!world.dual_write.ledger.settle_owed(&registration.resource).await.unwrap());
    let claimed = world.dual_write.ledger.claim(10, TimeDelta::minutes(1)).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].twice), (1, true));
}
