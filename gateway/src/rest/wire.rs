//! How values that several resources share are written, and what every operation may answer instead.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{Content, Ref, RefOr, Response, Schema},
};

/// A time, as RFC 3339 with microseconds and `Z`.
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct Timestamp(pub DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// Bytes, as base64 in the standard alphabet, with padding. Anything else is refused, not passed over.
#[derive(ToSchema)]
#[schema(value_type = String, format = Byte)]
pub struct Base64(pub Bytes);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match STANDARD.decode(text) {
            Ok(bytes) => Ok(Self(bytes.into())),
            Err(_) => Err(D::Error::custom("must be base64 in the standard alphabet, with padding")),
        }
    }
}

/// A body that names the task it is about, for the document. The handler asks the gate about that task
/// before it reads the rest.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Document::id` and `Document::read` read")]
pub struct OnTask<T> {
    /// The id of the task.
    task_id: String,
    #[schema(inline)]
    #[serde(flatten)]
    rest: T,
}

/// What was deleted.
#[derive(Serialize, ToSchema)]
pub struct DeleteResponse {
    /// Its id.
    pub id: String,
    /// That it is gone.
    pub message: String,
}

/// An answer that is not the one hoped for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Failure` writes")]
struct Problem {
    /// What is wrong.
    message: String,
    /// The HTTP status.
    code: u16,
    /// Always null.
    data: Option<()>,
}

/// The answer to a request of the wrong form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Failure` writes")]
struct ValidationProblem {
    /// Which field, and what it takes.
    message: String,
    /// Always 10422.
    status_code: u16,
    /// Always null.
    data: Option<()>,
}

/// The answer to somebody unknown.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Failure` writes")]
struct Detail {
    /// What is wrong.
    detail: String,
}

/// What any operation may answer instead. The `x-error-code` header has a stable word for each.
pub struct Refused;

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [
            ("400", "The request is well-formed, and the present state does not allow it."),
            ("401", "No credential, or one that is nobody's."),
            ("403", "Visible, but not for this caller to do this to. Only where denials are split."),
            ("404", "Not there, or not for this caller: the two cannot be told apart."),
            ("409", "It is there already."),
            ("413", "The body is too large."),
            ("415", "The body is not said to be JSON."),
            ("422", "The request is not of the form this operation takes."),
            ("503", "Something behind the gateway cannot be reached. Trying again may help."),
        ]
        .into_iter()
        .map(|(status, description)| {
            let body = match status {
                "401" => Detail::name(),
                "422" => ValidationProblem::name(),
                _ => Problem::name(),
            };
            let mut response = Response::new(description);
            let body = RefOr::T(Content::new(Some(Ref::from_schema_name(body))));
            response.content.insert("application/json".to_owned(), body);
            (status.to_owned(), RefOr::T(response))
        })
        .collect()
    }
}

/// The schemas that [`Refused`] refers to.
pub fn problems() -> impl Iterator<Item = (String, RefOr<Schema>)> {
    fn named<T: ToSchema>() -> (String, RefOr<Schema>) {
        (T::name().into_owned(), T::schema())
    }
    [named::<Problem>(), named::<ValidationProblem>(), named::<Detail>()].into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds_and_a_z() {
        let at = DateTime::from_timestamp(1_700_000_000, 120_000_999).map(Timestamp);
        assert_eq!(serde_json::to_string(&at).ok().as_deref(), Some("\"2023-11-14T22:13:20.120000Z\""));
    }

    #[test]
    fn c7_base64_is_taken_whole_or_not_at_all() {
        let read = |text: &str| serde_json::from_value::<Base64>(text.into()).map(|bytes| bytes.0.to_vec()).ok();
        assert_eq!(read("AAH/"), Some(vec![0, 1, 255]));
        assert_eq!(read(""), Some(vec![]));
        for odd in ["AAH_", "AA", "AA=", "AA==\n", " AAH/", "AAH/=", "ä"] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
    }
}
