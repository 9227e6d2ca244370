//! Copying from one engine into another while both are used.

use crate::engines::{KINDS, Stage, name, registration, task, viewer};
use async_trait::async_trait;
use authz::{Authorizer, EngineError, Kind, Principal, Relation, Relationship, RelationshipScan, ResourceRef};
use authz_graph::MemoryGraph;
use authz_router::{Copied, Copying};
use std::{collections::BTreeSet, sync::Mutex};

async fn every(graph: &MemoryGraph) -> BTreeSet<Relationship> {
    let mut every = BTreeSet::new();
    for kind in KINDS {
        every.extend(RelationshipScan::page(graph, kind, None, u32::MAX).await.unwrap());
    }
    every
}

/// Copies all that a source has into `b`, and adds up.
async fn copy(stage: &Stage, source: &dyn RelationshipScan, account: Option<&str>, pretend: bool) -> Copied {
    let (to, routes) = (name("b"), stage.router.routes());
    let copying = Copying { source, target: &stage.b.graph, to: &to, routes: &routes, account, pretend };
    let mut total = Copied::default();
    for kind in KINDS {
        let mut after = None;
        while let Some(step) = copying.step(kind, after.as_deref()).await.unwrap() {
            total.resources += step.resources;
            total.left += step.left;
            total.relationships += step.relationships;
            total.removed += step.removed;
            after = Some(step.last);
        }
    }
    total
}

async fn fill(graph: &MemoryGraph) {
    for account in ["acme", "zeta"] {
        let tenant = ResourceRef { kind: Kind::Tenant, id: account.into() };
        graph.grant(&[Relationship::held(tenant, Relation::Member, &Principal::user("owner"))]).await.unwrap();
        for n in 0..450 {
            let id = format!("{account}-{n}");
            graph.register(&registration(account, &id)).await.unwrap();
            graph.grant(&[viewer(&task(&id), "ann")]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_copy_is_whole_and_repeating_it_changes_nothing() {
    let stage = Stage::new(&[("all", "a/b")]);
    fill(&stage.a.graph).await;
    let pretended = copy(&stage, &stage.a.graph, None, true).await;
    assert_eq!((pretended.resources, pretended.relationships), (902, 902 + 2 * 450 * 4 - 900));
    assert!(every(&stage.b.graph).await.is_empty(), "it was only counted");
    for _ in 0..2 {
        let copied = copy(&stage, &stage.a.graph, None, false).await;
        assert_eq!(copied, pretended);
        assert_eq!(every(&stage.b.graph).await, every(&stage.a.graph).await);
    }
}

#[tokio::test]
async fn one_account_is_copied_by_itself() {
    let stage = Stage::new(&[]);
    fill(&stage.a.graph).await;
    let copied = copy(&stage, &stage.a.graph, Some("acme"), false).await;
    assert_eq!((copied.resources, copied.left), (451, 0));
    assert!(every(&stage.b.graph).await.iter().all(|edge| edge.resource.id.starts_with("acme")));
}

#[tokio::test]
async fn a_role_that_only_the_target_knows_is_taken_away() {
    let stage = Stage::new(&[("all", "a/b")]);
    fill(&stage.a.graph).await;
    copy(&stage, &stage.a.graph, None, false).await;
    stage.a.graph.revoke(&[viewer(&task("acme-7"), "ann")]).await.unwrap();
    let pretended = copy(&stage, &stage.a.graph, None, true).await;
    assert_eq!(pretended.removed, 1);
    assert_eq!(copy(&stage, &stage.a.graph, None, false).await.removed, 1);
    assert_eq!(every(&stage.b.graph).await, every(&stage.a.graph).await);
}

#[tokio::test]
async fn what_the_target_answers_for_is_left_alone() {
    let stage = Stage::new(&[("task of acme", "b")]);
    fill(&stage.a.graph).await;
    stage.b.graph.grant(&[viewer(&task("acme-1"), "new")]).await.unwrap();
    let copied = copy(&stage, &stage.a.graph, None, false).await;
    assert_eq!((copied.resources, copied.left, copied.removed), (452, 450, 0));
    assert!(every(&stage.b.graph).await.contains(&viewer(&task("acme-1"), "new")));
}

/// A source in which something changes right after it was read.
struct Moving {
    graph: MemoryGraph,
    /// What is written and removed behind each of the next reads.
    turns: Mutex<Vec<(Option<Relationship>, Option<Relationship>)>>,
}

#[async_trait]
impl RelationshipScan for Moving {
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Relationship>, EngineError> {
        let page = RelationshipScan::page(&self.graph, kind, after, limit).await?;
        let turn = if kind == Kind::Task { self.turns.lock().unwrap().pop() } else { None };
        if let Some((added, removed)) = turn {
            self.graph.grant(&added.into_iter().collect::<Vec<_>>()).await?;
            self.graph.revoke(&removed.into_iter().collect::<Vec<_>>()).await?;
        }
        Ok(page)
    }
}

#[tokio::test]
async fn what_changes_while_it_is_copied_is_copied_as_it_is_in_the_end() {
    let stage = Stage::new(&[("all", "a/b")]);
    let graph = stage.a.graph.clone();
    graph.register(&registration("acme", "t")).await.unwrap();
    let edges = ["ann", "bob", "eve"].map(|who| viewer(&task("t"), who));
    graph.grant(&edges).await.unwrap();
    let [ann, bob, _] = edges;
    // The last comes first.
    let turns = vec![(Some(bob.clone()), None), (Some(ann.clone()), Some(bob)), (None, Some(ann))];
    let source = Moving { graph: graph.clone(), turns: Mutex::new(turns) };
    copy(&stage, &source, None, false).await;
    assert!(source.turns.lock().unwrap().is_empty(), "all of it came in between");
    assert_eq!(every(&stage.b.graph).await, every(&graph).await);
}
