//! The permission matrix: who may do what, through the real server, on both edges, under both policies.
//!
//! `tests/matrix.txt` is what was agreed; a change of it is read in review. `TASKGATE_BLESS=1` rewrites it.

use crate::operations::{self, Operation};
use blackbox::{As, Settings, Storage, Things, World, tree};
use std::fmt::Write as _;

const FILE: &str = "tests/matrix.txt";

/// The columns. The guest is the stranger on a task that was shared with them as its editor.
const PARTS: &[&str] = &["owner", "editor", "viewer", "agent", "operator", "guest", "stranger", "anonymous"];

const HEAD: &str = "\
# Who may do what. Written by the test `matrix`; read in review.
#
# yes        it was done; of a list, it holds the thing
# empty      a list that does not hold it
# -          as if the thing did not exist
# forbidden  it may be seen, and this not be done to it
# 401        the caller is nobody
#
# The editor and the viewer hold these roles on the task and on its agent; the agent is the task's agent's
# own credential; the operator runs the tenant and the deployment; the guest belongs to another tenant and was
# made the task's editor; the stranger belongs to that tenant too, and holds nothing. The API key is one of that agent's, made
# by the owner.
";

struct Table<'a> {
    world: &'a World,
    things: Things,
    shared: Things,
}

impl Table<'_> {
    fn caller(&self, part: &'static str) -> As {
        match part {
            "guest" => self.world.server.stranger(),
            "anonymous" => self.world.server.anonymous(),
            _ => self.world.server.caller(part),
        }
    }

    async fn shared(world: &World) -> Things {
        let things = world.things().await;
        world.share(&things.task, &world.server.stranger(), "EDITOR").await;
        things
    }

    async fn cell(&mut self, operation: &Operation, part: &'static str) -> String {
        let caller = self.caller(part);
        let things = if part == "guest" { &self.shared } else { &self.things };
        let answer = operation.send(&caller, things).await;
        let word = operation.outcome(&answer, things).word();
        if word == "yes" && !operation.only_reads() {
            if part == "guest" {
                self.shared = Self::shared(self.world).await;
            } else {
                self.things = self.world.things().await;
            }
        }
        word
    }
}

fn row(head: &str, cells: &[impl std::fmt::Display]) -> String {
    let mut line = format!("{head:<33} ");
    for cell in cells {
        let _ = write!(line, "{cell:<11}");
    }
    let gap = if head.starts_with(' ') { "" } else { "\n" };
    format!("{gap}{}\n", line.trim_end())
}

async fn table(policy: &str) -> String {
    let world = World::with(Settings::default().with("TASKGATE_DENIALS", policy), Storage::Url).await;
    let mut table = Table { things: world.things().await, shared: Table::shared(&world).await, world: &world };
    let mut operations: Vec<_> = operations::all().collect();
    operations.sort_by_key(|operation| (operation.needs, operation.is_graphql()));
    let mut text = format!("\n## denials = {policy}\n");
    let mut needs = None;
    for operation in operations {
        if needs != Some(operation.needs) {
            needs = Some(operation.needs);
            text += &row(&operation.needs.title(), PARTS);
        }
        let mut cells = vec![];
        for part in PARTS {
            cells.push(table.cell(operation, part).await);
        }
        text += &row(&format!("  {}", operation.name), &cells);
    }
    text
}

#[tokio::test]
async fn the_matrix_is_what_was_agreed() {
    let (hide, split) = tokio::join!(table("hide"), table("split"));
    let text = format!("{HEAD}{hide}{split}");
    assert!(!text.contains("??"), "an operation failed:\n{text}");
    let path = tree::root().join(FILE);
    if std::env::var_os("TASKGATE_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let agreed = std::fs::read_to_string(path).unwrap_or_default();
    let changed: Vec<_> = text.lines().filter(|line| !agreed.lines().any(|old| old == *line)).collect();
    assert!(text == agreed, "{FILE} says otherwise (TASKGATE_BLESS=1 rewrites it):\n{}", changed.join("\n"));
}
