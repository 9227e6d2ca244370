//! Finding one checkpoint, or the latest.

use super::{checkpoint, find, put, read};
use crate::World;
use checkpoints::Key;

pub(super) async fn the_latest_has_the_largest_id_by_bytes(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    for (id, latest) in [("B", "B"), ("A", "B"), ("a", "a"), ("10", "a"), ("9", "a"), ("ä", "ä"), ("z", "ä")] {
        put(&cast, &thread, checkpoint("", id)).await;
        assert_eq!(find(&cast, &thread, "", None).await.unwrap().id, latest);
    }
    put(&cast, &thread, checkpoint("other", "é")).await;
    assert_eq!(find(&cast, &thread, "", None).await.unwrap().id, "ä");
}

pub(super) async fn many_keys_are_found_in_order(world: &World) {
    let cast = world.cast().await;
    let (one, two) = (cast.task().await, cast.task().await);
    for (thread, namespace, id) in
        [(&one, "", "1"), (&one, "", "2"), (&one, "n", "3"), (&two, "", "4"), (&two, "", "5")]
    {
        put(&cast, thread, checkpoint(namespace, id)).await;
    }
    let (one, two) = (&read(&cast, &one).await, &read(&cast, &two).await);
    let key = |thread, namespace, id| Key { thread, namespace, id };
    let keys = [
        key(two, "", None),
        key(one, "n", None),
        key(one, "", Some("1")),
        key(two, "", Some("1")),
        key(one, "", None),
        key(two, "n", None),
        key(two, "", None),
        key(two, "", Some("4")),
    ];
    let found = world.checkpoints.find(&keys).await.unwrap();
    let ids: Vec<_> = found.iter().map(|found| found.as_ref().map(|found| found.id.as_str())).collect();
    assert_eq!(ids, [Some("5"), Some("3"), Some("1"), None, Some("2"), None, Some("5"), Some("4")]);
    assert!(found.iter().zip(&keys).all(|(found, key)| {
        found.as_ref().is_none_or(|found| found.thread_id == *key.thread.id() && found.namespace == key.namespace)
    }));
    assert!(world.checkpoints.find(&[]).await.unwrap().is_empty());
}

pub(super) async fn nothing_is_found_where_nothing_is(world: &World) {
    let cast = world.cast().await;
    let thread = cast.task().await;
    assert!(find(&cast, &thread, "", None).await.is_none());
    put(&cast, &thread, checkpoint("n", "1")).await;
    for (namespace, id) in [("", None), ("", Some("1")), ("n", Some("2")), ("N", None)] {
        assert!(find(&cast, &thread, namespace, id).await.is_none());
    }
}
