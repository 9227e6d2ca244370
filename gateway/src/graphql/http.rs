//! GraphQL over HTTP.
//!
//! With `application/graphql-response+json` the status says whether the request could be executed;
//! with `application/json`, whether it was well-formed. Nothing a caller sends is a 5xx.

use super::{
    Schema,
    access::Session,
    document::{self, Unfit},
    documents::Documents,
    errors::{self, failed, said, settle},
    graphiql, limits, schema,
    stored::Data,
};
use crate::{App, Code, Failure, caller::resolve};
use async_graphql::{ServerError, Variables};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest as _, Query, Request, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use futures::FutureExt as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::{io, panic::AssertUnwindSafe, sync::Arc};

/// What the handlers reach.
#[derive(Clone)]
struct Edge {
    app: App,
    schema: Schema,
    documents: Documents,
}

pub fn router(app: App) -> Router {
    let largest = DefaultBodyLimit::max(app.limits.body_bytes);
    let schema = schema(app.limits, app.introspection);
    let graphql: MethodRouter<Edge> = get(by_get).post(by_post).fallback(by_other_method);
    Router::new()
        .route("/graphql", graphql)
        .layer(largest)
        .with_state(Edge { app, schema, documents: Documents::new() })
        .merge(graphiql::router())
}

/// The media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    /// `application/graphql-response+json`.
    GraphQl,
    /// `application/json`.
    Json,
}

impl Media {
    const fn header(self) -> HeaderValue {
        match self {
            Self::GraphQl => HeaderValue::from_static("application/graphql-response+json; charset=utf-8"),
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
        }
    }

    /// The one the caller likes best of ours; the plain one for callers who take anything.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        let mut asked = false;
        for value in headers.get_all(header::ACCEPT) {
            for range in value.to_str().unwrap_or_default().split(',').filter(|range| !range.trim().is_empty()) {
                asked = true;
                let (media, weight) = range_of(range);
                if let Some(media) = media.filter(|_| weight > 0.0)
                    && best.is_none_or(|(heaviest, _)| weight > heaviest)
                {
                    best = Some((weight, media));
                }
            }
        }
        if asked { best.map(|(_, media)| media) } else { Some(Self::Json) }
    }
}

/// What one range of an `Accept` header takes, and how much it is liked.
fn range_of(range: &str) -> (Option<Media>, f32) {
    let mut parts = range.split(';').map(str::trim);
    let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "application/graphql-response+json" => Some(Media::GraphQl),
        "application/json" | "application/*" | "*/*" => Some(Media::Json),
        _ => None,
    };
    let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse().ok());
    (media, weight.unwrap_or(1.0))
}

/// What clients send, in a body or in a query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    query: String,
    operation_name: Option<String>,
    #[serde(default)]
    variables: Variables,
    #[expect(dead_code, reason = "it must be an object, and nothing in it is for us")]
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The same in a query string, where values are text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TextParams {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
}

/// One answer.
#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ServerError>,
    /// Absent when nothing was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

impl Answer {
    fn refused(error: ServerError) -> Self {
        Self { errors: vec![error], data: None }
    }
}

/// The answers to a body.
#[derive(Serialize)]
#[serde(untagged)]
enum Answers {
    One(Answer),
    Many(Vec<Answer>),
}

impl Answers {
    fn errors(&self) -> impl Iterator<Item = &ServerError> {
        let answers = match self {
            Self::One(answer) => std::slice::from_ref(answer),
            Self::Many(answers) => answers,
        };
        answers.iter().flat_map(|answer| &answer.errors)
    }
}

/// Why a request is refused before any of it is executed: a status, an error, and headers.
struct Refused(StatusCode, Box<ServerError>);

impl Refused {
    fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self(status, Box::new(said(code, message)))
    }

    fn bad(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, errors::BAD_REQUEST, message)
    }

    fn into_response(self, media: Media) -> Response {
        let Self(status, error) = self;
        let mut response = answer(media, status, &Answers::One(Answer::refused(*error)));
        let (name, value) = match status {
            StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, "Bearer"),
            StatusCode::METHOD_NOT_ALLOWED => (header::ALLOW, "GET, POST"),
            _ => return response,
        };
        response.headers_mut().insert(name, HeaderValue::from_static(value));
        response
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(failure.code().status(), Box::new(failed(&failure)))
    }
}

fn answer(media: Media, status: StatusCode, answers: &Answers) -> Response {
    // A response holds names, texts, numbers and lists: there is nothing in it that JSON cannot.
    let body = serde_json::to_vec(answers).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, media.header())], body).into_response();
    if let Some(seconds) = answers.errors().filter_map(errors::retry_after).max() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn respond(headers: &HeaderMap, outcome: Result<Answers, Refused>) -> Response {
    let media = Media::accepted(headers);
    match (outcome, media) {
        (Ok(answers), Some(media)) => {
            let unexecuted = matches!(&answers, Answers::One(Answer { data: None, .. }));
            let status = if unexecuted && media == Media::GraphQl { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            answer(media, status, &answers)
        }
        (Err(refused), media) => refused.into_response(media.unwrap_or(Media::Json)),
        // Refused before anything was executed: see `Edge::open`.
        (Ok(_), None) => not_acceptable().into_response(Media::Json),
    }
}

fn not_acceptable() -> Refused {
    let message = "this answers `application/graphql-response+json` or `application/json`";
    Refused::new(StatusCode::NOT_ACCEPTABLE, errors::NOT_ACCEPTABLE, message)
}

async fn by_post(State(edge): State<Edge>, request: Request) -> Response {
    let headers = request.headers().clone();
    respond(&headers, edge.settled(edge.post(request)).await)
}

async fn by_get(
    State(edge): State<Edge>,
    headers: HeaderMap,
    params: Result<Query<TextParams>, QueryRejection>,
) -> Response {
    let asked = params.as_ref().is_ok_and(|Query(params)| params.query.is_some());
    if !asked && graphiql::wanted(&headers) {
        return graphiql::page().await.into_response();
    }
    respond(&headers, edge.settled(edge.get(&headers, params)).await)
}

async fn by_other_method(headers: HeaderMap) -> Response {
    let message = "GraphQL is asked with GET or POST";
    let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, errors::METHOD_NOT_ALLOWED, message);
    respond(&headers, Err(refused))
}

