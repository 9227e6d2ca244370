//! What every message store must do.

mod pages;
mod writing;

use crate::{Cast, World, fresh, may, world::object};
use authz::{Direction, Start, Window};
use chrono::{DateTime, TimeDelta, Utc};
use conversations::{Message, MessageOrder, MessageQuery, NewMessage, StreamingStatus};
use serde_json::{Value, json};
use tasks::TaskId;

suite! { $ messages(World) {
    writing: [
        what_is_said_comes_back,
        numbers_come_back_as_they_went,
        nothing_said_is_nothing_written,
        a_task_that_is_gone_hears_nothing,
        text_that_cannot_be_stored_leaves_nothing,
        a_message_is_locked_under_its_task,
        a_revision_replaces_and_is_dated,
        a_revision_that_changes_nothing_is_not_dated,
        revisions_happen_all_or_none,
        a_message_of_another_task_is_not_there,
        a_deleted_task_takes_its_messages_along,
    ],
    pages: [
        every_order_is_the_same_in_pages_of_any_size,
        only_the_tasks_own_are_shown,
        messages_said_at_once_come_by_id,
        messages_are_picked_by_what_they_say,
        messages_are_picked_by_path_into_arrays,
        numbers_are_equal_by_worth,
        absent_is_null,
        likenesses_are_either_or_and_their_conditions_as_well_as,
        what_is_picked_out_is_gone_from_what_is_picked,
        a_likeness_that_cannot_be_stored_is_refused,
    ],
} }

/// The time the messages of a case count from.
fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_860_800, 123_456_000).unwrap()
}

fn text(text: &str) -> Value {
    json!({"type": "text", "author": "user", "content": text})
}

/// A message to be said some milliseconds past noon.
fn new(content: Value, millis: i64) -> NewMessage {
    let at = noon() + TimeDelta::milliseconds(millis);
    NewMessage { id: fresh("message"), content: object(content), streaming_status: None, at }
}

/// Says things on a task, a millisecond apart.
async fn say(cast: &Cast<'_>, task: &TaskId, contents: impl IntoIterator<Item = Value>) -> Vec<Message> {
    let new = contents.into_iter().zip(0..).map(|(content, millis)| new(content, millis)).collect();
    cast.world.messages.append(&may(&cast.editor, task).await, new).await.unwrap()
}

/// The oldest first, and all of them.
fn all() -> MessageQuery {
    let window = Window { limit: 1000, start: Start::First, direction: Direction::Ascending };
    MessageQuery { like: vec![], unlike: vec![], order: MessageOrder::CreatedAt, window }
}

async fn listed(cast: &Cast<'_>, task: &TaskId, query: &MessageQuery) -> Vec<String> {
    let page = cast.world.messages.page(&may(&cast.viewer, task).await, query).await.unwrap();
    assert!(!page.more);
    page.rows.into_iter().map(|message| message.id).collect()
}

const DONE: Option<StreamingStatus> = Some(StreamingStatus::Done);
