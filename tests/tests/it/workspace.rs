//! The rules of the source tree: who may depend on whom, and how a file and a manifest look.

use blackbox::tree;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

/// What a crate may do.
struct Room {
    name: &'static str,
    /// The crates of the workspace it may depend on.
    may_use: &'static [&'static str],
    /// What must not be anywhere below it.
    must_not_reach: &'static [&'static str],
}

const PORTS: &[&str] =
    &["authz", "authz-router", "agents", "api-keys", "tasks", "trackers", "checkpoints", "conversations", "dual-write"];
const STORE: &[&str] = &[
    "authz",
    "authz-router",
    "authz-index",
    "agents",
    "api-keys",
    "tasks",
    "trackers",
    "checkpoints",
    "conversations",
    "dual-write",
    "coalesce",
];
const IO: &[&str] = &["tokio", "axum", "async-graphql", "sqlx", "redis", "tonic", "reqwest"];

/// The dependency table. A crate that is not in it fails the test.
const ROOMS: &[Room] = &[
    Room { name: "authz", may_use: &[], must_not_reach: IO },
    Room { name: "identity", may_use: &["authz"], must_not_reach: IO },
    Room { name: "agents", may_use: &["authz"], must_not_reach: IO },
    Room { name: "api-keys", may_use: &["authz"], must_not_reach: IO },
    Room { name: "tasks", may_use: &["authz"], must_not_reach: IO },
    Room { name: "trackers", may_use: &["authz"], must_not_reach: IO },
    Room { name: "checkpoints", may_use: &["authz"], must_not_reach: IO },
    Room { name: "conversations", may_use: &["authz"], must_not_reach: IO },
    Room { name: "traced", may_use: &[], must_not_reach: IO },
    Room {
        name: "coalesce",
        may_use: &["traced"],
        must_not_reach: &["axum", "async-graphql", "sqlx", "redis", "tonic", "reqwest"],
    },
    // It waits and times out, but speaks to nobody: what it drives are ports.
    Room {
        name: "dual-write",
        may_use: &["authz"],
        must_not_reach: &["axum", "async-graphql", "sqlx", "redis", "tonic", "reqwest"],
    },
    // In the folder `metrics`, which is the name of the facade it writes to.
    Room {
        name: "instruments",
        may_use: &["authz", "authz-router", "dual-write", "traced"],
        must_not_reach: &["axum", "async-graphql", "sqlx", "redis", "tonic", "reqwest"],
    },
    // It asks engines through their port, and speaks to none.
    Room {
        name: "authz-router",
        may_use: &["authz"],
        must_not_reach: &["axum", "async-graphql", "sqlx", "redis", "tonic", "reqwest"],
    },
    Room { name: "authz-index", may_use: &["authz"], must_not_reach: IO },
    Room { name: "authz-graph", may_use: &["authz", "coalesce"], must_not_reach: &["axum", "async-graphql"] },
    // The crate with SpiceDB's messages brings tonic's server along, and with it axum.
    Room { name: "authz-spicedb", may_use: &["authz"], must_not_reach: &["async-graphql", "sqlx", "redis"] },
    // It brings axum's middleware along by way of its client, and speaks HTTP as a client only.
    Room {
        name: "authz-proxy",
        may_use: &["authz", "identity"],
        must_not_reach: &["axum", "async-graphql", "sqlx", "redis", "tonic"],
    },
    // For tests only.
    Room {
        name: "authz-service",
        may_use: &["authz", "authz-graph"],
        must_not_reach: &["async-graphql", "tonic", "reqwest"],
    },
    Room {
        name: "cache-redis",
        may_use: &["authz", "instruments"],
        must_not_reach: &["axum", "async-graphql", "sqlx", "tonic"],
    },
    Room { name: "store-postgres", may_use: STORE, must_not_reach: &["axum", "tonic", "async-graphql"] },
    Room { name: "store-memory", may_use: PORTS, must_not_reach: &["sqlx", "axum", "async-graphql"] },
    Room { name: "conformance", may_use: PORTS, must_not_reach: &["sqlx", "axum", "async-graphql"] },
    Room {
        name: "gateway",
        may_use: &[
            "authz",
            "identity",
            "agents",
            "api-keys",
            "tasks",
            "trackers",
            "checkpoints",
            "conversations",
            "dual-write",
            "instruments",
            "traced",
            "authz-graph",
            "authz-router",
            "authz-index",
            "authz-spicedb",
            "authz-proxy",
            "cache-redis",
            "store-postgres",
            "store-memory",
        ],
        must_not_reach: &[],
    },
    Room { name: "blackbox", may_use: &["authz-service"], must_not_reach: &[] },
];

/// What lies at the top, besides files that begin with a dot.
const TOP: &[&str] = &[
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "crates",
    "gateway",
    "migrations",
    "observability",
    "rustfmt.toml",
    "tests",
];

const LONGEST_FILE: usize = 400;

