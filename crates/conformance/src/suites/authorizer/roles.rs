//! Who may do what: the schema, as the engine sees it.

use super::{EVERY_ACTION, Engine, allowed, can, held, lives_in, may_do, registered, somebody, something};
use crate::fresh;
use authz::{
    Action, ActionSet, Check, Id, Kind, Principal, PrincipalKind, Registration, Relation, ResourceRef,
    schema::{RULES, Rule},
};
use enumset::EnumSet;
use std::sync::Arc;

/// The relations that matter on a kind, and who may stand in them.
fn relations_of(kind: Kind) -> impl Iterator<Item = (Relation, PrincipalKind)> {
    let needs =
        move |rule: &Rule, relation| rule.kind == kind && rule.free.iter().chain(rule.gated).any(|r| *r == relation);
    let on_kind =
        EnumSet::<Relation>::all().iter().filter(move |relation| RULES.iter().any(|rule| needs(rule, *relation)));
    on_kind.flat_map(move |relation| subjects_of(kind, relation).iter().map(move |subject| (relation, *subject)))
}

const fn subjects_of(kind: Kind, relation: Relation) -> &'static [PrincipalKind] {
    use PrincipalKind::{Agent, ServiceAccount, User};
    match (kind, relation) {
        (_, Relation::Runtime | Relation::ParentAgent) => &[Agent],
        (Kind::Agent, _) | (_, Relation::Admin) => &[User, ServiceAccount],
        _ => &[User, ServiceAccount, Agent],
    }
}

pub(super) async fn every_relation_allows_what_the_schema_says(engine: &Engine) {
    let tenant = something(Kind::Tenant);
    for kind in Kind::ALL.iter().copied() {
        for (relation, subject) in relations_of(kind) {
            for inside in [true, false] {
                let (resource, principal) = (something(kind), Principal::new(subject, fresh("subject")));
                let mut edges = vec![held(&resource, relation, &principal)];
                if kind != Kind::Tenant {
                    edges.push(lives_in(&resource, &tenant));
                }
                if inside {
                    edges.push(held(&tenant, Relation::Member, &principal));
                }
                engine.grant(&edges).await.unwrap();
                let found = may_do(engine, &principal, &resource).await;
                assert_eq!(found, allowed(kind, relation, inside), "{relation:?} of {kind}, inside: {inside}");
            }
        }
    }
}

pub(super) async fn relations_add_up(engine: &Engine) {
    let (tenant, task, both) = (something(Kind::Tenant), something(Kind::Task), somebody());
    let edges = [held(&task, Relation::Viewer, &both), held(&task, Relation::Editor, &both), lives_in(&task, &tenant)];
    engine.grant(&edges).await.unwrap();
    assert_eq!(may_do(engine, &both, &task).await, ActionSet::only(Action::Read));
    engine.grant(&[held(&tenant, Relation::Admin, &both)]).await.unwrap();
    assert_eq!(may_do(engine, &both, &task).await, Action::Read | Action::Update);
    engine.revoke(&[held(&task, Relation::Editor, &both)]).await.unwrap();
    assert_eq!(may_do(engine, &both, &task).await, ActionSet::only(Action::Read));
}

pub(super) async fn registering_gives_the_owner_what_owners_may_do(engine: &Engine) {
    let r = registered(engine).await;
    assert_eq!(may_do(engine, &r.owner, &r.task).await, allowed(Kind::Task, Relation::Owner, true));
    assert_eq!(may_do(engine, &somebody(), &r.task).await, ActionSet::empty());
    assert_eq!(may_do(engine, &r.owner, &r.agent).await, ActionSet::empty());
}

pub(super) async fn an_owner_who_left_the_tenant_loses_what_is_gated(engine: &Engine) {
    let r = registered(engine).await;
    let membership = [held(&r.tenant, Relation::Member, &r.owner)];
    engine.revoke(&membership).await.unwrap();
    assert_eq!(may_do(engine, &r.owner, &r.task).await, allowed(Kind::Task, Relation::Owner, false));
    assert!(can(engine, &r.owner, Action::Read, &r.task).await);
    assert!(!can(engine, &r.owner, Action::Delete, &r.task).await);
    engine.grant(&membership).await.unwrap();
    assert!(can(engine, &r.owner, Action::Delete, &r.task).await);
}

