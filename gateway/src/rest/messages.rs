//! Messages. Those of a task are its own: whoever may update the task writes them, and a message of
//! another task is as if it were not there.

use super::{
    contents::{Content, StreamingWord, filters},
    query::{LARGEST_PAGE, Paging, Words},
    request::{Document, Key, parent},
    wire::{OnTask, Refused, Timestamp},
};
use crate::{App, Caller, Failure, lifecycle::new_id};
use authz::{After, Direction, Gate, Permit, SortKey, Start, Target, Task, Window, action::Update};
use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike as _, NaiveDateTime, TimeDelta, Utc};
use conversations::{MessageOrder, MessageQuery, NewMessage, Revision, StreamingStatus};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(page))
        .routes(routes!(create_batch, update_batch))
        .routes(routes!(get, update))
}

/// A message.
#[derive(Serialize, ToSchema)]
struct TaskMessage {
    id: String,
    task_id: String,
    #[schema(value_type = Content)]
    content: Map<String, Value>,
    streaming_status: Option<&'static str>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<conversations::Message> for TaskMessage {
    fn from(message: conversations::Message) -> Self {
        Self {
            id: message.id,
            task_id: message.task_id.as_str().to_owned(),
            content: message.content,
            streaming_status: message.streaming_status.map(StreamingStatus::as_str),
            created_at: Timestamp(message.created_at),
            updated_at: Timestamp(message.updated_at),
        }
    }
}

fn written(messages: Vec<conversations::Message>) -> Json<Vec<TaskMessage>> {
    Json(messages.into_iter().map(TaskMessage::from).collect())
}

/// The permit to write on the task that the body names.
async fn writer(gate: &Gate, body: &Document) -> Result<Permit<Task, Update>, Failure> {
    Ok(gate.permit(&Target::typed(body.id("task_id")?)).await?)
}

#[derive(Deserialize, ToSchema)]
struct CreateMessageRequest {
    content: Content,
    streaming_status: Option<StreamingWord>,
    /// When it was said; now without it.
    #[serde(default, deserialize_with = "instant")]
    created_at: Option<DateTime<Utc>>,
}

/// A time with an offset, or without one in UTC, to the microsecond, in a year that everybody can write.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let at = DateTime::parse_from_rfc3339(&text).map(DateTime::<Utc>::from);
    let at = at.or_else(|_| text.parse::<NaiveDateTime>().map(|at| at.and_utc()));
    match at.ok().filter(|at| (1..=9999).contains(&at.year())) {
        Some(at) => Ok(Some(microseconds(at))),
        None => Err(D::Error::custom("must be a time, such as `2026-01-31T12:00:00Z`")),
    }
}

/// A time as rows keep it. A leap second is the first of the next minute.
fn microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// Say something
#[utoipa::path(post, path = "/messages", tag = "messages", request_body = OnTask<CreateMessageRequest>,
    responses((status = 200, description = "The message", body = TaskMessage), Refused))]
async fn create(State(app): State<App>, Caller(gate): Caller, body: Document) -> Result<Json<TaskMessage>, Failure> {
    let permit = writer(&gate, &body).await?;
    let body: CreateMessageRequest = body.read()?;
    let new = NewMessage {
        id: new_id(),
        content: body.content.try_into()?,
        streaming_status: body.streaming_status.map(StreamingStatus::from),
        at: body.created_at.unwrap_or_else(|| microseconds(Utc::now())),
    };
    let message = app.stores.messages.append(&permit, vec![new]).await?.pop().ok_or_else(|| permit.hidden())?;
    Ok(Json(message.into()))
}

#[derive(Deserialize, ToSchema)]
struct CreateMessagesRequest {
    contents: Vec<Content>,
    /// When the first was said; now without it. Each of the others is a millisecond later.
    #[serde(default, deserialize_with = "instant")]
    created_at: Option<DateTime<Utc>>,
}