/// The packages of the workspace, and who depends on whom in a build (not in tests).
struct Graph {
    members: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read() -> Self {
        // Only what this platform builds: other platforms' packages are not on a fresh machine.
        let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &platform])
            .current_dir(tree::root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |value: &Value| value.as_array().unwrap().clone();

        let names: BTreeMap<_, _> =
            list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let members =
            list(&metadata["workspace_members"]).iter().map(|id| (names[&text(id)].clone(), text(id))).collect();
        let built = |dependency: &&Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let edges = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                let all = list(&node["deps"]);
                (text(&node["id"]), all.iter().filter(built).map(|dependency| text(&dependency["pkg"])).collect())
            })
            .collect();
        Self { members, names, edges }
    }

    fn uses(&self, name: &str) -> impl Iterator<Item = &str> {
        let used = &self.edges[&self.members[name]];
        used.iter().map(|id| self.names[id].as_str()).filter(|name| self.members.contains_key(*name))
    }

    fn below(&self, name: &str) -> BTreeSet<&str> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![self.members[name].as_str()]);
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                next.extend(self.edges[id].iter().map(String::as_str));
            }
        }
        seen.into_iter().map(|id| self.names[id].as_str()).collect()
    }
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn crates_depend_only_on_what_the_table_says() {
    let graph = Graph::read();
    let mut wrong = vec![];
    for name in graph.members.keys() {
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            wrong.push(format!("{name} is not in the table"));
            continue;
        };
        wrong.extend(
            graph.uses(name).filter(|used| !room.may_use.contains(used)).map(|used| format!("{name} uses {used}")),
        );
        let below = graph.below(name);
        wrong.extend(
            room.must_not_reach.iter().filter(|far| below.contains(*far)).map(|far| format!("{name} reaches {far}")),
        );
    }
    let gone = ROOMS.iter().filter(|room| !graph.members.contains_key(room.name));
    wrong.extend(gone.map(|room| format!("{} is in the table and not in the workspace", room.name)));
    none(&wrong);
}

#[test]
fn nothing_but_tests_uses_what_is_for_tests() {
    let graph = Graph::read();
    let for_tests = |used: &str| ["conformance", "authz-service"].contains(&used);
    let users: Vec<_> =
        graph.members.keys().filter(|name| *name != "blackbox" && graph.uses(name).any(for_tests)).collect();
    assert!(users.is_empty(), "{users:?}");
}

#[test]
fn every_crate_takes_lints_and_versions_from_the_workspace() {
    let mut wrong = vec![];
    for path in tree::files().iter().filter(|path| path.ends_with("/Cargo.toml")) {
        let text = tree::read(path);
        if !text.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{path} does not take the lints of the workspace"));
        }
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.ends_with("dependencies]") && line.contains('=') && !line.contains("workspace = true") {
                wrong.push(format!("{path} names a version of its own: {line}"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_external_dependency_says_what_it_is_for() {
    let manifest = tree::read("Cargo.toml");
    let (_, section) = manifest.split_once("[workspace.dependencies]").unwrap();
    let section = section.split("\n[").next().unwrap();
    let external =
        section.lines().filter(|line| line.contains('=') && !line.starts_with('#') && !line.contains("path ="));
    let silent: Vec<_> = external
        .filter(|line| line.rsplit_once('#').is_none_or(|(_, reason)| reason.trim().len() < 4))
        .map(|line| format!("no reason: {line}"))
        .collect();
    none(&silent);
}

#[test]
fn every_source_file_has_a_head_and_a_bounded_length() {
    let mut wrong = vec![];
    for path in tree::files().iter().filter(|path| Path::new(path).extension().is_some_and(|kind| kind == "rs")) {
        let text = tree::read(path);
        if !text.starts_with("//! ") {
            wrong.push(format!("{path} does not begin by saying what it is (//!)"));
        }
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{path} has {lines} lines, more than {LONGEST_FILE}"));
        }
    }
    none(&wrong);
}

#[test]
fn the_top_of_the_tree_holds_only_what_belongs_there() {
    let files = tree::files();
    let entries: BTreeSet<_> = files.iter().map(|path| path.split('/').next().unwrap()).collect();
    let odd: Vec<_> = entries.into_iter().filter(|entry| !entry.starts_with('.') && !TOP.contains(entry)).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

/// The README's first command names no program: there must be one that cargo can mean.
#[test]
fn cargo_run_means_the_gateway() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--no-deps"])
        .current_dir(tree::root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let default = list(&metadata["workspace_default_members"]);
    let programs: Vec<_> = list(&metadata["packages"])
        .into_iter()
        .filter(|package| default.contains(&package["id"]))
        .flat_map(|package| list(&package["targets"]))
        .filter(|target| list(&target["kind"]).contains(&"bin".into()))
        .map(|target| target["name"].clone())
        .collect();
    assert_eq!(programs, ["taskgate"]);
}
