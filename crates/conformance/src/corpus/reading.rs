//! The forms in which corpora are written. What cannot be meant is an error that names it.

use super::{Assertion, Corpus, Finding};
use authz::{Action, ActionSet, Id, Kind, Principal, Relation, Relationship, ResourceRef, Task, schema};
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeSet, fmt::Display};

/// A file of `tests/corpus`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What it shows, for people.
    about: String,
    relationships: Vec<(String, String, String)>,
    #[serde(default)]
    revoked: Vec<(String, String, String)>,
    #[serde(default)]
    deregistered: Vec<String>,
    check: Vec<(String, String, String, Answer)>,
    bulk: Vec<Bulk>,
    lookup: Vec<Look>,
}

/// The answer to a question.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Allowed,
    Denied,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulk {
    who: String,
    asks: Vec<(String, String, Answer)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    who: String,
    action: String,
    kind: String,
    finds: Vec<String>,
}

/// A file that `zed validate` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Validation {
    schema_file: String,
    relationships: String,
    assertions: Assertions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Assertions {
    assert_true: Vec<String>,
    assert_false: Vec<String>,
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

impl Corpus {
    /// Reads a file of `tests/corpus`.
    ///
    /// # Errors
    /// Says which entry cannot be meant.
    pub fn read(name: &str, text: &str) -> Result<Self, String> {
        Self::read_file(name, text).map_err(|error| format!("{name}: {error}"))
    }

    fn read_file(name: &str, text: &str) -> Result<Self, String> {
        let file: File = parsed(text)?;
        if file.about.trim().is_empty() || file.check.is_empty() || file.bulk.is_empty() || file.lookup.is_empty() {
            return Err("it says what it is about, and has checks, bulks and look-ups".to_owned());
        }
        let edge = |(resource, relation, subject): &(String, String, String)| relationship(resource, relation, subject);
        let check = file.check.iter().map(|(who, action, resource, answer)| assertion(who, action, resource, *answer));
        let bulk = file.bulk.iter().map(|bulk| {
            let asks = bulk.asks.iter();
            asks.map(|(action, resource, answer)| assertion(&bulk.who, action, resource, *answer)).collect()
        });
        let corpus = Self {
            name: name.to_owned(),
            relationships: file.relationships.iter().map(edge).collect::<Result<_, _>>()?,
            revoked: file.revoked.iter().map(edge).collect::<Result<_, _>>()?,
            deregistered: file.deregistered.iter().map(|text| resource(text)).collect::<Result<_, _>>()?,
            check: check.collect::<Result<_, _>>()?,
            bulk: bulk.collect::<Result<_, _>>()?,
            lookup: file.lookup.iter().map(finding).collect::<Result<_, _>>()?,
        };
        // A slip of the pen would otherwise take away what was never there, and pass.
        match corpus.revoked.iter().find(|revoked| !corpus.relationships.contains(revoked)) {
            Some(never) => Err(format!("{never} is revoked and was never there")),
            None => Ok(corpus),
        }
    }

    /// Reads assertions in the form of `zed validate`.
    ///
    /// # Errors
    /// Says which line cannot be meant.
    pub fn read_assertions(text: &str) -> Result<Self, String> {
        let file: Validation = parsed(text)?;
        if file.schema_file != "schema.zed" {
            return Err(format!("`{}` is not the schema", file.schema_file));
        }
        let lines = file.relationships.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
        let edge = |line: &str| {
            let (resource, relation, subject) = apart(line)?;
            relationship(resource, relation, subject)
        };
        let sides = [(&file.assertions.assert_true, Answer::Allowed), (&file.assertions.assert_false, Answer::Denied)];
        let asked = |(lines, answer): (&Vec<String>, Answer)| {
            lines.iter().map(move |line| (line.clone(), answer)).collect::<Vec<_>>()
        };
        let check = sides.into_iter().flat_map(asked).map(|(line, answer)| {
            let (resource, action, who) = apart(&line)?;
            assertion(who, action, resource, answer)
        });
        Ok(Self {
            name: "schema.assertions".to_owned(),
            relationships: lines.map(edge).collect::<Result<_, _>>()?,
            revoked: Vec::new(),
            deregistered: Vec::new(),
            check: check.collect::<Result<_, _>>()?,
            bulk: Vec::new(),
            lookup: Vec::new(),
        })
    }
}

/// The parts of `resource#word@subject`.
fn apart(line: &str) -> Result<(&str, &str, &str), String> {
    let parts = || {
        let (resource, rest) = line.split_once('#')?;
        let (word, subject) = rest.split_once('@')?;
        Some((resource, word, subject))
    };
    parts().ok_or_else(|| format!("`{line}` is not `resource#relation@subject`"))
}

fn named<E: Display>(text: &str) -> impl Fn(E) -> String {
    move |error| format!("`{text}`: {error}")
}

fn resource(text: &str) -> Result<ResourceRef, String> {
    text.parse().map_err(named::<authz::UnknownResource>(text))
}

fn principal(text: &str) -> Result<Principal, String> {
    text.parse().map_err(named::<authz::UnknownPrincipal>(text))
}

fn relationship(of: &str, relation: &str, subject: &str) -> Result<Relationship, String> {
    let (resource, known) = (resource(of)?, Relation::from_word(relation));
    let takes = known.and_then(|relation| schema::subjects(resource.kind, relation));
    let (Some(known), Some(takes)) = (known, takes) else {
        return Err(format!("{of} has no relation `{relation}`"));
    };
    let (kind, id) = subject.split_once(':').ok_or_else(|| format!("`{subject}` is not `KIND:ID`"))?;
    if !takes.contains(&kind) {
        return Err(format!("`{subject}` cannot be {relation} of {of}"));
    }
    let id = Id::<Task>::parse(id).map_err(named(subject))?;
    Ok(Relationship { resource, relation: known, subject_kind: kind.into(), subject_id: id.to_text() })
}

/// A permission that there is.
fn permission(kind: Kind, word: &str) -> Result<Action, String> {
    let action = ActionSet::all().iter().find(|action| action.as_str() == word);
    let action = action.filter(|action| schema::rule(kind, *action).is_some());
    action.ok_or_else(|| format!("there is no action `{word}` on {kind}"))
}

fn assertion(who: &str, action: &str, on: &str, answer: Answer) -> Result<Assertion, String> {
    let (who, resource) = (principal(who)?, resource(on)?);
    let action = permission(resource.kind, action)?;
    Ok(Assertion { who, action, resource, allowed: answer == Answer::Allowed })
}

fn finding(look: &Look) -> Result<Finding, String> {
    let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == look.kind);
    let kind = kind.ok_or_else(|| format!("there is no kind `{}`", look.kind))?;
    let finds: BTreeSet<_> = look.finds.iter().map(|id| id.as_str().into()).collect();
    Ok(Finding { who: principal(&look.who)?, action: permission(kind, &look.action)?, kind, finds })
}
