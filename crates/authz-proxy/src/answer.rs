//! What each answer of the service means: the truth table.
//!
//! | status | a check | any other call |
//! | --- | --- | --- |
//! | 200 | what the body says, in so many words | done, or what the body says |
//! | 403 | no | nonsense: nobody asked for permission |
//! | 408, 504 | not in time | not in time |
//! | 429, 5xx | unavailable | unavailable |
//! | everything else | nonsense | nonsense |
//!
//! A body that is not JSON, or does not say what it should say, or says the opposite of its status, is
//! nonsense. Nonsense is an error, and an error lets nobody in. No status of the service is ever the caller's.

use crate::{client::Answer, wire};
use authz::{EngineError, Extent, Holder, Lookup};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// A status that is no answer.
#[derive(Debug, thiserror::Error)]
#[error("it answered with status {0}")]
struct Status(u16);

/// The service does not know the call.
#[derive(Debug, thiserror::Error)]
#[error("this authorization service cannot say who holds roles")]
struct CannotSay;

/// What an answer that is no answer is.
pub fn refused(status: u16) -> EngineError {
    match status {
        408 | 504 => EngineError::TimedOut,
        429 | 500..=599 => EngineError::Unavailable(Status(status).into()),
        _ => EngineError::Malformed(Status(status).to_string()),
    }
}

fn nonsense(what: &str) -> EngineError {
    EngineError::Malformed(what.to_owned())
}

/// What the body says. An object, since a list of the right length would pass for one.
fn object<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, EngineError> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(nonsense(what));
    }
    serde_json::from_slice(body).map_err(|_| nonsense(what))
}

/// A word that is there is a boolean: `null` is not "nothing said".
fn plainly<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Decided {
    #[serde(default, deserialize_with = "plainly")]
    allowed: Option<bool>,
    #[serde(default, deserialize_with = "plainly")]
    success: Option<bool>,
}

/// Whether a check was answered with yes. With `bare_ok`, a 200 that says neither yes nor no is a yes.
pub fn decision(answer: &Answer, bare_ok: bool) -> Result<bool, EngineError> {
    match answer.status {
        200 => {}
        403 => return Ok(false),
        status => return Err(refused(status)),
    }
    match object(&answer.body, "a check was answered with something else than a decision")? {
        Decided { success: Some(false), .. } => Err(nonsense("a check has failed with status 200")),
        Decided { allowed: Some(allowed), .. } => Ok(allowed),
        Decided { allowed: None, .. } if bare_ok => Ok(true),
        Decided { allowed: None, .. } => Err(nonsense("the answer to a check does not say `allowed` (`bare_ok`)")),
    }
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    unscoped: Value,
    items: Option<Vec<Arc<str>>>,
}

/// What a search has found. Only `unscoped: true` is everything; whatever else stands there says nothing.
pub fn found(answer: &Answer, most: Option<usize>) -> Result<Lookup, EngineError> {
    if answer.status != 200 {
        return Err(refused(answer.status));
    }
    let found: Found = object(&answer.body, "a search was answered with something else than ids")?;
    match found {
        Found { unscoped: Value::Bool(true), .. } => Ok(Lookup::Within(Extent::Everything)),
        Found { items: None, .. } => Err(nonsense("the answer to a search has no `items`")),
        Found { items: Some(items), .. } => {
            let items: BTreeSet<_> = items.into_iter().collect();
            Ok(if most.is_some_and(|most| items.len() > most) { Lookup::TooMany } else { Lookup::ids(items) })
        }
    }
}

