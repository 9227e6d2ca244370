//! What a migration must not do while an older version of the gateway is serving: the rules of
//! `migrations/README.md`, read off the text. No database is asked.

mod sql;

use sql::{Action, Statement};

/// A migration.
#[derive(Clone, Debug)]
pub struct File {
    /// Its file name.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// A rule that a migration breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Files are named `NNNN_verb_noun.sql`.
    Name,
    /// Numbers start at one and leave none out.
    Gap,
    /// A file begins with a comment that says what it does and why it is safe.
    HeadComment,
    /// A file outside a transaction holds one statement, so that it fails or succeeds as a whole.
    OneStatement,
    /// A file outside a transaction can be run again: it may have succeeded without being recorded.
    Repeatable,
    /// `CONCURRENTLY` does not work in a transaction.
    ConcurrentlyOutside,
    /// Building an index on a table that may hold rows keeps writers out.
    CreateIndexConcurrently,
    /// Dropping an index waits for, and keeps out, readers.
    DropIndexConcurrently,
    /// A constraint on a table that may hold rows is added `NOT VALID`.
    NotValid,
    /// A unique or primary key on a table that may hold rows is added `USING INDEX`.
    UsingIndex,
    /// Validation stands in another file than the constraint, whose lock it would keep.
    ValidateApart,
    /// A constraint that comes with a column cannot be `NOT VALID`.
    ColumnConstraint,
    /// A column that must not be null has a default.
    RequiredColumn,
    /// A default that is computed rewrites the table.
    ComputedDefault,
    /// `SET NOT NULL` reads the whole table under the heaviest lock.
    SetNotNull,
    /// Another type may rewrite the table, and older code may not read it.
    ChangeType,
    /// Older code still names it.
    Drop,
    /// Older code still names it.
    Rename,
    /// Rows are not thrown away.
    Truncate,
    /// Rows are changed in small steps by a command, not in one transaction.
    Backfill,
    /// Timeouts are the runner's.
    Timeouts,
    /// Locks are not taken by hand, and tables are not rewritten.
    Lock,
}

/// Every broken rule, by file.
pub fn lint(files: &[File]) -> Vec<(String, Rule)> {
    let alone = files.iter().flat_map(|file| lint_alone(file).into_iter().map(|rule| (file.name.clone(), rule)));
    let gaps = (1..).zip(files).filter(|(number, file)| !file.name.starts_with(&format!("{number:04}_")));
    let gaps = gaps.map(|(_, file)| (file.name.clone(), Rule::Gap));
    let mut found: Vec<_> = alone.chain(gaps).collect();
    found.sort();
    found.dedup();
    found
}

fn lint_alone(file: &File) -> Vec<Rule> {
    let outside = file.text.starts_with("-- no-transaction\n");
    let statements = sql::statements(&file.text);
    let fresh: Vec<_> = statements.iter().filter_map(Statement::creates_table).collect();
    let mut broken = Vec::new();
    let mut breaks = |rule, when: bool| broken.extend(when.then_some(rule));

    breaks(Rule::Name, !well_named(&file.name));
    let head = file.text.lines().nth(usize::from(outside)).unwrap_or_default();
    breaks(Rule::HeadComment, head.strip_prefix("-- ").is_none_or(|comment| comment.len() < 10));
    breaks(Rule::OneStatement, outside && statements.len() != 1);
    let (adds, validates) = (|s: &Statement| s.has("ADD CONSTRAINT"), |s: &Statement| s.has("VALIDATE CONSTRAINT"));
    breaks(Rule::ValidateApart, statements.iter().any(adds) && statements.iter().any(validates));

    for statement in &statements {
        let occupied = !statement.table().is_some_and(|table| fresh.contains(&table));
        let creates_index = statement.has("CREATE INDEX") || statement.has("CREATE UNIQUE INDEX");
        let concurrently = statement.has("CONCURRENTLY");
        breaks(Rule::ConcurrentlyOutside, concurrently && !outside);
        breaks(Rule::CreateIndexConcurrently, creates_index && occupied && !concurrently);
        breaks(Rule::DropIndexConcurrently, statement.has("DROP INDEX") && !concurrently);
        breaks(Rule::Repeatable, outside && creates_index && !statement.has("IF NOT EXISTS"));
        breaks(Rule::Repeatable, outside && statement.has("DROP INDEX") && !statement.has("IF EXISTS"));
        breaks(Rule::Drop, statement.has("DROP TABLE") || statement.has("DROP TYPE") || statement.has("DROP COLUMN"));
        breaks(Rule::Drop, statement.actions().iter().any(Action::drops_column));
        breaks(Rule::Rename, statement.has("RENAME"));
        breaks(Rule::Truncate, statement.has("TRUNCATE"));
        breaks(Rule::Backfill, statement.changes_rows());
        breaks(Rule::Timeouts, statement.touches_timeouts());
        breaks(Rule::Lock, ["LOCK TABLE", "VACUUM FULL", "CLUSTER"].iter().any(|words| statement.has(words)));
        breaks(Rule::Lock, statement.has("REINDEX") && !concurrently);
        for action in statement.actions().iter().filter(|_| occupied) {
            for rule in lint_action(action) {
                breaks(rule, true);
            }
        }
    }
    broken
}

/// What one action of `ALTER TABLE` does to a table that may hold rows.
fn lint_action(action: &Action) -> Vec<Rule> {
    let (column, has) = (action.adds_column(), |words| action.has(words));
    let key = has("UNIQUE") || has("PRIMARY KEY") || has("EXCLUDE");
    let constraint = has("CHECK") || has("FOREIGN KEY") || has("REFERENCES");
    let default = action.default();
    let found = [
        (Rule::NotValid, action.adds_constraint() && constraint && !has("NOT VALID")),
        (Rule::UsingIndex, action.adds_constraint() && key && !has("USING INDEX")),
        (Rule::ColumnConstraint, column && (key || constraint)),
        (Rule::RequiredColumn, column && has("NOT NULL") && default.is_none()),
        (Rule::ComputedDefault, column && (has("GENERATED") || default.is_some_and(|default| !default.is_constant()))),
        (Rule::SetNotNull, has("SET NOT NULL")),
        (Rule::ChangeType, has("TYPE")),
    ];
    found.into_iter().filter_map(|(rule, broken)| broken.then_some(rule)).collect()
}

fn well_named(name: &str) -> bool {
    let Some((number, words)) = name.strip_suffix(".sql").and_then(|name| name.split_once('_')) else { return false };
    let plain =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    number.len() == 4
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.contains('_')
        && words.split('_').all(plain)
}
