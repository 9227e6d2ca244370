//! Opening, closing and settling.

use super::{claim, due_in, opened};
use dual_write::{Backlog, Ledger, Stage};
use futures::future::join_all;
use std::sync::Arc;

type Subject = Arc<dyn Ledger>;

pub(super) async fn opening_twice_is_opening_once(ledger: &Subject) {
    let intent = opened(ledger, -1).await;
    assert!(ledger.close(&intent.id).await.unwrap());
    ledger.open(&intent).await.unwrap();
    let claimed = claim(ledger, 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].stage, Stage::Undoing, "it stays closed to its maker");
}

pub(super) async fn only_an_open_intent_is_closed_and_only_once(ledger: &Subject) {
    let (intent, other, unknown) = (opened(ledger, 60).await, opened(ledger, -1).await, due_in(60));
    assert!(!ledger.close(&unknown.id).await.unwrap());
    assert!(ledger.close(&intent.id).await.unwrap());
    assert!(!ledger.close(&intent.id).await.unwrap());
    let claimed = claim(ledger, 10).await;
    assert_eq!((claimed.len(), claimed[0].stage), (1, Stage::Open), "only the one named is closed");
    assert_eq!(claimed[0].id, other.id);
}

pub(super) async fn settling_forgets_and_may_be_repeated(ledger: &Subject) {
    let (intent, other) = (opened(ledger, -1).await, opened(ledger, -1).await);
    for _ in 0..2 {
        ledger.settle(&intent.id).await.unwrap();
    }
    assert!(!ledger.close(&intent.id).await.unwrap());
    let left: Vec<_> = claim(ledger, 10).await.into_iter().map(|intent| intent.id).collect();
    assert_eq!(left, [other.id]);
}

pub(super) async fn of_many_who_close_one_does(ledger: &Subject) {
    let intent = opened(ledger, 60).await;
    let closed = join_all((0..8).map(|_| ledger.close(&intent.id))).await;
    assert_eq!(closed.into_iter().filter(|closed| *closed.as_ref().unwrap()).count(), 1);
}

pub(super) async fn the_backlog_counts_what_is_not_settled(ledger: &Subject) {
    assert_eq!(ledger.backlog().await.unwrap(), Backlog::default());
    let (first, second) = (opened(ledger, 60).await, opened(ledger, -1).await);
    let both = Backlog { pending: 2, oldest: Some(first.opened_at), ..Backlog::default() };
    assert_eq!(ledger.backlog().await.unwrap(), both);
    ledger.close(&first.id).await.unwrap();
    claim(ledger, 10).await;
    assert_eq!(ledger.backlog().await.unwrap(), both, "closed or claimed is not settled");
    ledger.settle(&first.id).await.unwrap();
    assert_eq!(
        ledger.backlog().await.unwrap(),
        Backlog { pending: 1, oldest: Some(second.opened_at), ..Backlog::default() }
    );
}
