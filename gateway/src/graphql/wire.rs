//! What clients send and get, as it is on the wire.

use super::{
    errors::{self, said},
    media::Media,
    persisted::Wanted,
    stored::Data,
};
use crate::Failure;
use async_graphql::{ServerError, Variables};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What clients send in a body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The document, unless it is asked by its id.
    query: Option<String>,
    /// The id of a document that is known here.
    document_id: Option<String>,
    /// Which of the document's operations.
    pub operation_name: Option<String>,
    /// The values of its variables.
    #[serde(default)]
    pub variables: Variables,
    extensions: Option<Map<String, Value>>,
}

impl Params {
    /// The document that is asked for, taken out.
    pub fn wanted(&mut self) -> Result<Wanted, Refused> {
        let persisted = self.extensions.take().and_then(|mut extensions| extensions.remove("persistedQuery"));
        let hash = match persisted {
            None | Some(Value::Null) => None,
            Some(persisted) => Some(hash(&persisted).ok_or_else(|| {
                Refused::bad(
                    "`extensions.persistedQuery` must be `{ version: 1, sha256Hash }`, the hash in hexadecimal digits",
                )
            })?),
        };
        Ok(Wanted { text: self.query.take(), id: self.document_id.take(), hash })
    }
}

/// The digest that names a document, as Apollo's clients send it.
fn hash(persisted: &Value) -> Option<String> {
    let hash = persisted.get("sha256Hash")?.as_str()?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hash && persisted.get("version")?.as_u64()? == 1).then(|| hash.to_ascii_lowercase())
}

/// The same in a query string, where values are text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextParams {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl TextParams {
    /// Whether anything is asked.
    pub const fn asks(&self) -> bool {
        self.query.is_some() || self.document_id.is_some() || self.extensions.is_some()
    }

    /// What a body would have said.
    pub fn read(self) -> Result<Params, Refused> {
        let Self { query, document_id, operation_name, variables, extensions } = self;
        let variables = object("variables", variables)?.unwrap_or_default();
        Ok(Params { query, document_id, operation_name, variables, extensions: object("extensions", extensions)? })
    }
}

fn object<T: for<'de> Deserialize<'de>>(name: &str, json: Option<String>) -> Result<Option<T>, Refused> {
    let json = json.filter(|json| !json.is_empty());
    let read = json.map(|json| serde_json::from_str(&json)).transpose();
    read.map_err(|_| Refused::bad(&format!("`{name}` must be a JSON object")))
}

/// One answer.
#[derive(Serialize)]
pub struct Answer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ServerError>,
    /// Absent when nothing was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

impl Answer {
    /// Of an operation that was executed.
    pub const fn executed(errors: Vec<ServerError>, data: Data) -> Self {
        Self { errors, data: Some(data) }
    }

    /// Of one that was not.
    pub const fn refused(errors: Vec<ServerError>) -> Self {
        Self { errors, data: None }
    }
}

/// The answers to a body.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Answers {
    /// To a request.
    One(Answer),
    /// To a batch of them, in order.
    Many(Vec<Answer>),
}

/// What comes of a body.
pub struct Answered {
    /// The answers.
    pub answers: Answers,
    /// What the response says beside them.
    pub told: HeaderMap,
}

impl Answers {
    fn all(&mut self) -> &mut [Answer] {
        match self {
            Self::One(answer) => std::slice::from_mut(answer),
            Self::Many(answers) => answers,
        }
    }

    /// The status that goes with them. To those who know the new media type it says that nothing was executed.
    fn status(&self, media: Media) -> StatusCode {
        let Self::One(Answer { data: None, errors }) = self else { return StatusCode::OK };
        let limited = errors.iter().any(|error| errors::is(error, crate::Code::RateLimited.as_str()));
        match media {
            _ if limited => StatusCode::TOO_MANY_REQUESTS,
            Media::GraphQl => StatusCode::BAD_REQUEST,
            Media::Json => StatusCode::OK,
        }
    }
}

/// Why a request is refused before any of it is executed: a status and an error.
pub struct Refused(StatusCode, Box<ServerError>);

impl Refused {
    /// With this status.
    pub fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self(status, Box::new(said(code, message)))
    }

    /// It is no GraphQL request.
    pub fn bad(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, errors::BAD_REQUEST, message)
    }

    /// The caller accepts nothing that there is.
    pub fn not_acceptable() -> Self {
        let message = "this answers `application/graphql-response+json` or `application/json`";
        Self::new(StatusCode::NOT_ACCEPTABLE, errors::NOT_ACCEPTABLE, message)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(failure.code().status(), Box::new(errors::failed(&failure)))
    }
}

/// The response to a request with these headers, of which every error names the id.
pub fn respond(headers: &HeaderMap, outcome: Result<Answered, Refused>) -> Response {
    let media = Media::accepted(headers);
    let mut told = HeaderMap::new();
    let (status, mut answers) = match (outcome, media) {
        (Ok(answered), Some(media)) => {
            told = answered.told;
            (answered.answers.status(media), answered.answers)
        }
        (Err(Refused(status, error)), _) => (status, Answers::One(Answer::refused(vec![*error]))),
        // Refused before anything was executed: see `Edge::open`.
        (Ok(_), None) => {
            let Refused(status, error) = Refused::not_acceptable();
            (status, Answers::One(Answer::refused(vec![*error])))
        }
    };
    let id = errors::request_id(headers);
    let mut wait = None;
    for error in answers.all().iter_mut().flat_map(|answer| &mut answer.errors) {
        errors::stamp(error, &id);
        wait = wait.max(errors::retry_after(error));
    }
    // A response holds names, texts, numbers and lists: there is nothing in it that JSON cannot.
    let body = serde_json::to_vec(&answers).unwrap_or_default();
    let mut response = (status, told, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media.unwrap_or(Media::Json).header());
    // It is the caller's alone, and says so to whatever stands between, which does not know of our keys.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(errors::REQUEST_ID, id);
    }
    if let Some(seconds) = wait {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    match status {
        StatusCode::UNAUTHORIZED => headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        StatusCode::METHOD_NOT_ALLOWED => headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST")),
        _ => None,
    };
    response
}