/// Whether a write was done.
pub fn done(answer: &Answer) -> Result<(), EngineError> {
    if answer.status != 200 {
        return Err(refused(answer.status));
    }
    let said: Value =
        serde_json::from_slice(&answer.body).map_err(|_| nonsense("a write was answered without JSON"))?;
    match said.get("success") {
        Some(Value::Bool(false)) => Err(nonsense("a write has failed with status 200")),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct Held {
    holders: Vec<Vec<wire::Held>>,
}

/// Who holds roles on each of so many resources.
pub fn holders(answer: &Answer, resources: usize) -> Result<Vec<Vec<Holder>>, EngineError> {
    match answer.status {
        200 => {}
        404 | 405 | 501 => return Err(EngineError::Unavailable(CannotSay.into())),
        status => return Err(refused(status)),
    }
    let held: Held = object(&answer.body, "holders were asked for, and something else was told")?;
    if held.holders.len() != resources {
        return Err(nonsense("holders are missing or too many"));
    }
    let of_one = |held: Vec<wire::Held>| {
        let holders: Option<BTreeSet<Holder>> = held.into_iter().map(wire::Held::holder).collect();
        holders.map(|holders| holders.into_iter().collect())
    };
    let all: Option<Vec<Vec<Holder>>> = held.holders.into_iter().map(of_one).collect();
    all.ok_or_else(|| nonsense("a holder is nobody, or has no role"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned().into() }
    }

    /// `yes`, `no`, or the class of the error.
    fn checked(status: u16, body: &str, bare_ok: bool) -> &'static str {
        match decision(&answer(status, body), bare_ok) {
            Ok(true) => "yes",
            Ok(false) => "no",
            Err(error) => error.class(),
        }
    }

    fn searched(status: u16, body: &str) -> String {
        match found(&answer(status, body), None) {
            Ok(Lookup::Within(Extent::Everything)) => "everything".to_owned(),
            Ok(Lookup::Within(Extent::Ids(ids))) => ids.iter().map(|id| &**id).collect::<Vec<_>>().join(" "),
            Ok(_) => "?".to_owned(),
            Err(error) => error.class().to_owned(),
        }
    }

    const YES: &str = r#"{"allowed": true}"#;

    /// Bodies that come with 200 and say nothing that could be meant, whatever was asked.
    const GARBAGE: &[&str] = &[
        "",
        " ",
        "yes",
        "true",
        "null",
        "1",
        "\"allowed\"",
        "[]",
        "[true]",
        "[true, true]",
        "[null, [\"a\"]]",
        "{",
        "{}}",
        "{\"allowed\": tru",
        "{'allowed': true}",
        "<html>",
        "\u{feff}{\"allowed\": true}",
        "{\"allowed\": true} {\"allowed\": true}",
        "{\"allowed\": false, \"allowed\": true}",
        "{\"items\": [\"a\"], \"items\": [\"b\"]}",
        "{\"unscoped\": false, \"unscoped\": true}",
    ];

    #[test]
    fn a_check_is_a_yes_only_in_so_many_words() {
        for (body, meaning, meaning_if_bare) in [
            (YES, "yes", "yes"),
            (r#"{"allowed": true, "reason": "owner"}"#, "yes", "yes"),
            (r#"{"allowed": false}"#, "no", "no"),
            (r#"{"allowed": null}"#, "Malformed", "Malformed"),
            (r#"{"allowed": "true"}"#, "Malformed", "Malformed"),
            (r#"{"allowed": 1}"#, "Malformed", "Malformed"),
            (r#"{"allowed": [true]}"#, "Malformed", "Malformed"),
            (r#"{"allowed": true, "success": false}"#, "Malformed", "Malformed"),
            (r#"{"success": false}"#, "Malformed", "Malformed"),
            (r#"{"success": null}"#, "Malformed", "Malformed"),
            (r#"{"success": true}"#, "Malformed", "yes"),
            (r#"{"Allowed": true}"#, "Malformed", "yes"),
            ("{}", "Malformed", "yes"),
        ] {
            assert_eq!(checked(200, body, false), meaning, "{body}");
            assert_eq!(checked(200, body, true), meaning_if_bare, "{body}");
        }
        for body in GARBAGE.iter().filter(|body| !body.contains("items") && !body.contains("unscoped")) {
            assert_eq!(checked(200, body, false), "Malformed", "{body}");
            assert_eq!(checked(200, body, true), "Malformed", "{body}");
        }
    }

    #[test]
    fn only_200_and_403_decide_whatever_the_body_says() {
        for status in 100..600_u16 {
            for body in [YES, "", "{}", r#"{"allowed": false}"#, r#"{"message": "m"}"#] {
                let meaning = match status {
                    200 => continue,
                    403 => "no",
                    408 | 504 => "Timeout",
                    429 | 500.. => "Unavailable",
                    _ => "Malformed",
                };
                assert_eq!(checked(status, body, true), meaning, "{status} {body}");
            }
        }
    }

    #[test]
    fn a_search_names_ids_or_says_that_it_is_everything() {
        for (body, meaning) in [
            (r#"{"items": ["b", "a", "b"]}"#, "a b"),
            (r#"{"items": []}"#, ""),
            (r#"{"items": ["a"], "unscoped": false}"#, "a"),
            (r#"{"items": ["a"], "unscoped": null}"#, "a"),
            (r#"{"unscoped": true}"#, "everything"),
            (r#"{"unscoped": true, "items": null}"#, "everything"),
            (r#"{"unscoped": true, "items": []}"#, "everything"),
            (r#"{"items": null}"#, "Malformed"),
            (r#"{"items": null, "unscoped": false}"#, "Malformed"),
            (r#"{"items": "a"}"#, "Malformed"),
            (r#"{"items": {"a": true}}"#, "Malformed"),
            (r#"{"items": ["a", null]}"#, "Malformed"),
            (r#"{"items": ["a", 1]}"#, "Malformed"),
            (r#"{"items": ["a", ["b"]]}"#, "Malformed"),
            (r#"{"items": ["a"], "unscoped": "true"}"#, "a"),
            (r#"{"items": ["a"], "unscoped": 1}"#, "a"),
            (r#"{"items": ["a"], "unscoped": [true]}"#, "a"),
            (r#"{"unscoped": "true"}"#, "Malformed"),
            (r#"{"unscoped": 1}"#, "Malformed"),
            (r#"{"unscoped": [true]}"#, "Malformed"),
            (r#"{"unscoped": false}"#, "Malformed"),
            ("{}", "Malformed"),
        ] {
            assert_eq!(searched(200, body), meaning, "{body}");
        }
        for body in GARBAGE {
            assert_eq!(searched(200, body), "Malformed", "{body}");
        }
        for status in (100..600_u16).filter(|status| *status != 200) {
            let found = searched(status, r#"{"unscoped": true}"#);
            assert!(["Malformed", "Unavailable", "Timeout"].contains(&found.as_str()), "{status}: {found}");
        }
    }

    #[test]
    fn a_list_longer_than_wanted_is_not_cut() {
        let three = answer(200, r#"{"items": ["a", "b", "c", "a"]}"#);
        for (most, whole) in [(None, true), (Some(3), true), (Some(2), false), (Some(0), false)] {
            let found = found(&three, most).unwrap();
            assert_eq!(matches!(found, Lookup::Within(Extent::Ids(ids)) if ids.len() == 3), whole, "{most:?}");
        }
    }

    #[test]
    fn a_write_is_done_with_200_and_json_that_does_not_take_it_back() {
        for body in ["{}", "null", "true", r#"{"success": true}"#, r#"{"message": "ok"}"#] {
            assert!(done(&answer(200, body)).is_ok(), "{body}");
        }
        for body in ["", "ok", "{", r#"{"success": false}"#] {
            assert_eq!(done(&answer(200, body)).unwrap_err().class(), "Malformed", "{body}");
        }
        for (status, class) in [(201, "Malformed"), (204, "Malformed"), (302, "Malformed"), (403, "Malformed")] {
            assert_eq!(done(&answer(status, "{}")).unwrap_err().class(), class, "{status}");
        }
        assert!(done(&answer(503, "{}")).unwrap_err().is_transient());
    }

    #[test]
    fn holders_are_of_each_resource_or_of_none() {
        let told = |body: &str| holders(&answer(200, body), 2).map_err(|error| error.class());
        let one = r#"{"principal": {"user_id": "u"}, "relation": "viewer"}"#;
        assert_eq!(told(&format!(r#"{{"holders": [[{one}, {one}], []]}}"#)).unwrap().first().map(Vec::len), Some(1));
        for body in [
            r#"{"holders": [[]]}"#.to_owned(),
            r#"{"holders": [[], [], []]}"#.to_owned(),
            r#"{"holders": [null, []]}"#.to_owned(),
            r#"{"holders": null}"#.to_owned(),
            one.replace("viewer", "wizard").replace("{\"principal", "{\"holders\": [[{\"principal") + "], []]}",
            one.replace("user_id", "uid").replace("{\"principal", "{\"holders\": [[{\"principal") + "], []]}",
        ] {
            assert_eq!(told(&body), Err("Malformed"), "{body}");
        }
        let unknown = holders(&answer(404, ""), 2).unwrap_err();
        assert!(std::error::Error::source(&unknown).unwrap().to_string().contains("who holds roles"));
    }
}
