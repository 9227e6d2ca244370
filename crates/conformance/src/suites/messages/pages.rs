//! Pages of messages, and picking messages by what they say.

use super::{DONE, all, listed, new, say, text};
use crate::{Cast, World, may, world::object};
use authz::{Direction, Start, Window};
use conversations::{Likeness, Message, MessageOrder, MessageQuery, NewMessage, Revision, StoreError, StreamingStatus};
use serde_json::{Value, json};
use tasks::TaskId;

fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.id.clone()).collect()
}

async fn walk(cast: &Cast<'_>, task: &TaskId, mut query: MessageQuery, size: u32) -> Vec<String> {
    query.window.limit = size;
    let mut found = Vec::new();
    loop {
        let page = cast.world.messages.page(&may(&cast.viewer, task).await, &query).await.unwrap();
        found.extend(ids(&page.rows));
        match page.rows.last() {
            Some(last) if page.more => query.window.start = Start::After(query.order.after(last)),
            _ => return found,
        }
    }
}

pub(super) async fn every_order_is_the_same_in_pages_of_any_size(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let said = say(&cast, &task, ["0", "1", "2", "3", "4"].map(text)).await;
    let change = Revision { id: said[1].id.clone(), content: object(text("later")), streaming_status: None };
    world.messages.revise(&may(&cast.editor, &task).await, vec![change]).await.unwrap();
    for order in [MessageOrder::CreatedAt, MessageOrder::UpdatedAt, MessageOrder::Id] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut expected = ids(&said);
            if order == MessageOrder::UpdatedAt {
                let latest = expected.remove(1);
                expected.push(latest);
            }
            if direction == Direction::Descending {
                expected.reverse();
            }
            let window = Window { limit: 1000, start: Start::First, direction };
            let query = MessageQuery { order, window, ..all() };
            assert_eq!(listed(&cast, &task, &query).await, expected);
            for size in [1, 2, 5] {
                assert_eq!(walk(&cast, &task, query.clone(), size).await, expected);
                let window = Window { limit: size, start: Start::Skip(2), direction };
                let counted = MessageQuery { window, ..query.clone() };
                let page = world.messages.page(&may(&cast.viewer, &task).await, &counted).await.unwrap();
                let end = expected.len().min(2 + size as usize);
                assert_eq!((ids(&page.rows), page.more), (expected[2..end].to_vec(), end < expected.len()));
            }
        }
    }
}

pub(super) async fn only_the_tasks_own_are_shown(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let said = say(&cast, &task, [text("ours")]).await;
    say(&cast, &other, [text("theirs")]).await;
    assert_eq!(listed(&cast, &task, &all()).await, ids(&said));
    assert!(listed(&cast, &cast.task().await, &all()).await.is_empty());
}

pub(super) async fn messages_said_at_once_come_by_id(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let given: Vec<_> = (0..5).map(|_| new(text("now"), 0)).collect();
    let expected: Vec<_> = given.iter().map(|message| message.id.clone()).collect();
    world.messages.append(&may(&cast.editor, &task).await, given.into_iter().rev().collect()).await.unwrap();
    assert_eq!(walk(&cast, &task, all(), 2).await, expected);
}

/// A likeness with one condition on the content.
fn at(path: &[&str], value: Value) -> Likeness {
    let path = path.iter().map(|key| (*key).to_owned()).collect();
    Likeness { content: vec![(path, value)], streaming_status: None }
}

async fn picked(cast: &Cast<'_>, task: &TaskId, like: Vec<Likeness>, unlike: Vec<Likeness>) -> Vec<usize> {
    let everything = listed(cast, task, &all()).await;
    let found = listed(cast, task, &MessageQuery { like, unlike, ..all() }).await;
    found.iter().map(|id| everything.iter().position(|other| other == id).unwrap()).collect()
}

pub(super) async fn messages_are_picked_by_what_they_say(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    say(&cast, &task, [text("a"), json!({"type": "data", "data": {"k": {"deep": [1, 2]}}}), text("b")]).await;
    assert_eq!(picked(&cast, &task, vec![at(&["type"], json!("text"))], vec![]).await, [0, 2]);
    assert_eq!(picked(&cast, &task, vec![at(&["data", "k", "deep"], json!([1, 2]))], vec![]).await, [1]);
    assert_eq!(picked(&cast, &task, vec![at(&["data", "k"], json!({"deep": [1, 2]}))], vec![]).await, [1]);
    for nowhere in [at(&["data", "k", "deep"], json!([2, 1])), at(&["type"], json!("TEXT")), at(&["data.k"], json!(1))]
    {
        assert!(picked(&cast, &task, vec![nowhere], vec![]).await.is_empty());
    }
}

