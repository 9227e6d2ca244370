//! Every migration keeps the rules of `migrations/README.md`, and every rule catches what it is for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lint;

use lint::{File, Rule, lint};

fn migrations() -> Vec<File> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sql = paths.filter(|path| path.extension().is_some_and(|extension| extension == "sql"));
    let mut files: Vec<_> = sql
        .map(|path| File {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(&path).unwrap(),
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// A first migration with a comment at its head.
fn file(sql: &str) -> File {
    File { name: "0001_do_something.sql".into(), text: format!("-- A comment that says why.\n{sql}\n") }
}

/// The same, outside a transaction.
fn outside(sql: &str) -> File {
    let file = file(sql);
    File { text: format!("-- no-transaction\n{}", file.text), ..file }
}

#[test]
fn every_migration_keeps_the_rules() {
    let files = migrations();
    assert!(files.len() > 1, "there are migrations");
    assert_eq!(lint(&files), []);
}

#[test]
fn every_rule_catches_what_it_is_for() {
    use Rule::*;
    let inside: &[(Rule, &str)] = &[
        (ConcurrentlyOutside, "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);"),
        (CreateIndexConcurrently, "CREATE INDEX i ON t (a);"),
        (CreateIndexConcurrently, "create unique index i on t (a);"),
        (CreateIndexConcurrently, "CREATE TABLE IF NOT EXISTS t (a int); CREATE INDEX i ON t (a);"),
        (CreateIndexConcurrently, "DO $$ BEGIN CREATE INDEX i ON t (a); END $$;"),
        (DropIndexConcurrently, "DROP INDEX i;"),
        (NotValid, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);"),
        (NotValid, "ALTER TABLE t ADD CHECK (a > 0);"),
        (NotValid, "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (a);"),
        (UsingIndex, "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a);"),
        (UsingIndex, "ALTER TABLE t ADD PRIMARY KEY (a);"),
        (ValidateApart, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c;"),
        (ColumnConstraint, "ALTER TABLE t ADD COLUMN b int REFERENCES u (a);"),
        (ColumnConstraint, "ALTER TABLE t ADD COLUMN b int UNIQUE;"),
        (RequiredColumn, "ALTER TABLE t ADD COLUMN b int NOT NULL;"),
        (RequiredColumn, "ALTER TABLE t ADD COLUMN a int, ADD b int NOT NULL;"),
        (ComputedDefault, "ALTER TABLE t ADD COLUMN b uuid NOT NULL DEFAULT gen_random_uuid();"),
        (ComputedDefault, "ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (a + 1) STORED;"),
        (SetNotNull, "ALTER TABLE t ALTER COLUMN a SET NOT NULL;"),
        (ChangeType, "ALTER TABLE t ALTER COLUMN a TYPE bigint;"),
        (Drop, "ALTER TABLE t DROP COLUMN a;"),
        (Drop, "ALTER TABLE t DROP a;"),
        (Drop, "DROP TABLE t;"),
        (Rename, "ALTER TABLE t RENAME COLUMN a TO b;"),
        (Truncate, "TRUNCATE t;"),
        (Backfill, "UPDATE t SET a = 1;"),
        (Backfill, "WITH x AS (SELECT 1) UPDATE t SET a = 1;"),
        (Backfill, "DELETE FROM t WHERE a = 1;"),
        (Backfill, "DO $$ BEGIN UPDATE t SET a = 1; END $$;"),
        (Backfill, "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ UPDATE t SET a = 1; $$; SELECT f();"),
        (Backfill, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN; END $$; UPDATE t SET a = 1;"),
        (Timeouts, "SET lock_timeout = '1h';"),
        (Timeouts, "SET LOCAL statement_timeout = 0;"),
        (Timeouts, "RESET idle_in_transaction_session_timeout;"),
        (Timeouts, "SELECT set_config('statement_timeout', '0', false);"),
        (Lock, "LOCK TABLE t;"),
        (Lock, "REINDEX INDEX i;"),
    ];
    for (rule, sql) in inside {
        assert_eq!(lint(&[file(sql)]), [("0001_do_something.sql".into(), *rule)], "{sql}");
    }
    let alone: &[(Rule, &str)] = &[
        (OneStatement, "ALTER TABLE t VALIDATE CONSTRAINT c; ALTER TABLE t VALIDATE CONSTRAINT d;"),
        (OneStatement, ""),
        (Repeatable, "CREATE INDEX CONCURRENTLY i ON t (a);"),
        (Repeatable, "DROP INDEX CONCURRENTLY i;"),
    ];
    for (rule, sql) in alone {
        assert_eq!(lint(&[outside(sql)]), [("0001_do_something.sql".into(), *rule)], "{sql}");
    }
}

#[test]
fn files_are_named_numbered_and_explained() {
    let named = |name: &str| File { name: name.into(), ..file("SELECT 1;") };
    for name in ["1_do_it.sql", "0001_do.sql", "0001-do-it.sql", "0001_Do_it.sql"] {
        assert!(lint(&[named(name)]).contains(&(name.into(), Rule::Name)), "{name}");
    }
    let gap = [named("0001_do_it.sql"), named("0003_do_more.sql")];
    assert_eq!(lint(&gap), [("0003_do_more.sql".into(), Rule::Gap)]);
    let twice = [named("0001_do_it.sql"), named("0001_do_more.sql")];
    assert_eq!(lint(&twice), [("0001_do_more.sql".into(), Rule::Gap)]);
    for text in ["SELECT 1;\n", "--\nSELECT 1;\n", "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS i;\n"] {
        let bare = File { text: text.into(), ..file("") };
        assert_eq!(lint(&[bare]), [("0001_do_something.sql".into(), Rule::HeadComment)], "{text}");
    }
}

#[test]
fn what_is_safe_passes() {
    let safe = [
        "CREATE TABLE t (a int PRIMARY KEY, CHECK (a > 0)); CREATE INDEX i ON t (a);",
        "CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0), ALTER COLUMN a SET NOT NULL;",
        "CREATE TABLE IF NOT EXISTS t (a int NOT NULL UNIQUE REFERENCES u (a) ON DELETE CASCADE);",
        "ALTER TABLE t ADD COLUMN a text, ADD COLUMN b jsonb NOT NULL DEFAULT '{}';",
        "ALTER TABLE t ADD COLUMN a boolean NOT NULL DEFAULT false;",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0 AND b IN (1, 2)) NOT VALID;",
        "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i;",
        "ALTER TABLE t DROP CONSTRAINT c;",
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2;",
        "-- TRUNCATE t; UPDATE t SET a = 1;\nSELECT 'DROP TABLE t; UPDATE t';",
        "ALTER TYPE e ADD VALUE IF NOT EXISTS 'UPDATE';",
        "CREATE TRIGGER g AFTER UPDATE OF a OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION f();",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE t SET a = 1; RETURN NULL; END $$;",
    ];
    for sql in safe {
        assert_eq!(lint(&[file(sql)]), [], "{sql}");
    }
    let alone = [
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a) WHERE a <> ';';",
        "DROP INDEX CONCURRENTLY IF EXISTS i;",
        "ALTER TABLE t VALIDATE CONSTRAINT c;",
    ];
    for sql in alone {
        assert_eq!(lint(&[outside(sql)]), [], "{sql}");
    }
}
