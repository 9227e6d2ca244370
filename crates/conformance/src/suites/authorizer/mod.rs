//! What every authorization engine must do. Needs nothing but the engine.

pub(super) mod agreement;
mod batches;
mod concurrency;
mod holders;
mod roles;
mod writes;

use crate::fresh;
use authz::{
    Action, ActionSet, Authorizer, Check, Consistency, Kind, Principal, Registration, Relation, Relationship,
    ResourceRef,
};
use std::sync::Arc;

suite! { $ authorizer(Arc<dyn Authorizer>) {
    roles: [
        every_relation_allows_what_the_schema_says,
        relations_add_up,
        registering_gives_the_owner_what_owners_may_do,
        an_owner_who_left_the_tenant_loses_what_is_gated,
        another_tenant_does_not_count,
        a_namesake_of_a_tenant_is_no_tenant,
        an_agent_runs_itself_and_its_own_tasks,
        what_is_allowed_on_an_agent_is_allowed_on_its_keys,
        two_parents_do_not_add_up,
        the_tenant_that_counts_is_that_of_the_agent,
        only_what_inherits_inherits,
        only_what_was_asked_is_answered,
        an_unknown_resource_allows_nothing,
        kinds_are_told_apart,
        ids_are_opaque,
    ],
    writes: [
        registering_twice_changes_nothing,
        registering_keeps_what_was_granted,
        deregistering_forgets_one_resource_and_no_other,
        granting_and_revoking_twice_change_nothing,
        granting_or_revoking_nothing_is_fine,
        revoking_takes_effect_at_once,
    ],
    batches: [
        answers_come_in_order_and_duplicates_are_answered_each,
        no_checks_have_no_answers,
        a_thousand_checks_have_a_thousand_answers,
    ],
    concurrency: [
        everybody_gets_their_own_answers,
        nobody_is_answered_from_before_they_asked,
        a_caller_who_goes_away_takes_nobody_along,
        writers_of_the_same_relationships_do_not_fail_each_other,
    ],
    holders: [
        holders_are_those_with_a_role_sorted_and_in_order,
        holders_follow_every_change,
    ],
    agreement: [lookup_finds_exactly_what_check_allows],
} }

type Engine = Arc<dyn Authorizer>;

const EVERY_ACTION: ActionSet = ActionSet::all();

/// How reads ask. Whoever keeps answers for them must let go of what is written through it.
const READ: &Consistency = &Consistency::MinimizeLatency;

fn somebody() -> Principal {
    Principal::user(fresh("user"))
}

fn something(kind: Kind) -> ResourceRef {
    ResourceRef { kind, id: fresh(kind.as_str()).into() }
}

fn everything_on(resource: &ResourceRef) -> Check {
    Check { resource: resource.clone(), actions: EVERY_ACTION }
}

fn held(resource: &ResourceRef, relation: Relation, subject: &Principal) -> Relationship {
    Relationship::held(resource.clone(), relation, subject)
}

fn lives_in(resource: &ResourceRef, tenant: &ResourceRef) -> Relationship {
    Relationship::between(resource.clone(), Relation::Tenant, tenant)
}

/// All that `principal` may do to `resource`.
async fn may_do(engine: &Engine, principal: &Principal, resource: &ResourceRef) -> ActionSet {
    let decisions = engine.check(principal, &[everything_on(resource)], READ).await.unwrap();
    assert_eq!(decisions.len(), 1);
    decisions[0].allowed
}

/// What the schema lets holders of one relation do to a resource.
fn allowed(kind: Kind, relation: Relation, inside: bool) -> ActionSet {
    authz::schema::allowed(kind, relation.into(), inside)
}

/// A tenant with a member, and a task of theirs on an agent.
struct Registered {
    tenant: ResourceRef,
    agent: ResourceRef,
    task: ResourceRef,
    owner: Principal,
    registration: Registration,
}

async fn registered(engine: &Engine) -> Registered {
    let (tenant, agent, task) = (something(Kind::Tenant), something(Kind::Agent), something(Kind::Task));
    let owner = somebody();
    engine.grant(&[held(&tenant, Relation::Member, &owner)]).await.unwrap();
    let registration = Registration {
        resource: task.clone(),
        owner: owner.clone(),
        tenant: Arc::clone(&tenant.id),
        parent: Some(agent.clone()),
    };
    engine.register(&registration).await.unwrap();
    Registered { tenant, agent, task, owner, registration }
}

/// Whether `principal` may do `action` to `resource`.
async fn can(engine: &Engine, principal: &Principal, action: Action, resource: &ResourceRef) -> bool {
    let check = Check { resource: resource.clone(), actions: action.into() };
    engine.check(principal, &[check], READ).await.unwrap()[0].allowed.contains(action)
}
