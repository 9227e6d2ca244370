//! What an edge answered.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// A status, headers and bytes. Comparable, so that two answers can be told to be the same.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Headers that differ between two requests whatever was asked.
const INCIDENTAL: &[&str] = &["date", "x-request-id", "content-length"];

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("answers are UTF-8")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.text()))
    }

    /// The body as JSON, once the status is `status`.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The code of a refused REST request.
    #[must_use]
    pub fn rest_code(&self) -> Option<&str> {
        self.headers.get("x-error-code").map(|code| code.to_str().unwrap())
    }

    /// GraphQL's data, when there is no error.
    pub fn data(&self) -> Value {
        let body = self.expect(200);
        assert!(body.get("errors").is_none(), "{body:#}");
        body["data"].clone()
    }

    /// The codes of GraphQL's errors.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["extensions"]["code"].as_str().unwrap_or("none").to_owned()).collect()
    }

    /// Everything a caller could tell two answers apart by, with `typed` (what this caller asked for)
    /// replaced by a word that does not depend on it.
    #[must_use]
    pub fn without(&self, typed: &str) -> String {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !INCIDENTAL.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        headers.sort();
        let body = String::from_utf8_lossy(&self.body);
        format!("{}\n{}\n\n{body}", self.status, headers.join("\n")).replace(typed, "TYPED")
    }
}
