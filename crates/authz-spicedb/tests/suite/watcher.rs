//! A watch that goes on.

use crate::{cable::Cable, something, spicedb};
use async_trait::async_trait;
use authz::{Authorizer as _, ConsistencyToken, EngineError, Kind, Principal, Relation, Relationship};
use authz_spicedb::{Change, Follower, SpiceDb, Turn, Watcher};
use conformance::fresh;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Changed(Turn, Relationship),
    Missed,
    Interrupted,
}

/// Writes down what it is told of one relationship.
struct Notes(Relationship, UnboundedSender<Told>);

#[async_trait]
impl Follower for Notes {
    async fn changed(&self, changes: &[Change], _: &ConsistencyToken) {
        for change in changes.iter().filter(|change| change.relationship == self.0) {
            drop(self.1.send(Told::Changed(change.turn, change.relationship.clone())));
        }
    }

    async fn missed(&self) {
        drop(self.1.send(Told::Missed));
    }

    async fn interrupted(&self, _: &EngineError) {
        drop(self.1.send(Told::Interrupted));
    }
}

async fn next(told: &mut UnboundedReceiver<Told>) -> Told {
    let next = tokio::time::timeout(Duration::from_secs(20), told.recv()).await;
    next.expect("it is told in time").expect("it is watched")
}

fn edge() -> Relationship {
    Relationship::held(something(Kind::Task), Relation::Viewer, &Principal::user(fresh("viewer")))
}

fn watch(edge: &Relationship, engine: &SpiceDb, from: Option<ConsistencyToken>) -> (Watcher, UnboundedReceiver<Told>) {
    let (notes, told) = unbounded_channel();
    (Watcher::start(engine.clone(), Arc::new(Notes(edge.clone(), notes)), from), told)
}

#[tokio::test]
async fn after_a_cut_it_goes_on_where_it_was_and_misses_nothing() {
    let (cable, direct, edge) = (Cable::new().await, spicedb().await, edge());
    let engine = SpiceDb::new(&cable.settings()).expect("these settings can be meant");
    let (_watcher, mut told) = watch(&edge, &engine, None);
    assert_eq!(next(&mut told).await, Told::Missed, "of what was before the start nothing is known");
    for _ in 0..3 {
        direct.grant(std::slice::from_ref(&edge)).await.expect("it is granted");
        assert_eq!(next(&mut told).await, Told::Changed(Turn::Added, edge.clone()));
        cable.cut();
        assert_eq!(next(&mut told).await, Told::Interrupted);
        direct.revoke(std::slice::from_ref(&edge)).await.expect("it is revoked");
        cable.mend();
        // It may have tried again meanwhile, and told of each attempt.
        let after = loop {
            match next(&mut told).await {
                Told::Interrupted => {}
                after @ (Told::Changed(..) | Told::Missed) => break after,
            }
        };
        assert_eq!(after, Told::Changed(Turn::Removed, edge.clone()), "it was revoked while nobody watched");
    }
}

#[tokio::test]
async fn where_it_cannot_go_on_it_says_that_changes_were_missed() {
    let (engine, edge) = (spicedb().await, edge());
    let (watcher, mut told) = watch(&edge, &engine, Some(ConsistencyToken::new("no moment that ever was")));
    assert_eq!(next(&mut told).await, Told::Interrupted);
    assert_eq!(next(&mut told).await, Told::Missed);
    engine.grant(std::slice::from_ref(&edge)).await.expect("it is granted");
    assert_eq!(next(&mut told).await, Told::Changed(Turn::Added, edge.clone()));
    drop(watcher);
    assert!(
        tokio::time::timeout(Duration::from_secs(5), told.recv()).await.expect("it ends when it is dropped").is_none()
    );
}

#[tokio::test]
async fn a_watch_that_starts_at_a_moment_has_missed_nothing() {
    let (engine, edge) = (spicedb().await, edge());
    let from = engine.moment().await.expect("there is a moment");
    engine.grant(std::slice::from_ref(&edge)).await.expect("it is granted");
    let (_watcher, mut told) = watch(&edge, &engine, Some(from));
    assert_eq!(next(&mut told).await, Told::Changed(Turn::Added, edge.clone()));
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let (cable, edge) = (Cable::new().await, edge());
    cable.cut();
    let engine = SpiceDb::new(&cable.settings()).expect("these settings can be meant");
    let (_watcher, mut told) = watch(&edge, &engine, None);
    assert_eq!(next(&mut told).await, Told::Interrupted);
    cable.mend();
    while next(&mut told).await != Told::Missed {}
    spicedb().await.grant(std::slice::from_ref(&edge)).await.expect("it is granted");
    assert_eq!(next(&mut told).await, Told::Changed(Turn::Added, edge.clone()));
}
