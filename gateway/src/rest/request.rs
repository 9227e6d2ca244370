//! What a request says in its path and its body, read once.
//!
//! A handler takes [`crate::Caller`] first, so nobody unknown is told anything about their request.
//! Then it takes its [`Document`], which is parsed but not yet understood; asks the gate; and only
//! then understands the rest of it. So a caller who may not do a thing is never told how it is done.

use crate::{App, Failure};
use authz::{By, Guarded, Target, Task, action::Read};
use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, OptionalFromRequest, Path, Request},
};
use http::{HeaderMap, StatusCode, header, request};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is said of text that no row can hold.
pub const NUL: &str = "text with U+0000 in it cannot be stored";

/// The one thing a path names, as it was typed.
pub struct Key(pub String);

impl FromRequestParts<App> for Key {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, Failure> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, app).await else {
            return Err(Failure::invalid("the path is not UTF-8 text"));
        };
        if text.contains('\0') { Err(Failure::invalid(NUL)) } else { Ok(Self(text)) }
    }
}

/// The task to ask the gate about, for a child row that was typed and may not be there. A refusal
/// speaks of the child, and costs the same either way.
pub fn parent<T>(child: &str, located: Option<&Guarded<T, Task, Read>>) -> Target<Task> {
    Target::found(By::Id, child, located.map(|row| row.owner().clone()))
}

/// A JSON body: read once, parsed once, not yet understood. An id that is checked and a field that is
/// used come from this one value.
pub struct Document(Value);

impl Document {
    /// The id in `field`, to ask the gate about.
    pub fn id(&self, field: &str) -> Result<&str, Failure> {
        let Value::Object(fields) = &self.0 else { return Err(Failure::invalid("the body must be a JSON object")) };
        match fields.get(field) {
            Some(Value::String(text)) if text.contains('\0') => Err(Failure::invalid(format!("{field}: {NUL}"))),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Failure::invalid(format!("{field}: must be a string"))),
            None => Err(Failure::invalid(format!("{field}: is required"))),
        }
    }

    /// The id in `field`, if one is said; null says nothing.
    pub fn optional_id(&self, field: &str) -> Result<Option<&str>, Failure> {
        let said = self.0.as_object().is_none_or(|fields| fields.get(field).is_some_and(|value| !value.is_null()));
        if said { self.id(field).map(Some) } else { Ok(None) }
    }

    /// The body understood as a `T`. Keys that `T` does not know are passed over.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Failure> {
        if holds_nul(&self.0) {
            return Err(Failure::invalid(NUL));
        }
        serde_path_to_error::deserialize(self.0).map_err(|error| match error.path().to_string() {
            whole if whole == "." => Failure::invalid(error.inner().to_string()),
            field => Failure::invalid(format!("{field}: {}", error.inner())),
        })
    }

    fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, Failure> {
        if !speaks_json(headers) {
            return Err(Failure::UnsupportedMediaType);
        }
        serde_json::from_slice(bytes)
            .map(Self)
            .map_err(|error| Failure::invalid(format!("the body is not JSON: {error}")))
    }
}

impl FromRequest<App> for Document {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let (headers, bytes) = collect(request, app.limits.body_bytes).await?;
        Self::parse(&headers, &bytes)
    }
}

/// No body, and the body `null`, are no document.
impl OptionalFromRequest<App> for Document {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Option<Self>, Failure> {
        let (headers, bytes) = collect(request, app.limits.body_bytes).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let document = Self::parse(&headers, &bytes)?;
        Ok((!document.0.is_null()).then_some(document))
    }
}

/// The body and what is said of it, unless it is larger than `limit` bytes.
async fn collect(mut request: Request, limit: usize) -> Result<(HeaderMap, Bytes), Failure> {
    let headers = request.headers().clone();
    DefaultBodyLimit::max(limit).apply(&mut request);
    match Bytes::from_request(request, &()).await {
        Ok(bytes) => Ok((headers, bytes)),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Failure::TooLarge { limit }),
        Err(_) => Err(Failure::invalid("the body ended before it was whole")),
    }
}

/// Whether the body is said to be JSON, or nothing is said of it.
fn speaks_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde::Deserialize;
    use serde_json::json;

    fn said(failure: &Failure) -> String {
        failure.to_string()
    }

    #[test]
    fn c6_an_id_is_there_and_a_string_or_the_request_is_invalid() {
        let id = |body: Value| Document(body).id("thread_id").map(str::to_owned).map_err(|failure| said(&failure));
        assert_eq!(id(json!({"thread_id": "t"})), Ok("t".to_owned()));
        assert_eq!(id(json!({})), Err("thread_id: is required".to_owned()));
        for odd in [json!(null), json!(7), json!(["t"]), json!({"id": "t"})] {
            assert_eq!(id(json!({ "thread_id": odd })), Err("thread_id: must be a string".to_owned()));
        }
        for odd in [json!(null), json!([]), json!("thread_id")] {
            assert_eq!(id(odd), Err("the body must be a JSON object".to_owned()));
        }
    }

    #[test]
    fn of_a_key_said_twice_the_last_is_the_one_that_is_checked_and_used() {
        let twice = Document::parse(&HeaderMap::new(), br#"{"thread_id": "mine", "thread_id": "theirs"}"#);
        assert_eq!(twice.ok().and_then(|body| body.id("thread_id").ok().map(str::to_owned)).as_deref(), Some("theirs"));
    }

    #[test]
    fn a_bad_field_is_named() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read into")]
        struct Body {
            rows: Vec<Row>,
        }
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read into")]
        struct Row {
            index: i32,
        }
        let read = |body| Document(body).read::<Body>().map_err(|failure| said(&failure)).map(|_| ()).unwrap_err();
        assert_eq!(
            read(json!({"rows": [{"index": 1}, {"index": "x"}]})),
            "rows[1].index: invalid type: string \"x\", expected i32"
        );
        assert_eq!(read(json!({})), "missing field `rows`");
        assert_eq!(read(json!({"rows": [], "x": {"\0": 1}})), NUL);
    }

    #[test]
    fn a_body_is_json_unless_it_is_said_to_be_something_else() {
        let speaks = |kind: &'static str| {
            speaks_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]))
        };
        assert!(speaks_json(&HeaderMap::new()));
        assert!(
            speaks("application/json") && speaks("Application/JSON; charset=utf-8") && speaks("application/x+json")
        );
        assert!(!speaks("text/plain") && !speaks("application/x-www-form-urlencoded") && !speaks(""));
    }
}
