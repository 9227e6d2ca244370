//! What callers send, checked: each refusal names the argument.

use crate::Failure;
use async_graphql::{ID, Json};
use authz::Target;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};

/// The JSON object in the argument `name`.
pub fn object(name: &str, value: Json<Value>) -> Result<Map<String, Value>, Failure> {
    match value.0 {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Failure::invalid(format!("`{name}` must be a JSON object")))
        }
    }
}

/// The JSON object in the argument `name`, if it is given.
pub fn optional_object(name: &str, value: Option<Json<Value>>) -> Result<Option<Map<String, Value>>, Failure> {
    value.map(|value| object(name, value)).transpose()
}

/// The bytes in the argument `name`.
pub fn bytes(name: &str, text: &str) -> Result<Bytes, Failure> {
    let bytes = STANDARD.decode(text).map_err(|_| Failure::invalid(format!("`{name}` must be padded base64")))?;
    Ok(bytes.into())
}

/// Bytes as callers send and get them.
pub fn base64(bytes: &Bytes) -> String {
    STANDARD.encode(bytes)
}

/// By which of two keys something is asked for: exactly one must be given.
pub fn one_of(id: Option<ID>, name: Option<String>) -> Result<Key, Failure> {
    match (id, name) {
        (Some(id), None) => Ok(Key::Id(id)),
        (None, Some(name)) => Ok(Key::Name(name)),
        (Some(_), Some(_)) | (None, None) => Err(Failure::invalid("exactly one of `id` and `name` must be given")),
    }
}

/// By what something is asked for.
pub enum Key {
    /// Its id.
    Id(ID),
    /// Its name.
    Name(String),
}

/// The resource with an id somebody typed.
pub fn typed<R: authz::Resource>(id: &ID) -> Target<R> {
    Target::typed(id)
}
