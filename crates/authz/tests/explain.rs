//! What operators are told, in words. That explanations and decisions agree is the engines' suite's to show.
#![expect(clippy::unwrap_used, reason = "the cases are written well")]

use authz::{
    Action, Kind, Principal, Relation, Relationship, ResourceRef,
    explain::{self, Reasons},
};
use std::collections::BTreeSet;

fn resource(text: &str) -> ResourceRef {
    text.parse().unwrap()
}

fn who(text: &str) -> Principal {
    text.parse().unwrap()
}

fn held(of: &str, relation: Relation, by: &str) -> Relationship {
    Relationship::held(resource(of), relation, &who(by))
}

fn link(of: &str, relation: Relation, to: &str) -> Relationship {
    Relationship::between(resource(of), relation, &resource(to))
}

/// A task and a key in `acme`, both of the agent `a`, which lives in `lab`. Alice is inside acme alone.
fn world(more: &[Relationship]) -> BTreeSet<Relationship> {
    let base = [
        link("task:t", Relation::Tenant, "tenant:acme"),
        link("task:t", Relation::ParentAgent, "agent:a"),
        link("api_key:k", Relation::Tenant, "tenant:acme"),
        link("api_key:k", Relation::ParentAgent, "agent:a"),
        link("agent:a", Relation::Tenant, "tenant:lab"),
        held("tenant:acme", Relation::Member, "user:alice"),
    ];
    base.into_iter().chain(more.iter().cloned()).collect()
}

fn explained(principal: &str, action: Action, of: &str, more: &[Relationship]) -> Reasons {
    explain::reasons(&who(principal), action, &resource(of), &world(more))
}

fn paths(reasons: &Reasons) -> Vec<String> {
    let path = |path: &Vec<Relationship>| path.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    reasons.paths.iter().map(path).collect()
}

fn missing(reasons: &Reasons) -> Vec<String> {
    reasons.missing.iter().map(ToString::to_string).collect()
}

#[test]
fn every_way_is_told_the_shortest_first() {
    let more = [held("task:t", Relation::Owner, "user:alice"), held("tenant:acme", Relation::Admin, "user:alice")];
    let reads = explained("user:alice", Action::Read, "task:t", &more);
    assert_eq!((paths(&reads), missing(&reads)), (vec!["task:t#owner@user:alice".to_owned()], vec![]));
    let updates = explained("user:alice", Action::Update, "task:t", &more);
    let by = |role: &str| format!("task:t#owner@user:alice task:t#tenant@tenant:acme tenant:acme#{role}@user:alice");
    assert_eq!(paths(&updates), [by("member"), by("admin")]);
    let runs = explained("agent:a", Action::Update, "task:t", &[]);
    assert_eq!(paths(&runs), ["task:t#parent_agent@agent:a"]);
}

#[test]
fn what_an_agent_gives_is_told_by_way_of_the_agent() {
    let more = [held("agent:a", Relation::Editor, "user:eve"), held("tenant:lab", Relation::Member, "user:eve")];
    let by_agent =
        "api_key:k#parent_agent@agent:a agent:a#editor@user:eve agent:a#tenant@tenant:lab tenant:lab#member@user:eve";
    for action in [Action::Read, Action::Delete] {
        assert_eq!(paths(&explained("user:eve", action, "api_key:k", &more)), [by_agent]);
    }
    // The key's own tenant does not count for what its agent gives.
    let outside = [held("agent:a", Relation::Editor, "user:alice")];
    let reasons = explained("user:alice", Action::Delete, "api_key:k", &outside);
    assert_eq!(paths(&reasons), [""; 0]);
    assert_eq!(
        missing(&reasons),
        [
            "user:alice is nothing to api_key:k: to `delete` it takes its owner, inside its tenant (tenant:acme), \
             or whoever may `create` on its agent (agent:a)",
            "user:alice is editor of agent:a, but not inside tenant:lab, which it lives in"
        ]
    );
}

#[test]
fn what_is_missing_is_told_exactly() {
    for (principal, action, of, more, told) in [
        (
            "user:bob",
            Action::Update,
            "task:t",
            vec![held("task:t", Relation::Editor, "user:bob")],
            "user:bob is editor of task:t, but not inside tenant:acme, which it lives in",
        ),
        (
            "user:bob",
            Action::Update,
            "task:t",
            vec![held("task:t", Relation::Viewer, "user:bob")],
            "user:bob is only viewer of task:t: to `update` it takes its editor or owner, inside its tenant \
             (tenant:acme), or the runtime of its agent (agent:a)",
        ),
        (
            "user:alice",
            Action::Read,
            "task:t",
            vec![],
            "user:alice is nothing to task:t: to `read` it takes its viewer, editor or owner, or the runtime of its \
             agent (agent:a)",
        ),
        (
            "user:alice",
            Action::Read,
            "task:nowhere",
            vec![],
            "task:nowhere lives in no tenant, and nothing else leads there: it does not exist, or is not registered",
        ),
        (
            "user:alice",
            Action::Share,
            "task:lost",
            vec![held("task:lost", Relation::Owner, "user:alice")],
            "user:alice is owner of task:lost, but it lives in no tenant",
        ),
        (
            "user:bob",
            Action::Read,
            "tenant:acme",
            vec![],
            "user:bob is nothing to tenant:acme: to `read` it takes its member or admin",
        ),
        ("user:alice", Action::Cancel, "agent:a", vec![], "nobody may `cancel` any agent: there is no such permission"),
    ] {
        let reasons = explained(principal, action, of, &more);
        assert_eq!((paths(&reasons), missing(&reasons)), (vec![], vec![told.to_owned()]));
    }
    // A namesake of a tenant is no tenant.
    let namesake = [
        held("task:t", Relation::Owner, "user:bob"),
        Relationship::held(resource("task:t"), Relation::Tenant, &who("user:lab")),
        held("tenant:lab", Relation::Member, "user:bob"),
    ];
    assert_eq!(paths(&explained("user:bob", Action::Delete, "task:t", &namesake)), [""; 0]);
    assert_eq!(resource("task:t").kind, Kind::Task);
}