/// Say several things
#[utoipa::path(post, path = "/messages/batch", tag = "messages", request_body = OnTask<CreateMessagesRequest>,
    responses((status = 200, description = "The messages, in the order given", body = Vec<TaskMessage>), Refused))]
async fn create_batch(
    State(app): State<App>,
    Caller(gate): Caller,
    body: Document,
) -> Result<Json<Vec<TaskMessage>>, Failure> {
    let permit = writer(&gate, &body).await?;
    let body: CreateMessagesRequest = body.read()?;
    let mut at = body.created_at.unwrap_or_else(|| microseconds(Utc::now()));
    let mut new = Vec::with_capacity(body.contents.len());
    for content in body.contents {
        new.push(NewMessage { id: new_id(), content: content.try_into()?, streaming_status: None, at });
        at += TimeDelta::milliseconds(1);
    }
    Ok(written(app.stores.messages.append(&permit, new).await?))
}

#[derive(Deserialize, ToSchema)]
struct UpdateMessageRequest {
    content: Content,
    /// Stays as it is without it.
    streaming_status: Option<StreamingWord>,
}

/// Change what a message says
#[utoipa::path(put, path = "/messages/{message_id}", tag = "messages", params(("message_id" = String, Path)),
    request_body = OnTask<UpdateMessageRequest>,
    responses((status = 200, description = "The message as it now is", body = TaskMessage), Refused))]
async fn update(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(id): Key,
    body: Document,
) -> Result<Json<TaskMessage>, Failure> {
    let permit = writer(&gate, &body).await?;
    let body: UpdateMessageRequest = body.read()?;
    let streaming_status = body.streaming_status.map(StreamingStatus::from);
    let revision = Revision { id, content: body.content.try_into()?, streaming_status };
    let message = app.stores.messages.revise(&permit, vec![revision]).await?.pop().ok_or_else(|| permit.hidden())?;
    Ok(Json(message.into()))
}

#[derive(Deserialize, ToSchema)]
struct UpdateMessagesRequest {
    /// What each message says from now on, by its id.
    updates: BTreeMap<String, Content>,
}

/// Change what several messages say, all or none
#[utoipa::path(put, path = "/messages/batch", tag = "messages", request_body = OnTask<UpdateMessagesRequest>,
    responses((status = 200, description = "The messages as they now are, by id", body = Vec<TaskMessage>), Refused))]
async fn update_batch(
    State(app): State<App>,
    Caller(gate): Caller,
    body: Document,
) -> Result<Json<Vec<TaskMessage>>, Failure> {
    let permit = writer(&gate, &body).await?;
    let body: UpdateMessagesRequest = body.read()?;
    let mut changes = Vec::with_capacity(body.updates.len());
    for (id, content) in body.updates {
        changes.push(Revision { id, content: content.try_into()?, streaming_status: None });
    }
    Ok(written(app.stores.messages.revise(&permit, changes).await?))
}

/// A message by its id
#[utoipa::path(get, path = "/messages/{message_id}", tag = "messages", params(("message_id" = String, Path)),
    responses((status = 200, description = "The message", body = TaskMessage), Refused))]
async fn get(State(app): State<App>, Caller(gate): Caller, Key(id): Key) -> Result<Json<TaskMessage>, Failure> {
    let located = app.stores.messages.locate(&id).await?;
    let permit = gate.permit(&parent(&id, located.as_ref())).await?;
    let message = located.and_then(|message| message.into_inner(&permit)).ok_or_else(|| permit.hidden())?;
    Ok(Json(message.into()))
}

const ORDERS: &[(&str, MessageOrder)] =
    &[("created_at", MessageOrder::CreatedAt), ("updated_at", MessageOrder::UpdatedAt), ("id", MessageOrder::Id)];

