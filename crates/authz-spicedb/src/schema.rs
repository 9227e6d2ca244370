//! The schema in `SpiceDB`, and whether it is ours.

use crate::SpiceDb;
use authz::{EngineError, schema};
use spicedb_grpc_tonic::v1::{ReadSchemaRequest, WriteSchemaRequest};
use std::collections::BTreeSet;
use tonic::{Code, Status};

/// How the schema in `SpiceDB` differs from ours: statements, by the definition they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What is ours and not there.
    pub missing: Vec<String>,
    /// What is there and not ours.
    pub foreign: Vec<String>,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.missing.is_empty() && self.foreign.is_empty()
    }

    fn between(ours: &str, theirs: &str) -> Self {
        let (ours, theirs) = (statements(ours), statements(theirs));
        let without = |all: &BTreeSet<String>, others: &BTreeSet<String>| all.difference(others).cloned().collect();
        Self { missing: without(&ours, &theirs), foreign: without(&theirs, &ours) }
    }
}

/// The statements of a schema, each with its definition, without comments and in one spelling. The
/// order of the subjects of a relation means nothing, and `SpiceDB` may print them in another.
fn statements(zed: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut definition = String::new();
    for line in zed.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(name) = words.strip_prefix("definition ") {
            name.trim_end_matches(['{', '}', ' ']).clone_into(&mut definition);
            found.insert(format!("definition {definition}"));
        } else if let Some((head, subjects)) = words.split_once(": ").filter(|(head, _)| head.starts_with("relation "))
        {
            let subjects: BTreeSet<_> = subjects.split(" | ").collect();
            let subjects: Vec<_> = subjects.into_iter().collect();
            found.insert(format!("{definition}: {head}: {}", subjects.join(" | ")));
        } else if words.starts_with("permission ") {
            found.insert(format!("{definition}: {}", without_needless_brackets(words)));
        }
    }
    found
}

/// A permission without brackets around what `+` joins: it binds tightest, and `SpiceDB` leaves them out.
fn without_needless_brackets(mut permission: String) -> String {
    loop {
        let innermost = permission.match_indices('(').find_map(|(open, _)| {
            let inside = permission.get(open + 1..)?;
            let close = inside.find(['(', ')']).filter(|at| inside[*at..].starts_with(')'))?;
            let needless = !inside[..close].contains('&') && !inside[..close].contains(" - ");
            needless.then_some((open, open + 1 + close))
        });
        let Some((open, close)) = innermost else { return permission };
        permission.remove(close);
        permission.remove(open);
    }
}

impl SpiceDb {
    /// How the schema there differs from ours.
    ///
    /// # Errors
    /// [`EngineError`] when it cannot be read.
    pub async fn compare_schema(&self) -> Result<Difference, EngineError> {
        let mut client = self.schema.clone();
        let read = async {
            match client.read_schema(ReadSchemaRequest {}).await {
                Ok(answer) => Ok(answer.into_inner().schema_text),
                Err(status) if status.code() == Code::NotFound => Ok(String::new()),
                Err(status) => Err::<_, Status>(status),
            }
        };
        let theirs = self.in_time(read).await?;
        Ok(Difference::between(&schema::zed(), &theirs))
    }

    /// Makes the schema there ours. `SpiceDB` refuses when relationships stand in the way.
    ///
    /// # Errors
    /// [`EngineError`] when it cannot be written; [`EngineError::Malformed`] says why it was refused.
    pub async fn write_schema(&self) -> Result<(), EngineError> {
        let mut client = self.schema.clone();
        let request = WriteSchemaRequest { schema: schema::zed() };
        self.in_time(client.write_schema(request)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_schema_is_ours() {
        assert!(Difference::between(&schema::zed(), &schema::zed()).is_none());
        assert!(statements(&schema::zed()).contains("task: permission execute = owner + parent_agent"));
    }

    #[test]
    fn spelling_does_not_matter_and_meaning_does() {
        let ours = "definition a {}\ndefinition b {\n relation c: a | d\n permission e = c\n}";
        let same = "/** x */\ndefinition a {}\n\ndefinition b {\n\trelation c:  d | a // x\n\tpermission e = c\n}\n";
        assert!(Difference::between(ours, same).is_none());
        let other = same.replace("permission e = c", "permission e = c + f");
        let difference = Difference::between(ours, &other);
        assert_eq!(difference.missing, ["b: permission e = c"]);
        assert_eq!(difference.foreign, ["b: permission e = c + f"]);
        assert_eq!(Difference::between(ours, "").missing.len(), 4);
    }
}
