//! Claiming what is due.

use super::{claim, due_in, now, opened};
use authz::{Ending, IntentId, Kind, ResourceRef};
use chrono::TimeDelta;
use dual_write::{Intent, Ledger, Stage};
use futures::future::join_all;
use std::{sync::Arc, time::Duration};

type Subject = Arc<dyn Ledger>;

pub(super) async fn what_is_due_is_claimed_as_it_was_written(ledger: &Subject) {
    let ending = Ending {
        intent: IntentId::new("an ending"),
        opened_at: now() - TimeDelta::hours(2),
        due_at: now() - TimeDelta::hours(1),
        settled_before: now() - TimeDelta::hours(3),
        account: Some("acme".into()),
    };
    let agent = ResourceRef { kind: Kind::Agent, id: "a'gent ü".into() };
    let intents = [due_in(-1), Intent::deregister(agent, &ending, None)];
    for intent in &intents {
        ledger.open(intent).await.unwrap();
    }
    opened(ledger, 60).await;
    let mut claimed = claim(ledger, 10).await;
    assert_eq!(claimed.len(), 2, "what is not due is left alone");
    claimed.reverse();
    for (claimed, intent) in claimed.into_iter().zip(intents) {
        assert!(claimed.due_at > now() + TimeDelta::seconds(30), "put off by the lease");
        assert_eq!(claimed, Intent { attempts: 1, due_at: claimed.due_at, ..intent });
    }
}

pub(super) async fn a_claim_keeps_others_off_for_its_lease(ledger: &Subject) {
    let intent = opened(ledger, -1).await;
    for attempts in 1..=3 {
        let claimed = ledger.claim(10, TimeDelta::milliseconds(200)).await.unwrap();
        assert_eq!((claimed[0].id.clone(), claimed[0].attempts), (intent.id.clone(), attempts));
        assert!(claim(ledger, 10).await.is_empty());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

pub(super) async fn the_longest_overdue_come_first_and_no_more_than_asked(ledger: &Subject) {
    let mut expected = Vec::new();
    for seconds in [-30, -10, -40, -20] {
        expected.push((seconds, opened(ledger, seconds).await.id));
    }
    expected.sort();
    let ids = |intents: Vec<Intent>| intents.into_iter().map(|intent| intent.id).collect::<Vec<_>>();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids(claim(ledger, 3).await), expected[..3]);
    assert_eq!(ids(claim(ledger, 3).await), expected[3..]);
}

pub(super) async fn what_is_postponed_comes_back_when_it_is_due(ledger: &Subject) {
    let (intent, gone) = (opened(ledger, -1).await, due_in(-1));
    ledger.postpone(&intent.id, Stage::Undone, now() + TimeDelta::minutes(1)).await.unwrap();
    ledger.postpone(&gone.id, Stage::Undone, now()).await.unwrap();
    assert!(claim(ledger, 10).await.is_empty());
    ledger.postpone(&intent.id, Stage::Undone, now() - TimeDelta::seconds(1)).await.unwrap();
    let claimed = claim(ledger, 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((&claimed[0].id, claimed[0].stage), (&intent.id, Stage::Undone));
}

pub(super) async fn of_many_claimers_no_two_get_the_same(ledger: &Subject) {
    let mut expected = Vec::new();
    for _ in 0..40 {
        expected.push(opened(ledger, -1).await.id);
    }
    let claimed = join_all((0..8).map(|_| claim(ledger, 7))).await;
    let mut claimed: Vec<_> = claimed.into_iter().flatten().map(|intent| intent.id).collect();
    // One who comes while the others hold all they could get goes away with less.
    while claimed.len() < expected.len() {
        let more = claim(ledger, 7).await;
        assert!(!more.is_empty(), "some are lost");
        claimed.extend(more.into_iter().map(|intent| intent.id));
    }
    claimed.sort();
    expected.sort();
    assert_eq!(claimed, expected);
}
