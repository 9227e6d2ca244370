//! Explanations are what the rules say, in many random worlds: each path is enough by itself and none is longer than
//! need be, and where there is none the engine denies.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a case fails by panicking")]

use authz::{
    Action, Authorizer, Check, Consistency, Explainer, Id, Kind, Principal, Relation, Relationship, ResourceRef,
};
use authz_graph::MemoryGraph;
use conformance::{Dice, suites::explanations::verdicts};
use enumset::EnumSet;
use std::sync::Arc;

const NOW: &Consistency = &Consistency::FullyConsistent;

#[tokio::test]
async fn explanations_and_decisions_agree_in_many_worlds() {
    let graph = MemoryGraph::new();
    let explainer = Explainer { engine: Arc::new(graph.clone()), reader: Some(Arc::new(graph)) };
    let mut allowed = 0;
    for seed in 0..100 {
        allowed += verdicts(&explainer, seed, 300).await;
    }
    assert!((3_000..27_000).contains(&allowed), "{allowed} of 30,000 are allowed");
}

async fn allows(edges: &[Relationship], principal: &Principal, action: Action, resource: &ResourceRef) -> bool {
    let graph = MemoryGraph::new();
    graph.grant(edges).await.unwrap();
    let check = Check { resource: resource.clone(), actions: action.into() };
    graph.check(principal, &[check], NOW).await.unwrap()[0].allowed.contains(action)
}

/// Few of everything, and whatever relation between any two of them, whether the schema has it or not.
fn thrown_about(dice: &mut Dice) -> Vec<Relationship> {
    let relations: Vec<_> = EnumSet::<Relation>::all().iter().collect();
    let things: Vec<_> = Kind::ALL.iter().flat_map(|kind| ["a", "b"].map(|id| (*kind, id))).collect();
    let thing = |dice: &mut Dice| {
        let (kind, id) = *dice.pick(&things);
        ResourceRef { kind, id: id.into() }
    };
    (0..40)
        .map(|_| {
            let (resource, relation) = (thing(dice), *dice.pick(&relations));
            if dice.below(2) == 0 {
                Relationship::between(resource, relation, &thing(dice))
            } else {
                Relationship::held(resource, relation, dice.pick(&people()))
            }
        })
        .collect()
}

fn people() -> [Principal; 4] {
    [Principal::user("a"), Principal::user("b"), Principal::service_account("a"), Principal::agent(&Id::new("a"))]
}

#[tokio::test]
async fn every_path_is_enough_and_nothing_on_it_is_needless() {
    let (mut paths, mut denied) = (0, 0);
    for seed in 0..60 {
        let edges = thrown_about(&mut Dice::new(seed));
        let graph = MemoryGraph::new();
        graph.grant(&edges).await.unwrap();
        let explainer = Explainer { engine: Arc::new(graph.clone()), reader: Some(Arc::new(graph)) };
        for principal in people() {
            for (kind, action) in authz::schema::RULES.iter().map(|rule| (rule.kind, rule.action)) {
                let resource = ResourceRef { kind, id: "a".into() };
                let told = explainer.explain(&principal, action, &resource).await.unwrap();
                assert!(!told.disagrees(), "{told:?} of {edges:?}");
                denied += usize::from(!told.allowed);
                for path in told.reasons.unwrap().paths {
                    paths += 1;
                    assert!(path.iter().all(|edge| edges.contains(edge)), "{path:?}");
                    assert!(allows(&path, &principal, action, &resource).await, "{path:?} is not enough");
                    for needed in 0..path.len() {
                        let mut less = path.clone();
                        less.remove(needed);
                        assert!(!allows(&less, &principal, action, &resource).await, "{path:?}: {needed} is needless");
                    }
                }
            }
        }
    }
    assert!(paths > 200 && denied > 200, "{paths} paths, {denied} denials");
}

/// An engine that decides otherwise than its relationships say is found out, and one that cannot be read says no more
/// than what it decides.
#[tokio::test]
async fn a_decision_that_the_relationships_do_not_bear_out_is_told() {
    let (read, asked) = (MemoryGraph::new(), MemoryGraph::new());
    let (owner, task) = (Principal::user("olga"), ResourceRef { kind: Kind::Task, id: "t".into() });
    let edge = Relationship::held(task.clone(), Relation::Viewer, &owner);
    asked.grant(&[edge]).await.unwrap();
    let (engine, reader) = (Arc::new(asked), Arc::new(read));
    let lying = Explainer { engine: engine.clone(), reader: Some(reader.clone()) };
    let explained = lying.explain(&owner, Action::Read, &task).await.unwrap();
    assert!(explained.allowed && explained.disagrees());
    let other = Explainer { engine: reader, reader: Some(engine.clone()) };
    let explained = other.explain(&owner, Action::Read, &task).await.unwrap();
    assert!(!explained.allowed && explained.disagrees());
    let silent = Explainer { engine, reader: None };
    let explained = silent.explain(&owner, Action::Read, &task).await.unwrap();
    assert!(explained.allowed && explained.reasons.is_none() && !explained.disagrees());
}
