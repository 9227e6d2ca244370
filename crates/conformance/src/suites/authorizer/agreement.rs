//! Look-ups and checks must say the same. What an engine leaves to the store to join with is compared
//! with the rule here, and with checks by the store suites.

use super::{Engine, READ, held, lives_in, something};
use crate::{dice::Dice, fresh};
use authz::{
    Action, Beside, Check, Extent, Id, Kind, Lookup, Principal, Registration, Relation, Relationship, ResourceRef,
    Role, schema,
};
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

struct Random {
    principals: Vec<Principal>,
    resources: Vec<ResourceRef>,
}

/// Two tenants, people and agents in one, both or none of them, and tasks and keys with roles thrown about.
async fn random(engine: &Engine, dice: &mut Dice) -> Random {
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
    let id = |resource: &ResourceRef| Arc::clone(&resource.id);
    let allowed = resources().zip(&decisions).filter(|(_, decision)| decision.allowed.contains(action));
    let allowed: BTreeSet<_> = allowed.map(|(resource, _)| id(resource)).collect();
    // Named whole, or not at all: nothing is cut, whatever the bound.
    let bounds = [None, Some(0), Some(1), Some(2), Some(allowed.len()), Some(allowed.len() + 1)];
    for most in bounds {
        let few = |count: usize| most.is_none_or(|most| count <= most);
        let found = match engine.lookup(principal, kind, action, most, READ).await.unwrap() {
            Lookup::TooMany if few(allowed.len()) => panic!("{} are more than {most:?}", allowed.len()),
            Lookup::TooMany => continue,
            Lookup::Within(Extent::Everything) => panic!("{principal} is not the master of everything"),
            Lookup::Within(Extent::Asked(_)) => panic!("an engine has nobody to ask"),
            Lookup::Within(Extent::Ids(ids)) if few(ids.len()) => ids.as_ref().clone(),
            Lookup::Within(Extent::Ids(ids)) => panic!("{} are more than {most:?}", ids.len()),
            Lookup::Within(Extent::Where(holds)) => resources().map(id).filter(|id| holds(id)).collect(),
            Lookup::Within(Extent::Beside(beside)) => return is_the_rule(&beside, principal, kind, action),
        };
        assert_eq!(found, allowed, "{action} on {kind} by {principal}");
    }
}

fn is_the_rule(beside: &Beside, principal: &Principal, kind: Kind, action: Action) {
    let of = |rule: &schema::Rule, parent| Beside {
        principal: principal.clone(),
        free: rule.free.to_vec(),
        gated: rule.gated.to_vec(),
        parent,
    };
    let rule = schema::rule(kind, action).unwrap_or_else(|| panic!("there is no `{action}` on `{kind}`"));
    let parent = rule.inherited.map(|action| schema::rule(Kind::Agent, action).unwrap());
    assert_eq!(*beside, of(rule, parent.map(|rule| Box::new(of(rule, None)))));
}
