//! The sweep: every route and every field × everybody × there or not. Whoever is denied is answered,
//! byte for byte, as if the thing were not there; and nothing has changed.

use crate::operations::{self, Operation, Outcome, expected};
use blackbox::{Answer, As, Settings, Storage, Things, World, binary};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

const PARTS: &[&str] = &["owner", "editor", "viewer", "agent", "stranger", "anonymous"];

fn caller(world: &World, part: &'static str) -> As {
    if part == "anonymous" { world.server.anonymous() } else { world.server.caller(part) }
}

/// An answer, with what was typed taken out of it.
fn blind(answer: &Answer, things: &Things) -> String {
    let mut text = answer.without("\u{0}");
    for (word, spelling) in things.spellings() {
        text = text.replace(spelling, word);
    }
    text
}

/// Things that are not there, for somebody who may see some of those that are: an answer may speak of
/// the first thing it lacks, and they are to lack the same one.
fn absent(operation: &Operation, part: &str, things: &Things) -> Things {
    let none = Things::absent();
    let agent_only = matches!(operation.needs, operations::Needs::TaskAndAgent(_));
    if agent_only && operations::may(part, operations::Needs::Task("read")) {
        return Things { event: none.event, agent: none.agent, agent_name: none.agent_name, ..things.clone() };
    }
    none
}

struct Sweep {
    world: World,
    split: bool,
    wrong: Vec<String>,
}

impl Sweep {
    async fn new(storage: Storage, split: bool) -> Self {
        let policy = if split { "split" } else { "hide" };
        let world = World::with(Settings::default().with("TASKGATE_DENIALS", policy), storage).await;
        Self { world, split, wrong: vec![] }
    }

    fn check(&mut self, holds: bool, operation: &Operation, part: &str, what: &str) {
        if !holds {
            self.wrong.push(format!("{} as {part}: {what}", operation.name));
        }
    }

    async fn operation(&mut self, operation: &Operation) {
        // Those who may go first, each on things of their own, so that a refusal cannot pass by accident.
        let split = self.split;
        for part in PARTS.iter().copied().filter(|part| expected(part, operation.needs, split) == Outcome::Done) {
            let things = self.world.things().await;
            let answer = operation.send(&caller(&self.world, part), &things).await;
            let outcome = operation.outcome(&answer, &things);
            self.check(outcome == Outcome::Done, operation, part, &format!("is to be done: {outcome:?}"));
        }
        let things = self.world.things().await;
        let before = self.world.all_of(&things.task).await;
        for part in PARTS.iter().copied() {
            let expected = expected(part, operation.needs, self.split);
            if expected != Outcome::Done {
                self.denied(operation, part, &things, &expected).await;
            }
        }
        let after = self.world.all_of(&things.task).await;
        self.check(before == after, operation, "all", &format!("the denied changed something: {before:#} {after:#}"));
    }

    async fn denied(&mut self, operation: &Operation, part: &'static str, things: &Things, expected: &Outcome) {
        let caller = caller(&self.world, part);
        let absent = absent(operation, part, things);
        let (there, missing) = (operation.send(&caller, things).await, operation.send(&caller, &absent).await);
        let outcome = operation.outcome(&there, things);
        self.check(outcome == *expected, operation, part, &format!("is to be {expected:?}: {outcome:?}"));
        // A field below something that is seen is null on its own; there is no absent twin of that.
        let alone = operation.is_nested() && operations::sees(part, operation.needs);
        if *expected == Outcome::Forbidden || alone {
            return;
        }
        let (there, missing) = (blind(&there, things), blind(&missing, &absent));
        self.check(there == missing, operation, part, &format!("can tell:\n{there}\n--- from\n{missing}\n"));
    }
}

async fn sweep(storage: Storage, split: bool) {
    let mut sweep = Sweep::new(storage, split).await;
    for operation in operations::all().filter(|operation| storage == Storage::Url || !operation.name.contains("event"))
    {
        sweep.operation(operation).await;
    }
    assert!(sweep.wrong.is_empty(), "{}", sweep.wrong.join("\n"));
}

#[tokio::test]
async fn denied_is_missing_everywhere() {
    sweep(Storage::Url, false).await;
}

#[tokio::test]
async fn denied_is_missing_everywhere_in_memory() {
    sweep(Storage::Memory, false).await;
}

#[tokio::test]
async fn under_split_only_those_who_see_a_thing_are_forbidden() {
    sweep(Storage::Url, true).await;
}

#[tokio::test]
async fn every_route_is_swept() {
    let world = World::new(Storage::Memory).await;
    let document = world.server.anonymous().get("/openapi.json").await.expect(200);
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().filter(|key| *key != "parameters");
        routes.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let health = ["health", "healthz", "healthcheck", "ready", "readyz"];
    routes.retain(|route| !health.iter().any(|probe| route.ends_with(&format!("/{probe}"))));
    let swept: BTreeSet<_> = operations::all()
        .filter(|operation| !operation.is_graphql())
        .map(|operation| operation.name.to_owned())
        .collect();
    assert_eq!(routes, swept);
}

/// The SDL, as the program prints it.
fn sdl() -> String {
    let output = Command::new(binary()).arg("sdl").env_clear().stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn every_query_and_mutation_is_swept() {
    let world = World::new(Storage::Memory).await;
    let document = "{ __schema { queryType { name fields { name } } mutationType { name fields { name } } subscriptionType { name } } }";
    let schema = world.owner.gql(document, Value::Null).await.data()["__schema"].clone();
    assert_eq!(schema["subscriptionType"], Value::Null, "subscriptions are to be swept too");
    let mut fields = BTreeSet::new();
    for root in ["queryType", "mutationType"] {
        let name = schema[root]["name"].as_str().unwrap();
        let all = schema[root]["fields"].as_array().unwrap();
        fields.extend(all.iter().map(|field| format!("{name}.{}", field["name"].as_str().unwrap())));
    }
    let swept: BTreeSet<_> = operations::all()
        .filter(|operation| operation.is_graphql() && !operation.is_nested())
        .map(|operation| operation.name.to_owned())
        .collect();
    assert_eq!(fields, swept);
}

/// The fields below the queries, by the SDL, that need something else than reading what they are on.
#[test]
fn every_field_that_needs_more_than_reading_is_swept() {
    let (sdl, mut object, mut field, mut fields) = (sdl(), String::new(), String::new(), BTreeSet::new());
    for line in sdl.lines() {
        if !line.starts_with(' ') {
            let rest = line.strip_prefix("type ").unwrap_or_default();
            object = rest.split([' ', '{']).next().unwrap().to_owned();
        }
        // The arguments of a field stand on lines of their own, and its directive behind them.
        if line.starts_with("  ") && line[2..].starts_with(|first: char| first.is_ascii_lowercase()) {
            field = line.trim().split(['(', ':']).next().unwrap().to_owned();
        }
        let needs_more = line.contains("@requires(") && !line.contains("action: READ");
        if needs_more && !matches!(object.as_str(), "" | "Query" | "Mutation") {
            fields.insert(format!("{object}.{field}"));
        }
    }
    assert!(!fields.is_empty(), "the SDL names no action: has the directive changed?");
    let swept: BTreeSet<_> = operations::all()
        .filter(|operation| operation.is_nested())
        .map(|operation| operation.name.to_owned())
        .collect();
    assert!(fields.is_subset(&swept), "{:?}", fields.difference(&swept));
}
