//! Registering, deregistering, granting and revoking.

use super::{Engine, allowed, can, held, may_do, registered, somebody, something};
use authz::{Action, ActionSet, Id, Kind, Principal, Registration, Relation};
use std::sync::Arc;

pub(super) async fn registering_twice_changes_nothing(engine: &Engine) {
    let r = registered(engine).await;
    let before = engine.holders(std::slice::from_ref(&r.task)).await.unwrap();
    engine.register(&r.registration).await.unwrap();
    assert_eq!(engine.holders(std::slice::from_ref(&r.task)).await.unwrap(), before);
    assert_eq!(may_do(engine, &r.owner, &r.task).await, allowed(Kind::Task, Relation::Owner, true));
}

pub(super) async fn registering_keeps_what_was_granted(engine: &Engine) {
    let r = registered(engine).await;
    let viewer = somebody();
    engine.grant(&[held(&r.task, Relation::Viewer, &viewer)]).await.unwrap();
    engine.register(&r.registration).await.unwrap();
    assert!(can(engine, &viewer, Action::Read, &r.task).await);
}

pub(super) async fn deregistering_forgets_one_resource_and_no_other(engine: &Engine) {
    let r = registered(engine).await;
    let (sibling, viewer) = (something(Kind::Task), somebody());
    engine.register(&Registration { resource: sibling.clone(), ..r.registration.clone() }).await.unwrap();
    engine.grant(&[held(&r.task, Relation::Viewer, &viewer)]).await.unwrap();
    for _ in 0..2 {
        engine.deregister(&r.task).await.unwrap();
        for principal in [&r.owner, &viewer, &Principal::agent(&Id::new(Arc::clone(&r.agent.id)))] {
            assert_eq!(may_do(engine, principal, &r.task).await, ActionSet::empty());
        }
        assert_eq!(engine.holders(std::slice::from_ref(&r.task)).await.unwrap(), [[]]);
        assert_eq!(may_do(engine, &r.owner, &sibling).await, allowed(Kind::Task, Relation::Owner, true));
    }
    engine.register(&r.registration).await.unwrap();
    assert!(!can(engine, &viewer, Action::Read, &r.task).await, "a grant came back from the dead");
}

pub(super) async fn granting_and_revoking_twice_change_nothing(engine: &Engine) {
    let r = registered(engine).await;
    let viewer = somebody();
    let edges = [held(&r.task, Relation::Viewer, &viewer), held(&r.task, Relation::Owner, &r.owner)];
    for _ in 0..2 {
        engine.grant(&[edges[0].clone(), edges[0].clone(), edges[1].clone()]).await.unwrap();
        assert!(can(engine, &viewer, Action::Read, &r.task).await);
    }
    for _ in 0..2 {
        engine.revoke(&[edges[0].clone(), edges[0].clone()]).await.unwrap();
        assert!(!can(engine, &viewer, Action::Read, &r.task).await);
        assert!(can(engine, &r.owner, Action::Read, &r.task).await);
    }
}

pub(super) async fn granting_or_revoking_nothing_is_fine(engine: &Engine) {
    engine.grant(&[]).await.unwrap();
    engine.revoke(&[]).await.unwrap();
}

pub(super) async fn revoking_takes_effect_at_once(engine: &Engine) {
    let r = registered(engine).await;
    let viewer = somebody();
    let edge = [held(&r.task, Relation::Viewer, &viewer)];
    for _ in 0..20 {
        engine.grant(&edge).await.unwrap();
        assert!(can(engine, &viewer, Action::Read, &r.task).await);
        engine.revoke(&edge).await.unwrap();
        assert!(!can(engine, &viewer, Action::Read, &r.task).await);
    }
}
