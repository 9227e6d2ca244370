//! Look-ups and checks must say the same. What an engine leaves to the store to join with is compared
//! with the rule here, and with checks by the store suites.

use super::{Engine, READ, held, lives_in, something};
use crate::{dice::Dice, found::Sought, fresh};
use authz::{Action, Check, Id, Kind, Principal, Registration, Relation, Relationship, ResourceRef, Role};
use std::{collections::BTreeSet, sync::Arc};

pub(super) async fn lookup_finds_exactly_what_check_allows(engine: &Engine) {
    for seed in 0..3 {
        let world = random(engine, &mut Dice::new(seed)).await;
        for principal in &world.principals {
            for kind in Kind::ALL.iter().copied() {
                for action in enumset::EnumSet::<Action>::all() {
                    agrees(engine, &world, principal, kind, action).await;
                }
            }
        }
    }
}

pub(in crate::suites) struct Random {
    pub(in crate::suites) principals: Vec<Principal>,
    pub(in crate::suites) resources: Vec<ResourceRef>,
}

/// Two tenants, people and agents in one, both or none of them, and tasks and keys with roles thrown about.
pub(in crate::suites) async fn random(engine: &Engine, dice: &mut Dice) -> Random {
    let tenants = [something(Kind::Tenant), something(Kind::Tenant)];
    let agents = [something(Kind::Agent), something(Kind::Agent)];
    let mut principals: Vec<_> = (0..4).map(|_| Principal::user(fresh("user"))).collect();
    principals.push(Principal::service_account(fresh("bot")));
    let people = principals.clone();
    let mut resources: Vec<_> = tenants.iter().chain(&agents).cloned().collect();
    resources.extend((0..12).map(|_| something(Kind::Task)));
    resources.extend((0..8).map(|_| something(Kind::ApiKey)));
    for resource in &resources[tenants.len()..] {
        let parent = (resource.kind != Kind::Agent).then(|| dice.pick(&agents).clone());
        let tenant = Arc::clone(&dice.pick(&tenants).id);
        let owner = dice.pick(&people).clone();
        engine.register(&Registration { resource: resource.clone(), owner, tenant, parent }).await.unwrap();
    }
    let mut edges = Vec::new();
    for _ in 0..40 {
        let resource = &resources[tenants.len() + dice.below(resources.len() - tenants.len())];
        let roles = [Role::Owner, Role::Editor, Role::Viewer];
        // Of a key there are owners only.
        let role = *dice.pick(if resource.kind == Kind::ApiKey { &roles[..1] } else { &roles });
        edges.push(held(resource, role.relation(), dice.pick(&people)));
    }
    for _ in 0..5 {
        let relation = *dice.pick(&[Relation::Member, Relation::Admin]);
        edges.push(held(dice.pick(&tenants), relation, dice.pick(&people)));
    }
    edges.push(lives_in(&resources[tenants.len()], &tenants[0]));
    let key = resources.last().unwrap().clone();
    edges.extend(agents.iter().map(|agent| Relationship::between(key.clone(), Relation::ParentAgent, agent)));
    engine.grant(&edges).await.unwrap();
    let gone: Vec<_> = edges.into_iter().step_by(4).collect();
    engine.revoke(&gone).await.unwrap();
    principals.extend(agents.iter().map(|agent| Principal::agent(&Id::new(Arc::clone(&agent.id)))));
    Random { principals, resources }
}

async fn agrees(engine: &Engine, world: &Random, principal: &Principal, kind: Kind, action: Action) {
    let resources = || world.resources.iter().filter(|resource| resource.kind == kind);
    let checks: Vec<_> =
        resources().map(|resource| Check { resource: resource.clone(), actions: action.into() }).collect();
    let decisions = engine.check(principal, &checks, READ).await.unwrap();
    let allowed = resources().zip(&decisions).filter(|(_, decision)| decision.allowed.contains(action));
    let expected: BTreeSet<_> = allowed.map(|(resource, _)| Arc::clone(&resource.id)).collect();
    let sought = Sought { principal, kind, action, among: &world.resources, expected: &expected };
    sought.is_found(engine, READ).await.unwrap();
}
