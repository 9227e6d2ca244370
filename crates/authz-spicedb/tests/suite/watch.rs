//! What is told of changes. Other tests change the same server, so each looks at its own resources only.

use crate::{settings, something, spicedb};
use authz::{
    Action, Authorizer as _, Check, Consistency, ConsistencyToken, Kind, Principal, Registration, Relation,
    Relationship, ResourceRef,
};
use authz_spicedb::{Changes, Settings, SpiceDb, Turn};
use conformance::fresh;
use futures::{Stream, StreamExt as _};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(20);

/// The next of the changes that are about `resource`, in the order told, with the moment.
async fn next(
    changes: &mut (impl Stream<Item = Result<Changes, authz::EngineError>> + Unpin),
    resource: &ResourceRef,
) -> (Vec<(Turn, Relationship)>, ConsistencyToken) {
    let told = async {
        loop {
            let changes = changes.next().await.expect("a watch does not end").expect("a watch does not fail");
            let mine = changes.made.into_iter().filter(|change| change.relationship.resource == *resource);
            let mine: Vec<_> = mine.map(|change| (change.turn, change.relationship)).collect();
            if !mine.is_empty() {
                return (mine, changes.through);
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("changes are told of in time")
}

/// A task, what registering it says, and somebody to show it to.
fn scene() -> (Registration, Relationship) {
    let (task, owner, tenant) = (something(Kind::Task), Principal::user(fresh("owner")), fresh("tenant"));
    let viewer = Relationship::held(task.clone(), Relation::Viewer, &Principal::user("an odd id: \u{1f980}"));
    (Registration { resource: task, owner, tenant: tenant.into(), parent: Some(something(Kind::Agent)) }, viewer)
}

#[tokio::test]
async fn every_write_is_told_in_order_and_whole() {
    let engine = spicedb().await;
    let (registration, viewer) = scene();
    let task = &registration.resource;
    let mut changes = engine.watch(Some(&engine.moment().await.expect("there is a moment")));
    engine.register(&registration).await.expect("it is registered");
    engine.grant(std::slice::from_ref(&viewer)).await.expect("it is granted");
    engine.revoke(std::slice::from_ref(&viewer)).await.expect("it is revoked");
    engine.deregister(task).await.expect("it is deregistered");
    let all = |turn: Turn| registration.relationships().into_iter().map(|edge| (turn, edge)).collect::<BTreeSet<_>>();
    let mut moments = Vec::new();
    for expected in [
        all(Turn::Added),
        BTreeSet::from([(Turn::Added, viewer.clone())]),
        BTreeSet::from([(Turn::Removed, viewer)]),
        all(Turn::Removed),
    ] {
        let (told, moment) = next(&mut changes, task).await;
        assert_eq!(told.len(), expected.len());
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
        moments.push(moment);
    }
    // Each moment is one of its own, at which what was told of is known.
    let check = [Check { resource: task.clone(), actions: Action::Read.into() }];
    for (place, moment) in moments.iter().enumerate() {
        assert!(!moments[..place].contains(moment));
        let fresh = Consistency::AtLeastAsFresh(moment.clone());
        assert!(engine.check(&registration.owner, &check, &fresh).await.is_ok());
    }
}

#[tokio::test]
async fn watching_on_from_a_moment_tells_all_that_came_later_and_nothing_else() {
    let engine = spicedb().await;
    let (registration, viewer) = scene();
    let task = &registration.resource;
    let mut before = engine.watch(Some(&engine.moment().await.expect("there is a moment")));
    engine.register(&registration).await.expect("it is registered");
    let (_, moment) = next(&mut before, task).await;
    drop(before);
    // Nobody watches.
    engine.grant(std::slice::from_ref(&viewer)).await.expect("it is granted");
    engine.deregister(task).await.expect("it is deregistered");
    let mut after = engine.watch(Some(&moment));
    assert_eq!(next(&mut after, task).await.0, [(Turn::Added, viewer)]);
    let (gone, _) = next(&mut after, task).await;
    assert_eq!(gone.len(), registration.relationships().len() + 1);
    assert!(gone.iter().all(|(turn, _)| *turn == Turn::Removed));
}

/// Without a moment it begins about now: whatever is written once something was told is told.
#[tokio::test]
async fn watching_from_now_tells_what_is_written_from_now_on() {
    let engine = spicedb().await;
    let (registration, viewer) = scene();
    let task = registration.resource.clone();
    let mut changes = engine.watch(None);
    let writer = engine.clone();
    let writing = tokio::spawn(async move {
        // The server does not say when it has begun to listen.
        loop {
            writer.grant(std::slice::from_ref(&viewer)).await.expect("it is granted");
            writer.revoke(std::slice::from_ref(&viewer)).await.expect("it is revoked");
        }
    });
    let (told, _) = next(&mut changes, &task).await;
    writing.abort();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_watched_is_a_failure_and_no_transient_one() {
    let engine = spicedb().await;
    let stranger = SpiceDb::new(&Settings { token: Some("nobody's".into()), ..settings() }).expect("it can be meant");
    let nonsense = ConsistencyToken::new(Arc::from("no moment that ever was"));
    let now = engine.moment().await.expect("there is a moment");
    for (engine, from) in [(&engine, &nonsense), (&stranger, &now)] {
        let mut changes = engine.watch(Some(from));
        let first = tokio::time::timeout(PATIENCE, changes.next()).await.expect("it fails in time");
        let error = first.expect("it says why").expect_err("it is a failure");
        assert!(!error.is_transient(), "{error:?}");
        assert!(changes.next().await.is_none(), "nothing comes behind a failure");
    }
}
