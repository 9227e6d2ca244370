//! Lists of checkpoints.

use super::{checkpoint, put, read};
use crate::{Cast, World, pages::LONGEST, world::object};
use checkpoints::{NewCheckpoint, Query, StoreError};
use serde_json::{Value, json};
use tasks::TaskId;

fn all() -> Query {
    Query { limit: 1000, ..Query::default() }
}

/// Ids and namespaces of what a query finds in one thread.
async fn listed(cast: &Cast<'_>, thread: &TaskId, query: &Query) -> Vec<(String, String)> {
    let found = cast.world.checkpoints.list(&[&read(cast, thread).await], query).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].iter().all(|found| found.thread_id == *thread));
    found[0].iter().map(|found| (found.id.clone(), found.namespace.clone())).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(id, namespace)| ((*id).to_owned(), (*namespace).to_owned())).collect()
}

/// Some ids are the same in several namespaces. Latest first.
const SORTED: [(&str, &str); 7] = [("b", ""), ("a", "B"), ("a", "a"), ("B", ""), ("2", ""), ("2", "a"), ("10", "z")];

async fn thread_of_seven(cast: &Cast<'_>) -> TaskId {
    let thread = cast.task().await;
    for place in [3, 0, 5, 1, 6, 2, 4] {
        let (id, namespace) = SORTED[place];
        put(cast, &thread, checkpoint(namespace, id)).await;
    }
    thread
}

pub(super) async fn the_latest_come_first(world: &World) {
    let cast = world.cast().await;
    let thread = thread_of_seven(&cast).await;
    assert_eq!(listed(&cast, &thread, &all()).await, pairs(&SORTED));
    assert!(listed(&cast, &cast.task().await, &all()).await.is_empty());
}

pub(super) async fn lists_end_before_and_start_behind(world: &World) {
    let cast = world.cast().await;
    let thread = thread_of_seven(&cast).await;
    let before = |id: &str| Query { before: Some(id.into()), ..all() };
    for (id, from) in [("c", 0), ("b", 1), ("a", 3), ("C", 3), ("2", 6), ("10", 7), ("", 7)] {
        assert_eq!(listed(&cast, &thread, &before(id)).await, pairs(&SORTED[from..]), "before {id}");
    }
    let after = |(id, namespace): (&str, &str)| Query { after: Some((id.into(), namespace.into())), ..all() };
    for (place, last) in SORTED.into_iter().enumerate() {
        assert_eq!(listed(&cast, &thread, &after(last)).await, pairs(&SORTED[place + 1..]));
    }
    assert_eq!(listed(&cast, &thread, &after(("a", ""))).await, pairs(&SORTED[1..]));
    let both = Query { before: Some("a".into()), ..after(("B", "")) };
    assert_eq!(listed(&cast, &thread, &both).await, pairs(&SORTED[4..]));
}

pub(super) async fn lists_are_cut(world: &World) {
    let cast = world.cast().await;
    let thread = thread_of_seven(&cast).await;
    for limit in [0_u32, 1, 3, 7, 8] {
        let found = listed(&cast, &thread, &Query { limit, ..all() }).await;
        assert_eq!(found, pairs(&SORTED[..SORTED.len().min(limit as usize)]));
    }
    let (mut query, mut found) = (Query { limit: 2, ..all() }, Vec::new());
    while let page = listed(&cast, &thread, &query).await
        && !page.is_empty()
    {
        query.after = page.last().cloned();
        found.extend(page);
        assert!(found.len() <= LONGEST, "a list that does not end");
    }
    assert_eq!(found, pairs(&SORTED));
}

pub(super) async fn lists_keep_to_a_namespace(world: &World) {
    let cast = world.cast().await;
    let thread = thread_of_seven(&cast).await;
    for namespace in ["", "a", "B", "z", "A"] {
        let expected: Vec<_> = SORTED.into_iter().filter(|(_, of)| *of == namespace).collect();
        let query = Query { namespace: Some(namespace.into()), ..all() };
        assert_eq!(listed(&cast, &thread, &query).await, pairs(&expected));
    }
}

pub(super) async fn metadata_is_filtered_by_containment(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    let kept = [json!({"source": "loop", "step": 1, "writes": {"a": [1]}}), json!({"source": "input"}), json!({})];
    for (place, metadata) in kept.into_iter().enumerate() {
        let metadata = object(metadata);
        put(&cast, &thread, NewCheckpoint { metadata, ..checkpoint("", &format!("{place}")) }).await;
    }
    let cases: [(Value, &[&str]); 6] = [
        (json!({}), &["2", "1", "0"]),
        (json!({"source": "loop"}), &["0"]),
        (json!({"step": 1, "writes": {}}), &["0"]),
        (json!({"writes": {"a": [1]}}), &["0"]),
        (json!({"source": "input", "step": 1}), &[]),
        (json!({"source": null}), &[]),
    ];
    for (wanted, ids) in cases {
        let expected: Vec<_> = ids.iter().map(|id| (*id, "")).collect();
        let query = Query { metadata: Some(object(wanted)), ..all() };
        assert_eq!(listed(&cast, &thread, &query).await, pairs(&expected));
    }
    let nul = Query { metadata: Some(object(json!({"a": "\0"}))), ..all() };
    let refused = world.checkpoints.list(&[&read(&cast, &thread).await], &nul).await.err();
    assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
}

pub(super) async fn many_threads_are_listed_in_order(world: &World) {
    let cast = world.cast().await;
    let (one, two, empty) = (cast.task().await, cast.task().await, cast.task().await);
    for (thread, ids) in [(&one, ["1", "2", "3"]), (&two, ["4", "5", "6"])] {
        for id in ids {
            put(&cast, thread, checkpoint("", id)).await;
        }
    }
    let permits = [read(&cast, &two).await, read(&cast, &empty).await, read(&cast, &one).await];
    let found = world.checkpoints.list(&permits.each_ref(), &Query { limit: 2, ..all() }).await.unwrap();
    let ids: Vec<Vec<_>> = found.iter().map(|of| of.iter().map(|found| found.id.as_str()).collect()).collect();
    assert_eq!(ids, [vec!["6", "5"], vec![], vec!["3", "2"]]);
    assert!(world.checkpoints.list(&[], &all()).await.unwrap().is_empty());
}
