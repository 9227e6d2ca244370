//! What stands beside the rows: intents and tallies.

use crate::{Scanned, fresh};
use authz::{Kind, Principal, Registration, ResourceRef};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use dual_write::{Direction, Intent, Tally};

/// An intent that is written down, begun `days` ago.
async fn opened(scanned: &Scanned, days: i64) -> Intent {
    let resource = ResourceRef { kind: Kind::Task, id: fresh("task").into() };
    let registration = Registration { resource, owner: Principal::user("u"), tenant: "acme".into(), parent: None };
    let now: DateTime<Utc> = Utc::now().duration_trunc(TimeDelta::microseconds(1)).unwrap();
    let intent = Intent::register(&registration, now - TimeDelta::days(days), now + TimeDelta::days(1));
    scanned.world.dual_write.ledger.open(&intent).await.unwrap();
    intent
}

pub(super) async fn intents_are_found_by_what_they_are_on(scanned: &Scanned) {
    let (intent, other) = (opened(scanned, 0).await, opened(scanned, 0).await);
    let ids = [intent.resource.id.clone(), fresh("nothing").into(), "\0".into()];
    assert_eq!(scanned.rows.intents(Kind::Task, &ids).await.unwrap(), std::slice::from_ref(&intent));
    assert_eq!(scanned.rows.intents(Kind::Agent, &ids).await.unwrap(), []);
    for intent in [intent, other] {
        scanned.world.dual_write.ledger.settle(&intent.id).await.unwrap();
    }
    assert_eq!(scanned.rows.intents(Kind::Task, &ids).await.unwrap(), []);
}

pub(super) async fn the_oldest_intents_come_first(scanned: &Scanned) {
    // Nobody else's are so old.
    let (second, first) = (opened(scanned, 90_000).await, opened(scanned, 90_001).await);
    assert_eq!(scanned.rows.oldest_intents(1).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(scanned.rows.oldest_intents(2).await.unwrap(), [first.clone(), second.clone()]);
    for intent in [first, second] {
        scanned.world.dual_write.ledger.settle(&intent.id).await.unwrap();
    }
}

pub(super) async fn tallies_add_up(scanned: &Scanned) {
    let of = async |kind, direction| {
        let tallies = scanned.rows.tallies().await.unwrap();
        let tally = tallies.into_iter().find(|tally| (tally.kind, tally.direction) == (kind, direction));
        tally.map_or((0, 0), |tally| (tally.found, tally.repaired))
    };
    let (kind, direction) = (Kind::Agent, Direction::Registration);
    let before = of(kind, direction).await;
    let tally = |found, repaired| Tally { kind, direction, found, repaired };
    let other = Tally { direction: Direction::Row, ..tally(7, 7) };
    scanned.rows.tally(&[tally(3, 0), other]).await.unwrap();
    scanned.rows.tally(&[tally(1, 2)]).await.unwrap();
    assert_eq!(of(kind, direction).await, (before.0 + 4, before.1 + 2));
}
