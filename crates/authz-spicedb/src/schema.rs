//! The schema in `SpiceDB`, and whether it is ours.

use crate::{SpiceDb, zed::statements};
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

    /// What stands there beside ours is told, whatever sort of statement it is: a rule of it may let somebody in.
    #[test]
    fn what_is_there_besides_is_foreign() {
        let more = "use expiration\n\ncaveat by_day(day string) {\n day == \"}\" // {\n}\n";
        let difference = Difference::between(&schema::zed(), &format!("{more}{}", schema::zed()));
        assert_eq!(difference.missing, [""; 0]);
        assert_eq!(difference.foreign, ["caveat by_day(day string) { day == \"}\" }", "use expiration"]);
        let caveated = schema::zed().replace("relation runtime: agent", "relation runtime: agent with by_day | user:*");
        let difference = Difference::between(&schema::zed(), &caveated);
        assert_eq!(difference.missing, ["agent: relation runtime: agent"]);
        assert_eq!(difference.foreign, ["agent: relation runtime: agent with by_day | user:*"]);
    }
}
