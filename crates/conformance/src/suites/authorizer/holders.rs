//! Who holds a role on what.

use super::{Engine, held, registered, something};
use crate::fresh;
use authz::{Holder, Kind, Principal, Relation, Role};

fn holder(role: Role, principal: &Principal) -> Holder {
    Holder { principal: principal.clone(), role }
}

pub(super) async fn holders_are_those_with_a_role_sorted_and_in_order(engine: &Engine) {
    let (one, two) = (registered(engine).await, registered(engine).await);
    let (a, b) = (Principal::user(fresh("a")), Principal::user(fresh("b")));
    let bot = Principal::service_account(fresh("a"));
    let grants = [
        held(&one.task, Relation::Viewer, &bot),
        held(&one.task, Relation::Viewer, &b),
        held(&one.task, Relation::Editor, &a),
        held(&one.task, Relation::Viewer, &a),
    ];
    engine.grant(&grants).await.unwrap();
    // The tenant, the parent agent and the members of the tenant hold no role, and are left out.
    let on_one = vec![
        holder(Role::Editor, &a),
        holder(Role::Viewer, &a),
        holder(Role::Viewer, &b),
        holder(Role::Owner, &one.owner),
        holder(Role::Viewer, &bot),
    ];
    let on_two = vec![holder(Role::Owner, &two.owner)];
    let asked = [two.task.clone(), something(Kind::Task), one.task.clone(), two.task.clone(), one.tenant.clone()];
    let found = engine.holders(&asked).await.unwrap();
    assert!(on_one.is_sorted());
    assert_eq!(found, [on_two.clone(), vec![], on_one, on_two, vec![]]);
}

pub(super) async fn holders_follow_every_change(engine: &Engine) {
    let r = registered(engine).await;
    let editor = Principal::user(fresh("editor"));
    let edge = [held(&r.task, Relation::Editor, &editor)];
    engine.grant(&edge).await.unwrap();
    let found = engine.holders(std::slice::from_ref(&r.task)).await.unwrap();
    assert_eq!(found, [[holder(Role::Editor, &editor), holder(Role::Owner, &r.owner)]]);
    engine.revoke(&edge).await.unwrap();
    let found = engine.holders(std::slice::from_ref(&r.task)).await.unwrap();
    assert_eq!(found, [[holder(Role::Owner, &r.owner)]]);
}