pub(super) async fn messages_are_picked_by_path_into_arrays(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    say(&cast, &task, [json!({"files": [{"name": "a"}, {"name": "b"}]}), json!({"files": {"1": {"name": "b"}}})]).await;
    assert_eq!(picked(&cast, &task, vec![at(&["files", "1", "name"], json!("b"))], vec![]).await, [0, 1]);
    assert_eq!(picked(&cast, &task, vec![at(&["files", "0", "name"], json!("a"))], vec![]).await, [0]);
    assert_eq!(picked(&cast, &task, vec![at(&["files", "-1", "name"], json!("b"))], vec![]).await, [0]);
    assert!(picked(&cast, &task, vec![at(&["files", "-3", "name"], json!("b"))], vec![]).await.is_empty());
    assert!(picked(&cast, &task, vec![at(&["files", "name"], json!("a"))], vec![]).await.is_empty());
}

pub(super) async fn numbers_are_equal_by_worth(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    say(&cast, &task, [json!({"n": 1}), json!({"n": 1.0}), json!({"n": "1"}), json!({"n": 1.5})]).await;
    assert_eq!(picked(&cast, &task, vec![at(&["n"], json!(1.0))], vec![]).await, [0, 1]);
}

pub(super) async fn absent_is_null(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    say(&cast, &task, [json!({"a": null}), json!({}), json!({"a": 0}), json!({"a": {"b": null}})]).await;
    assert_eq!(picked(&cast, &task, vec![at(&["a"], json!(null))], vec![]).await, [0, 1]);
    assert_eq!(picked(&cast, &task, vec![at(&["a", "b"], json!(null))], vec![]).await, [0, 1, 2, 3]);
    assert_eq!(picked(&cast, &task, vec![], vec![at(&["a"], json!(null))]).await, [2, 3]);
}

/// Four messages: a text that streams, a text that is whole, data that is whole, and data that never streamed.
async fn four(cast: &Cast<'_>) -> TaskId {
    let task = cast.task().await;
    let streams = Some(StreamingStatus::InProgress);
    let kinds = [("text", streams), ("text", DONE), ("data", DONE), ("data", None)];
    let given = kinds.into_iter().zip(0..).map(|((kind, streaming_status), millis)| NewMessage {
        streaming_status,
        ..new(json!({ "type": kind }), millis)
    });
    cast.world.messages.append(&may(&cast.editor, &task).await, given.collect()).await.unwrap();
    task
}

fn done() -> Likeness {
    Likeness { streaming_status: DONE, ..Likeness::default() }
}

pub(super) async fn likenesses_are_either_or_and_their_conditions_as_well_as(world: &World) {
    let cast = world.cast().await;
    let task = four(&cast).await;
    let text = || at(&["type"], json!("text"));
    assert_eq!(picked(&cast, &task, vec![done()], vec![]).await, [1, 2]);
    assert_eq!(picked(&cast, &task, vec![done(), text()], vec![]).await, [0, 1, 2]);
    assert_eq!(picked(&cast, &task, vec![Likeness { streaming_status: DONE, ..text() }], vec![]).await, [1]);
    assert_eq!(picked(&cast, &task, vec![Likeness::default()], vec![]).await, [0, 1, 2, 3]);
}

pub(super) async fn what_is_picked_out_is_gone_from_what_is_picked(world: &World) {
    let cast = world.cast().await;
    let task = four(&cast).await;
    let text = || at(&["type"], json!("text"));
    assert_eq!(picked(&cast, &task, vec![], vec![done()]).await, [0, 3]);
    assert_eq!(picked(&cast, &task, vec![], vec![done(), text()]).await, [3]);
    assert_eq!(picked(&cast, &task, vec![text()], vec![done()]).await, [0]);
    assert!(picked(&cast, &task, vec![], vec![Likeness::default()]).await.is_empty());
}

pub(super) async fn a_likeness_that_cannot_be_stored_is_refused(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    for bad in [at(&["\0"], json!(1)), at(&["a"], json!({"b": ["\0"]}))] {
        let query = MessageQuery { like: vec![bad], ..all() };
        let refused = world.messages.page(&may(&cast.viewer, &task).await, &query).await.err();
        assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
    }
}
