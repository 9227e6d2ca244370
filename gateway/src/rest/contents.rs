//! What a message may say, and how messages are picked by what they say.

use crate::Failure;
use conversations::{Likeness, StreamingStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What a message says.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Text.
    Text {
        #[serde(flatten)]
        voice: Voice,
        #[serde(default)]
        format: Format,
        content: String,
        attachments: Option<Vec<Attachment>>,
    },
    /// What a model thought.
    Reasoning {
        #[serde(flatten)]
        voice: Voice,
        summary: Vec<String>,
        content: Option<Vec<String>>,
    },
    /// Data.
    Data {
        #[serde(flatten)]
        voice: Voice,
        data: Map<String, Value>,
    },
    /// A call of a tool.
    ToolRequest {
        #[serde(flatten)]
        voice: Voice,
        tool_call_id: String,
        name: String,
        arguments: Map<String, Value>,
    },
    /// What a tool answered.
    ToolResponse {
        #[serde(flatten)]
        voice: Voice,
        tool_call_id: String,
        name: String,
        content: Value,
        is_error: Option<bool>,
    },
}

/// Who says it, and how it is shown.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Voice {
    author: Author,
    #[serde(default)]
    style: Style,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Author {
    User,
    Agent,
}

#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Style {
    #[default]
    Static,
    Active,
}

/// How a text is to be read.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As it stands.
    #[default]
    Plain,
    /// As Markdown.
    Markdown,
    /// As a program.
    Code,
}

/// A file that goes with a text.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Attachment {
    file_id: String,
    name: String,
    size: i64,
    #[serde(rename = "type")]
    kind: String,
}

/// As it is kept: with its defaults written out.
impl TryFrom<Content> for Map<String, Value> {
    type Error = Failure;

    fn try_from(content: Content) -> Result<Self, Failure> {
        match serde_json::to_value(content) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) | Err(_) => Err(Failure::invalid("content: cannot be kept")),
        }
    }
}

/// A streaming status on the wire.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = StreamingStatus)]
pub enum StreamingWord {
    /// More of it is to come.
    InProgress,
    /// It is whole.
    Done,
}

impl From<StreamingWord> for StreamingStatus {
    fn from(word: StreamingWord) -> Self {
        match word {
            StreamingWord::InProgress => Self::InProgress,
            StreamingWord::Done => Self::Done,
        }
    }
}

/// What to pick messages by. Several are told apart by `exclude`: any of the others is enough, none of
/// these may be.
#[derive(Deserialize)]
struct Filter {
    content: Option<Map<String, Value>>,
    streaming_status: Option<StreamingWord>,
    #[serde(default)]
    exclude: bool,
}

/// One filter, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Filters {
    Several(Vec<Filter>),
    One(Filter),
}

/// The most conditions a request may have: each is asked of each message.
const MOST_CONDITIONS: usize = 100;

/// What messages are to be like, and what they are not to be like.
pub fn filters(text: Option<&str>) -> Result<(Vec<Likeness>, Vec<Likeness>), Failure> {
    let Some(text) = text else { return Ok((Vec::new(), Vec::new())) };
    // Agentex answers 400 here where it answers 422 elsewhere.
    let Ok(json) = serde_json::from_str::<Value>(text) else {
        return Err(Failure::Precondition("filters: must be JSON".to_owned()));
    };
    let shape = "filters: must be an object, or an array of objects, of `content`, `streaming_status` and `exclude`";
    let filters = match serde_json::from_value(json) {
        Ok(Filters::Several(filters)) => filters,
        Ok(Filters::One(filter)) => vec![filter],
        Err(_) => return Err(Failure::invalid(shape)),
    };
    let filters = filters.into_iter().map(|filter| (filter.exclude, Likeness::from(filter)));
    let (unlike, like): (Vec<_>, Vec<_>) = filters.partition(|(exclude, _)| *exclude);
    let conditions = like.iter().chain(&unlike).map(|(_, likeness)| 1 + likeness.content.len());
    if conditions.sum::<usize>() > MOST_CONDITIONS {
        return Err(Failure::invalid(format!("filters: must have at most {MOST_CONDITIONS} conditions")));
    }
    let bare = |likenesses: Vec<(bool, Likeness)>| likenesses.into_iter().map(|(_, likeness)| likeness).collect();
    Ok((bare(like), bare(unlike)))
}

impl From<Filter> for Likeness {
    fn from(filter: Filter) -> Self {
        let mut content = Vec::new();
        flatten(&mut Vec::new(), filter.content.unwrap_or_default(), &mut content);
        Self { content, streaming_status: filter.streaming_status.map(StreamingStatus::from) }
    }
}

/// What stands at each path of an object. An object in an object is a longer path.
fn flatten(path: &mut Vec<String>, fields: Map<String, Value>, found: &mut Vec<(Vec<String>, Value)>) {
    for (name, value) in fields {
        path.push(name);
        match value {
            Value::Object(fields) => flatten(path, fields, found),
            leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                found.push((path.clone(), leaf));
            }
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept(content: Value) -> Result<Value, String> {
        let content: Content = serde_json::from_value(content).map_err(|error| error.to_string())?;
        Map::try_from(content).map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn contents_are_kept_with_their_defaults() {
        assert_eq!(
            kept(json!({"type": "text", "author": "user", "content": "hi", "unknown": 1})),
            Ok(json!({"type": "text", "author": "user", "style": "static", "format": "plain", "content": "hi",
                "attachments": null}))
        );
        let whole = json!({"type": "tool_response", "author": "agent", "style": "active", "tool_call_id": "1",
            "name": "f", "content": [null], "is_error": false});
        assert_eq!(kept(whole.clone()), Ok(whole));
    }

    #[test]
    fn contents_of_no_known_kind_are_refused() {
        for odd in [
            json!({}),
            json!({"type": "poem", "author": "user"}),
            json!({"type": "text", "author": "nobody", "content": ""}),
            json!({"type": "text", "author": "user", "content": 7}),
            json!({"type": "data", "author": "user", "data": []}),
            json!({"type": "reasoning", "author": "agent"}),
        ] {
            assert!(kept(odd.clone()).is_err(), "{odd}");
        }
    }

    #[test]
    fn filters_are_taken_apart() {
        let text = r#"[{"content": {"type": "data", "data": {"a": {"b": [1]}, "c": {}}}}, {"exclude": true, "streaming_status": "DONE"}]"#;
        let (like, unlike) = filters(Some(text)).unwrap();
        let path = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let content = vec![(path(&["data", "a", "b"]), json!([1])), (path(&["type"]), json!("data"))];
        assert_eq!(like, [Likeness { content, streaming_status: None }]);
        assert_eq!(unlike, [Likeness { content: vec![], streaming_status: Some(StreamingStatus::Done) }]);
        assert_eq!(filters(None).unwrap(), (vec![], vec![]));
        assert_eq!(filters(Some("{}")).unwrap(), (vec![Likeness::default()], vec![]));
    }

    #[test]
    fn filters_of_another_shape_are_refused() {
        let code = |text: &str| filters(Some(text)).unwrap_err().code().status().as_u16();
        assert_eq!(code("{"), 400);
        let many = format!("[{}]", ["{}"; 101].join(","));
        assert_eq!((code(&many), filters(Some(&many.replacen("{},", "", 1))).is_ok()), (422, true));
        for odd in ["7", "[7]", r#"{"content": 7}"#, r#"{"streaming_status": "LATE"}"#, r#"{"exclude": null}"#] {
            assert_eq!(code(odd), 422, "{odd}");
        }
    }
}
