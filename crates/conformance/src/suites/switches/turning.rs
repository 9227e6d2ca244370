//! Turning switches, and hearing of it.

use super::turn;
use crate::World;
use dual_write::{Change, Mode};
use futures::future::join_all;
use std::time::Duration;
use tokio::time::timeout;

pub(super) async fn nobody_has_turned_any(world: &World) {
    assert!(world.switches.switches().await.unwrap().is_empty());
    assert!(world.switches.changes(10).await.unwrap().is_empty());
}

pub(super) async fn a_turned_switch_is_listed_and_its_change_is_kept(world: &World) {
    let mut kept = Vec::new();
    let turns = [
        (Some("acme"), Mode::Off, None),
        (None, Mode::Shadow, None),
        (Some("acme"), Mode::Shadow, Some(Mode::Off)),
        (Some("acme"), Mode::Shadow, Some(Mode::Shadow)),
        (Some("zeta"), Mode::On, None),
    ];
    for (account, mode, from) in turns {
        let change = turn(world, account, mode).await;
        assert_eq!(change.from, from);
        kept.insert(0, change);
    }
    let standing: Vec<_> = [1, 3, 4].map(|turn| kept[turns.len() - 1 - turn].switch.clone()).into();
    assert_eq!(world.switches.switches().await.unwrap(), standing);
    assert_eq!(world.switches.changes(10).await.unwrap(), kept);
    assert_eq!(world.switches.changes(2).await.unwrap(), kept[..2]);
}

pub(super) async fn of_many_who_turn_one_switch_each_finds_what_another_left(world: &World) {
    let modes = [Mode::Off, Mode::Shadow, Mode::On];
    join_all((0..12).map(|turned| turn(world, Some("acme"), modes[turned % 3]))).await;
    let changes = world.switches.changes(100).await.unwrap();
    assert_eq!(changes.len(), 12);
    let mut before = None;
    for Change { switch, from } in changes.into_iter().rev() {
        assert_eq!(from, before);
        before = Some(switch.mode);
    }
}

pub(super) async fn whoever_listens_hears_a_turn(world: &World) {
    turn(world, None, Mode::Off).await;
    let mut ears = [world.switches.listen().await.unwrap(), world.switches.listen().await.unwrap()];
    for ear in &mut ears {
        assert!(timeout(Duration::from_millis(100), ear.hear()).await.is_err(), "nothing was turned since");
    }
    turn(world, Some("acme"), Mode::On).await;
    for ear in &mut ears {
        timeout(Duration::from_secs(10), ear.hear()).await.unwrap().unwrap();
    }
}