pub(super) async fn another_tenant_does_not_count(engine: &Engine) {
    let r = registered(engine).await;
    engine.revoke(&[held(&r.tenant, Relation::Member, &r.owner)]).await.unwrap();
    engine.grant(&[held(&something(Kind::Tenant), Relation::Admin, &r.owner)]).await.unwrap();
    assert_eq!(may_do(engine, &r.owner, &r.task).await, allowed(Kind::Task, Relation::Owner, false));
}

/// A tenant whose id happens to be that of somebody with a role is not the tenant of the resource.
pub(super) async fn a_namesake_of_a_tenant_is_no_tenant(engine: &Engine) {
    let (home, namesake, task) = (something(Kind::Tenant), something(Kind::Tenant), something(Kind::Task));
    let owner = Principal::user(Arc::clone(&namesake.id));
    let edges =
        [held(&task, Relation::Owner, &owner), lives_in(&task, &home), held(&namesake, Relation::Member, &owner)];
    engine.grant(&edges).await.unwrap();
    assert_eq!(may_do(engine, &owner, &task).await, allowed(Kind::Task, Relation::Owner, false));
}

pub(super) async fn an_agent_runs_itself_and_its_own_tasks(engine: &Engine) {
    let r = registered(engine).await;
    let parent = Registration { resource: r.agent.clone(), parent: None, ..r.registration.clone() };
    engine.register(&parent).await.unwrap();
    let runtime = Principal::agent(&Id::new(Arc::clone(&r.agent.id)));
    assert_eq!(may_do(engine, &runtime, &r.task).await, allowed(Kind::Task, Relation::ParentAgent, false));
    assert_eq!(may_do(engine, &runtime, &r.agent).await, allowed(Kind::Agent, Relation::Runtime, false));
    let other = Principal::agent(&Id::new(fresh("agent")));
    assert_eq!(may_do(engine, &other, &r.task).await, ActionSet::empty());
    assert_eq!(may_do(engine, &other, &r.agent).await, ActionSet::empty());
}

pub(super) async fn only_what_was_asked_is_answered(engine: &Engine) {
    let r = registered(engine).await;
    for asked in [ActionSet::empty(), Action::Delete.into(), Action::Read | Action::Create] {
        let check = Check { resource: r.task.clone(), actions: asked };
        let decisions = engine.check(&r.owner, &[check]).await.unwrap();
        assert_eq!(decisions[0].allowed, asked & allowed(Kind::Task, Relation::Owner, true));
    }
}

pub(super) async fn an_unknown_resource_allows_nothing(engine: &Engine) {
    let r = registered(engine).await;
    for kind in Kind::ALL.iter().copied() {
        assert_eq!(may_do(engine, &r.owner, &something(kind)).await, ActionSet::empty());
    }
}

pub(super) async fn kinds_are_told_apart(engine: &Engine) {
    let r = registered(engine).await;
    let namesake = ResourceRef { kind: Kind::Agent, id: Arc::clone(&r.task.id) };
    assert_eq!(may_do(engine, &r.owner, &namesake).await, ActionSet::empty());
    for kind in [PrincipalKind::ServiceAccount, PrincipalKind::Agent] {
        let namesake = Principal::new(kind, r.owner.id());
        assert_eq!(may_do(engine, &namesake, &r.task).await & EVERY_ACTION, ActionSet::empty());
    }
}

/// Ids are text, whatever is in it: nothing in them is quoted, cut, folded or matched as a pattern.
pub(super) async fn ids_are_opaque(engine: &Engine) {
    let stem = fresh("id");
    let odd = ["'; --", "{a,\"b\"}", "NULL", "%", "_", "\\", " ", "ä€🦀", "A", "a", "x".repeat(200).as_str()]
        .map(|end| format!("{stem}{end}"));
    for (place, id) in odd.iter().enumerate() {
        let owner = Principal::user(odd[odd.len() - 1 - place].as_str());
        let task = ResourceRef { kind: Kind::Task, id: id.as_str().into() };
        engine.grant(&[held(&task, Relation::Owner, &owner)]).await.unwrap();
    }
    for (place, id) in odd.iter().enumerate() {
        let task = ResourceRef { kind: Kind::Task, id: id.as_str().into() };
        for (other, name) in odd.iter().enumerate() {
            let reads = can(engine, &Principal::user(name.as_str()), Action::Read, &task).await;
            assert_eq!(reads, other == odd.len() - 1 - place, "{name} on {id}");
        }
    }
}