impl Edge {
    /// What comes of `work`, which may take too long and may panic.
    async fn settled(&self, work: impl Future<Output = Result<Answers, Refused>>) -> Result<Answers, Refused> {
        match tokio::time::timeout(self.app.request_timeout, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::Internal(Arc::new(io::Error::other("a resolver panicked"))).into()),
            Err(late) => Err(Failure::Unavailable(Arc::new(late)).into()),
        }
    }

    /// Who is asking, before anything of what they ask is looked at.
    async fn open(&self, headers: &HeaderMap) -> Result<Arc<Session>, Refused> {
        let context = resolve(headers, &self.app).await?;
        Media::accepted(headers).ok_or_else(not_acceptable)?;
        Ok(Arc::new(Session::new(self.app.clone(), &context)))
    }

    async fn post(&self, request: Request) -> Result<Answers, Refused> {
        let session = self.open(request.headers()).await?;
        if !is_json(request.headers()) {
            let message = "the body must be `application/json`, in UTF-8";
            return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, errors::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body = Bytes::from_request(request, self).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge { limit: self.app.limits.body_bytes }.into(),
            _ => Refused::bad("the body could not be read"),
        })?;
        if body.trim_ascii_start().first() != Some(&b'[') {
            let params = serde_json::from_slice(&body).map_err(not_a_request)?;
            return Ok(Answers::One(self.run(&session, params, true).await?));
        }
        let batch: Vec<Params> = serde_json::from_slice(&body).map_err(not_a_request)?;
        if !(1..=limits::BATCH).contains(&batch.len()) {
            return Err(Refused::bad(&format!("a batch holds 1 to {} requests", limits::BATCH)));
        }
        // One after the other, so that what one writes the next can read.
        let mut answers = Vec::with_capacity(batch.len());
        for params in batch {
            answers.push(self.run(&session, params, true).await?);
        }
        Ok(Answers::Many(answers))
    }

    async fn get(
        &self,
        headers: &HeaderMap,
        params: Result<Query<TextParams>, QueryRejection>,
    ) -> Result<Answers, Refused> {
        let session = self.open(headers).await?;
        let Query(text) = params.map_err(|_| Refused::bad("the query string could not be read"))?;
        let query = text.query.ok_or_else(|| Refused::bad("`query` is missing"))?;
        let variables = text.variables.filter(|variables| !variables.is_empty());
        let variables = variables.map(|json| serde_json::from_str(&json)).transpose();
        let variables = variables.map_err(|_| Refused::bad("`variables` must be a JSON object"))?.unwrap_or_default();
        let params = Params { query, operation_name: text.operation_name, variables, extensions: None };
        Ok(Answers::One(self.run(&session, params, false).await?))
    }

    /// Executes one request, which may write if `writing`.
    async fn run(&self, session: &Arc<Session>, params: Params, writing: bool) -> Result<Answer, Refused> {
        let document = match self.documents.read(params.query) {
            Ok(document) => document,
            Err(error) => return Ok(Answer::refused(error)),
        };
        let name = params.operation_name.as_deref();
        match document::check(document.parsed(), name, &params.variables, writing) {
            Ok(()) => {}
            Err(unfit @ Unfit::Writes) => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                return Err(Refused::new(status, errors::METHOD_NOT_ALLOWED, &unfit.to_string()));
            }
            Err(unfit @ Unfit::Missing(..)) => {
                return Ok(Answer::refused(said(Code::BadUserInput.as_str(), &unfit)));
            }
            Err(unfit @ Unfit::Twice(_)) => return Ok(Answer::refused(said(errors::VALIDATION_FAILED, &unfit))),
        }
        let mut request = document.request(params.variables);
        request.operation_name = params.operation_name;
        let response = self.schema.execute(request.data(Arc::clone(session))).await;
        let executed = response.errors.iter().all(|error| !error.path.is_empty());
        Ok(Answer { errors: settle(response.errors), data: executed.then(|| Data(response.data)) })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn not_a_request(error: serde_json::Error) -> Refused {
    Refused::bad(&format!("the body is not a GraphQL request: {error}"))
}

/// Whether the body is said to be JSON, in the only encoding it has.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    let text = text.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    parts.next() == Some("application/json")
        && parts.filter_map(|part| part.strip_prefix("charset=")).all(|charset| charset.trim_matches('"') == "utf-8")
}
