//! Many checks in one call.

use super::{Engine, READ, everything_on, held, registered, something};
use authz::{Action, ActionSet, Check, Kind, Relation};

pub(super) async fn answers_come_in_order_and_duplicates_are_answered_each(engine: &Engine) {
    let (mine, theirs) = (registered(engine).await, registered(engine).await);
    let read = |resource| Check { resource, actions: Action::Read.into() };
    let checks = [
        read(theirs.task.clone()),
        everything_on(&mine.task),
        read(mine.task.clone()),
        read(something(Kind::Task)),
        read(mine.task.clone()),
        Check { resource: mine.tenant.clone(), actions: Action::Create.into() },
        everything_on(&mine.task),
    ];
    let all = authz::schema::allowed(Kind::Task, Relation::Owner.into(), true);
    let (none, read) = (ActionSet::empty(), ActionSet::only(Action::Read));
    let decisions = engine.check(&mine.owner, &checks, READ).await.unwrap();
    let found: Vec<_> = decisions.iter().map(|decision| decision.allowed).collect();
    assert_eq!(found, [none, all, read, none, read, Action::Create.into(), all]);
}

pub(super) async fn no_checks_have_no_answers(engine: &Engine) {
    let r = registered(engine).await;
    assert_eq!(engine.check(&r.owner, &[], READ).await.unwrap(), []);
    assert!(engine.holders(&[]).await.unwrap().is_empty());
}

pub(super) async fn a_thousand_checks_have_a_thousand_answers(engine: &Engine) {
    let r = registered(engine).await;
    let tasks: Vec<_> = (0..1000).map(|_| something(Kind::Task)).collect();
    let every_third: Vec<_> = tasks.iter().step_by(3).map(|task| held(task, Relation::Viewer, &r.owner)).collect();
    engine.grant(&every_third).await.unwrap();
    let checks: Vec<_> = tasks.iter().map(everything_on).collect();
    let decisions = engine.check(&r.owner, &checks, READ).await.unwrap();
    assert_eq!(decisions.len(), 1000);
    for (place, decision) in decisions.iter().enumerate() {
        assert_eq!(decision.allowed.contains(Action::Read), place % 3 == 0, "{place}");
    }
    engine.revoke(&every_third).await.unwrap();
    assert!(engine.check(&r.owner, &checks, READ).await.unwrap().iter().all(|decision| decision.allowed.is_empty()));
}
