//! Stored JSON on its way to the caller.
//!
//! The library would rebuild a document value by value before it writes it. Here it is written once, and
//! travels through the answer as it is.

use async_graphql::{
    ContextSelectionSet, Json, OutputType, Positioned, ServerError, ServerResult, Value, parser::types::Field,
    registry::Registry,
};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap as _},
};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A JSON document of a row.
pub struct Stored<'a>(pub &'a serde_json::Value);

impl<'a> Stored<'a> {
    /// A document of which null is the same as none.
    pub fn present(document: Option<&'a serde_json::Value>) -> Option<Self> {
        document.filter(|document| !document.is_null()).map(Self)
    }

    /// The document as it travels.
    pub fn written(&self) -> serde_json::Result<Value> {
        Ok(Value::Binary(serde_json::to_vec(self.0)?.into()))
    }
}

impl OutputType for Stored<'_> {
    fn type_name() -> Cow<'static, str> {
        <Json<serde_json::Value> as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Json<serde_json::Value> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        self.written().map_err(|error| ServerError::new(error.to_string(), Some(field.pos)))
    }
}

/// The data of an answer. Only [`Stored`] makes binary values, and they are JSON already.
pub struct Data(pub Value);

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Borrowed(&self.0).serialize(serializer)
    }
}

struct Borrowed<'a>(&'a Value);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Binary(written) => {
                let raw: &RawValue = serde_json::from_slice(written).map_err(S::Error::custom)?;
                raw.serialize(serializer)
            }
            Value::List(items) => serializer.collect_seq(items.iter().map(Borrowed)),
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name.as_str(), &Borrowed(value))?;
                }
                map.end()
            }
            plain @ (Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Enum(_)) => {
                plain.serialize(serializer)
            }
        }
    }
}
