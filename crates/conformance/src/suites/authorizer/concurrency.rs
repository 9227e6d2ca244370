//! Many callers at once. An engine may answer them together, but never one for the other, and never
//! with what was true before they asked.

use super::{Engine, READ, allowed, can, everything_on, held, may_do, registered, somebody, something};
use authz::{Action, ActionSet, Kind, Relation};
use futures::{FutureExt as _, future::join_all};
use std::pin::pin;

pub(super) async fn everybody_gets_their_own_answers(engine: &Engine) {
    let worlds = join_all((0..24).map(|_| registered(engine))).await;
    let questions = worlds.iter().flat_map(|mine| worlds.iter().map(move |theirs| (mine, theirs)));
    let found = join_all(questions.map(async |(mine, theirs)| {
        let reads = can(engine, &mine.owner, Action::Read, &theirs.task).await;
        assert_eq!(reads, mine.task == theirs.task);
        reads
    }));
    assert_eq!(found.await.into_iter().filter(|reads| *reads).count(), worlds.len());
}

pub(super) async fn nobody_is_answered_from_before_they_asked(engine: &Engine) {
    let task = something(Kind::Task);
    let task = &task;
    join_all((0..16).map(|_| async move {
        let viewer = somebody();
        let edge = [held(task, Relation::Viewer, &viewer)];
        for _ in 0..8 {
            engine.grant(&edge).await.unwrap();
            assert!(can(engine, &viewer, Action::Read, task).await);
            engine.revoke(&edge).await.unwrap();
            assert!(!can(engine, &viewer, Action::Read, task).await);
        }
    }))
    .await;
}

pub(super) async fn a_caller_who_goes_away_takes_nobody_along(engine: &Engine) {
    let r = registered(engine).await;
    let (r, check) = (&r, [everything_on(&r.task)]);
    let check = &check;
    for round in 0..8 {
        let staying = join_all((0..8).map(|_| may_do(engine, &r.owner, &r.task)));
        let leaving = async {
            let mut asked = pin!(engine.check(&r.owner, check, READ));
            for _ in 0..round {
                if asked.as_mut().now_or_never().is_some() {
                    return;
                }
            }
        };
        let ((), stayed) = futures::join!(leaving, staying);
        assert!(stayed.iter().all(|found| *found == allowed(Kind::Task, Relation::Owner, true)));
    }
}

/// In different orders, so that an engine that locks as it goes would meet itself.
pub(super) async fn writers_of_the_same_relationships_do_not_fail_each_other(engine: &Engine) {
    let r = registered(engine).await;
    let r = &r;
    let edges: Vec<_> = (0..12).map(|_| held(&r.task, Relation::Viewer, &somebody())).collect();
    let edges = &edges;
    join_all((0..24).map(|place| async move {
        let mut edges = edges.clone();
        edges.rotate_left(place % 12);
        match place % 4 {
            0 => drop(engine.register(&r.registration).await.unwrap()),
            1 => drop(engine.grant(&edges).await.unwrap()),
            2 => drop(engine.revoke(&edges).await.unwrap()),
            _ => drop(engine.deregister(&r.task).await.unwrap()),
        }
    }))
    .await;
    engine.deregister(&r.task).await.unwrap();
    assert_eq!(may_do(engine, &r.owner, &r.task).await, ActionSet::empty());
}
