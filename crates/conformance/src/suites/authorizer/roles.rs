//! Who may do what: the schema, as the engine sees it.

use super::{EVERY_ACTION, Engine, READ, allowed, can, held, lives_in, may_do, registered, somebody, something};
use crate::fresh;
use authz::{
    Action, ActionSet, Check, Id, Kind, Principal, PrincipalKind, Registration, Relation, Relationship, ResourceRef,
    schema::{self, RULES, Rule},
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
        (Kind::Agent | Kind::ApiKey, _) | (_, Relation::Admin) => &[User, ServiceAccount],
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

/// An API key of an agent in a tenant, and that agent.
async fn a_key(engine: &Engine, tenant: &ResourceRef) -> (ResourceRef, ResourceRef) {
    let (key, agent) = (something(Kind::ApiKey), something(Kind::Agent));
    let of_agent =
        Registration { resource: agent.clone(), owner: somebody(), tenant: Arc::clone(&tenant.id), parent: None };
    engine.register(&of_agent).await.unwrap();
    engine.register(&Registration { resource: key.clone(), parent: Some(agent.clone()), ..of_agent }).await.unwrap();
    (key, agent)
}

pub(super) async fn what_is_allowed_on_an_agent_is_allowed_on_its_keys(engine: &Engine) {
    let tenant = something(Kind::Tenant);
    let (key, agent) = a_key(engine, &tenant).await;
    let (other_key, _) = a_key(engine, &tenant).await;
    for (relation, subject) in relations_of(Kind::Agent) {
        for inside in [true, false] {
            let principal = Principal::new(subject, fresh("subject"));
            engine.grant(&[held(&agent, relation, &principal)]).await.unwrap();
            if inside {
                engine.grant(&[held(&tenant, Relation::Member, &principal)]).await.unwrap();
            }
            let expected = schema::inherited(Kind::ApiKey, allowed(Kind::Agent, relation, inside));
            assert_eq!(may_do(engine, &principal, &key).await, expected, "{relation:?}, inside: {inside}");
            assert_eq!(may_do(engine, &principal, &other_key).await, ActionSet::empty());
            let check = Check { resource: key.clone(), actions: Action::Delete.into() };
            let asked = engine.check(&principal, &[check], READ).await.unwrap()[0].allowed;
            assert_eq!(asked, expected & Action::Delete, "only what was asked is answered");
            engine.revoke(&[held(&agent, relation, &principal)]).await.unwrap();
            assert_eq!(may_do(engine, &principal, &key).await, ActionSet::empty());
        }
    }
}

/// An editor of one parent who is inside the tenant of the other may do nothing by way of either.
pub(super) async fn two_parents_do_not_add_up(engine: &Engine) {
    let (here, there, editor) = (something(Kind::Tenant), something(Kind::Tenant), somebody());
    let (key, near) = a_key(engine, &here).await;
    let (_, far) = a_key(engine, &there).await;
    let up = Relationship::between(key.clone(), Relation::ParentAgent, &far);
    let edges = [up, held(&near, Relation::Editor, &editor), held(&there, Relation::Member, &editor)];
    engine.grant(&edges).await.unwrap();
    assert_eq!(may_do(engine, &editor, &key).await, ActionSet::empty());
    engine.grant(&[held(&far, Relation::Editor, &editor)]).await.unwrap();
    assert_eq!(may_do(engine, &editor, &key).await, Action::Read | Action::Delete);
}

/// Neither the agent's tenant nor the key's stands in for the other.
pub(super) async fn the_tenant_that_counts_is_that_of_the_agent(engine: &Engine) {
    let (of_key, of_agent) = (something(Kind::Tenant), something(Kind::Tenant));
    let (key, agent) = a_key(engine, &of_agent).await;
    let editor = somebody();
    let edges = [held(&agent, Relation::Editor, &editor), held(&of_key, Relation::Member, &editor)];
    engine.grant(&edges).await.unwrap();
    engine.grant(&[lives_in(&key, &of_key)]).await.unwrap();
    assert_eq!(may_do(engine, &editor, &key).await, ActionSet::empty());
    engine.grant(&[held(&of_agent, Relation::Member, &editor)]).await.unwrap();
    assert_eq!(may_do(engine, &editor, &key).await, Action::Read | Action::Delete);
}

/// A principal whose id happens to be that of a parent is no parent, and a task has none to inherit from.
pub(super) async fn only_what_inherits_inherits(engine: &Engine) {
    let r = registered(engine).await;
    let parent = Registration { resource: r.agent.clone(), parent: None, ..r.registration.clone() };
    engine.register(&parent).await.unwrap();
    let editor = somebody();
    engine
        .grant(&[held(&r.agent, Relation::Editor, &editor), held(&r.tenant, Relation::Member, &editor)])
        .await
        .unwrap();
    assert_eq!(may_do(engine, &editor, &r.task).await, ActionSet::empty());
    let key = something(Kind::ApiKey);
    let namesake = Principal::user(Arc::clone(&r.agent.id));
    // The schema has no place for it: an engine may refuse it, and must make nothing of it.
    drop(engine.grant(&[held(&key, Relation::ParentAgent, &namesake)]).await);
    assert_eq!(may_do(engine, &editor, &key).await, ActionSet::empty());
}

pub(super) async fn only_what_was_asked_is_answered(engine: &Engine) {
    let r = registered(engine).await;
    for asked in [ActionSet::empty(), Action::Delete.into(), Action::Read | Action::Create] {
        let check = Check { resource: r.task.clone(), actions: asked };
        let decisions = engine.check(&r.owner, &[check], READ).await.unwrap();
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