/// The messages of a task
#[utoipa::path(get, path = "/messages", tag = "messages",
    params(
        Paging,
        ("task_id" = String, Query, description = "The task they are said on"),
        ("order_by" = Option<String>, Query, description = "`created_at` (default), `updated_at` or `id`"),
        ("filters" = Option<String>, Query, description = "A JSON object, or an array of them, of `content`, `streaming_status` and `exclude`")
    ),
    responses((status = 200, description = "A page of messages", body = Vec<TaskMessage>), Refused))]
async fn list(State(app): State<App>, Caller(gate): Caller, words: Words) -> Result<Json<Vec<TaskMessage>>, Failure> {
    let permit = gate.permit(&Target::typed(words.required("task_id")?)).await?;
    let (like, unlike) = filters(words.word("filters")?)?;
    let order = words.choice("order_by", ORDERS)?.unwrap_or_default();
    let query = MessageQuery { like, unlike, order, window: words.window(0)? };
    Ok(written(app.stores.messages.page(&permit, &query).await?.rows))
}

/// A page of messages, newest first, and where to go on.
#[derive(Serialize, ToSchema)]
struct PaginatedMessagesResponse {
    data: Vec<TaskMessage>,
    next_cursor: Option<String>,
    has_more: bool,
}

/// The messages of a task, newest first, from wherever one left off
#[utoipa::path(get, path = "/messages/paginated", tag = "messages",
    params(
        ("task_id" = String, Query, description = "The task they are said on"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "At most this many; 50 without it"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("direction" = Option<String>, Query, description = "`older` (default) or `newer` than the cursor"),
        ("filters" = Option<String>, Query, description = "As for the list")
    ),
    responses((status = 200, description = "A page of messages", body = PaginatedMessagesResponse), Refused))]
async fn page(
    State(app): State<App>,
    Caller(gate): Caller,
    words: Words,
) -> Result<Json<PaginatedMessagesResponse>, Failure> {
    let permit = gate.permit(&Target::typed(words.required("task_id")?)).await?;
    let (like, unlike) = filters(words.word("filters")?)?;
    let limit = words.number("limit", 1..=LARGEST_PAGE)?.unwrap_or(50);
    let start = words.word("cursor")?.map(Cursor::read).transpose()?.map_or(Start::First, Start::After);
    let towards = [("older", Direction::Descending), ("newer", Direction::Ascending)];
    let asked = words.choice("direction", &towards)?.unwrap_or_default();
    // Nothing is newer than the newest page, which is where one without a cursor begins.
    let direction = if start == Start::First { Direction::Descending } else { asked };
    let window = Window { limit, start, direction };
    let query = MessageQuery { like, unlike, order: MessageOrder::CreatedAt, window };
    let mut found = app.stores.messages.page(&permit, &query).await?;
    if direction == Direction::Ascending {
        found.rows.reverse();
    }
    let (edge, has_more) = match asked {
        Direction::Descending => (found.rows.last().filter(|_| found.more), found.more),
        Direction::Ascending => (found.rows.first(), found.more && direction == Direction::Ascending),
    };
    let next_cursor = edge.map(Cursor::after);
    Ok(Json(PaginatedMessagesResponse { data: written(found.rows).0, next_cursor, has_more }))
}

/// A place in the messages of a task. The form is agentex's, so that its cursors go on working.
#[derive(Deserialize, Serialize)]
struct Cursor {
    v: u8,
    id: String,
    created_at: DateTime<Utc>,
}

impl Cursor {
    fn after(message: &conversations::Message) -> String {
        let place = Self { v: 1, id: message.id.clone(), created_at: message.created_at };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&place).unwrap_or_default())
    }

    fn read(text: &str) -> Result<After, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default();
        match serde_json::from_slice(&bytes) {
            Ok(Self { v: 1, id, created_at }) if !id.contains('\0') => {
                Ok(After { key: SortKey::Time(created_at.timestamp_micros()), id: id.into() })
            }
            Ok(_) | Err(_) => Err(Failure::invalid("cursor: must be the `next_cursor` of a page")),
        }
    }
}
