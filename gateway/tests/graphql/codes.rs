//! The published table of codes: each of them is reached here, each error says all it is to say, and none says
//! more.

use crate::world::{Answer, REQUEST, Terms, Who, World};
use authz::DenialPolicy;
use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Code to status, as the README has it.
fn table() -> BTreeMap<String, u16> {
    let readme = include_str!("../../../README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("When it says no")).unwrap();
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let status = cells.next()?.parse().ok()?;
        Some((cells.next()?.trim_matches('`').to_owned(), status))
    });
    rows.collect()
}

/// Words that would tell what lies behind.
const INTERNAL: &[&str] = &[
    "SELECT",
    "10.0.0.7",
    ".rs",
    "/src",
    "panicked",
    "sqlx",
    "postgres",
    "spicedb",
    "Elapsed",
    "deadline has elapsed",
];

/// A code that dashboards do not know is one of many.
#[test]
fn each_is_counted_by_its_name() {
    let counted = instruments::registry::edges::CODES;
    let unknown: Vec<_> = table().into_keys().filter(|code| !counted.contains(&code.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?} are `other` in the metrics");
}

struct Reached(BTreeMap<String, BTreeSet<u16>>);

impl Reached {
    fn note(&mut self, what: &str, answer: &Answer) {
        let body = answer.json();
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("{what}: {body}"));
        for error in errors {
            let extensions = error["extensions"].as_object().unwrap_or_else(|| panic!("{what}: {error}"));
            let keys: Vec<_> = extensions.keys().map(String::as_str).collect();
            assert_eq!(keys, ["code", "details", "requestId"], "{what}");
            assert_eq!(extensions["requestId"], REQUEST, "{what}");
            assert!(extensions["details"].is_object(), "{what}: {error}");
            let code = extensions["code"].as_str().unwrap().to_owned();
            self.0.entry(code).or_default().insert(answer.status.as_u16());
        }
        let told = INTERNAL.iter().find(|word| answer.text().contains(**word));
        assert_eq!(told, None, "{what}: {}", answer.text());
        assert_eq!(answer.headers["x-request-id"], REQUEST, "{what}");
    }
}

async fn post(world: &World, body: String) -> Answer {
    let request = Request::post("/graphql")
        .header("x-api-key", "owner")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json");
    world.send(request.body(Body::from(body)).unwrap()).await
}

async fn query(world: &World, query: &str) -> Answer {
    post(world, json!({ "query": query }).to_string()).await
}

async fn plain(world: &World, reached: &mut Reached) {
    for (what, body) in [
        ("no request", "{".to_owned()),
        ("no GraphQL", json!({"query": "{"}).to_string()),
        ("not of this schema", json!({"query": "{ nothing }"}).to_string()),
        ("too much", json!({"query": "a ".repeat(9_000)}).to_string()),
        ("not here", json!({"query": "{ task(id: \"x\") { id } }"}).to_string()),
        ("a wrong argument", json!({"query": "{ tasks(first: 0) { nodes { id } } }"}).to_string()),
        ("a missing variable", json!({"query": "query($a: ID!) { task(id: $a) { id } }"}).to_string()),
        ("not for callers", json!({"query": "{ dualWrite { status { pending } } }"}).to_string()),
        ("too large", "x".repeat(65 * 1024)),
        ("an unknown digest", json!({"documentId": format!("sha256:{}", "0".repeat(64))}).to_string()),
    ] {
        reached.note(what, &post(world, body).await);
    }
    let agent = json!(world.agent);
    let taken = format!("mutation {{ createTask(input: {{agentId: {agent}, name: \"the task\"}}) {{ id }} }}");
    reached.note("a name taken", &query(world, &taken).await);
    let ended =
        format!("mutation {{ a: completeTask(id: {0}) {{ id }} b: cancelTask(id: {0}) {{ id }} }}", json!(world.task));
    reached.note("an ended task", &query(world, &ended).await);
    for (what, request) in [
        ("nobody", Request::post("/graphql").body(Body::from("{}"))),
        ("a method", Request::builder().method(Method::PUT).uri("/graphql").body(Body::empty())),
        ("a form", Request::post("/graphql").header("x-api-key", "owner").body(Body::from("query=x"))),
        (
            "pictures",
            Request::post("/graphql")
                .header("x-api-key", "owner")
                .header(header::ACCEPT, "image/png")
                .body(Body::empty()),
        ),
        (
            "writing with GET",
            Request::get("/graphql?query=mutation%7BdeleteTask(id:%22x%22)%7Bid%7D%7D")
                .header("x-api-key", "owner")
                .body(Body::empty()),
        ),
    ] {
        reached.note(what, &world.send(request.unwrap()).await);
    }
}

#[tokio::test]
async fn each_code_of_the_table_is_reached_and_no_other() {
    let mut reached = Reached(BTreeMap::new());
    plain(&World::new().await, &mut reached).await;

    let split = World::with(DenialPolicy::Split, true).await;
    let denied =
        json!({"query": "query($id: ID!) { task(id: $id) { access { role } } }", "variables": {"id": split.task}});
    reached.note("seen, and not shared", &split.post(Who::Viewer, denied.to_string()).await);

    let troubled = World::new().await;
    troubled.calls.fail("engine.lookup");
    reached.note("no engine", &query(&troubled, "{ tasks { nodes { id } } }").await);
    troubled.calls.panic("engine.lookup");
    reached.note("a panic", &query(&troubled, "{ tasks { nodes { id } } }").await);
    let slow = World::under(Terms { timeout: Duration::from_millis(50), ..Terms::default() }).await;
    slow.calls.hang("engine.lookup");
    reached.note("too slow", &query(&slow, "{ tasks { nodes { id } } }").await);

    let mut terms = Terms::default();
    terms.graphql.persisted_documents = false;
    let unsupported = World::under(terms).await;
    let hash = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0".repeat(64)}}});
    reached.note("nothing is kept", &post(&unsupported, hash.to_string()).await);

    let folder = tempfile::tempdir().unwrap();
    let mut terms = Terms::default();
    terms.graphql.trusted_documents = Some(folder.path().to_owned());
    terms.graphql.only_trusted = true;
    // An empty folder trusts nothing, and a world makes its things with documents of its own.
    let trusting = World::bare(terms).await;
    reached.note("not trusted", &query(&trusting, "{ viewer { tenant } }").await);

    let mut terms = Terms::default();
    terms.graphql.budget_burst = 20_000;
    terms.graphql.budget_per_second = 1;
    let poor = World::under(terms).await;
    let wide = "{ tasks(first: 100) { nodes { checkpoints(first: 60) { nodes { checkpointId } } } } }";
    for _ in 0..3 {
        let answer = query(&poor, wide).await;
        if answer.status.as_u16() != 200 {
            reached.note("too much in a while", &answer);
        }
    }

    let table = table();
    let (known, found): (BTreeSet<_>, BTreeSet<_>) = (table.keys().collect(), reached.0.keys().collect());
    assert_eq!(found, known);
    for (code, statuses) in &reached.0 {
        // A field's failure goes out with the data beside it; a request's, with the status of the table.
        // Variables that do not fit their operation are of the request.
        let variables = (code == "BAD_USER_INPUT").then_some(400);
        let expected: BTreeSet<_> = table.get(code).copied().into_iter().chain([200]).chain(variables).collect();
        assert!(statuses.is_subset(&expected), "{code}: {statuses:?}, and the table has {expected:?}");
    }
}

#[tokio::test]
async fn a_request_without_a_name_gets_one() {
    let world = World::new().await;
    for given in ["", &"x".repeat(200)] {
        let request = Request::post("/graphql").header("x-api-key", "owner").header("x-request-id", given);
        let answer =
            world.send(request.header(header::CONTENT_TYPE, "application/json").body(Body::from("{")).unwrap()).await;
        let named = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(answer.json()["errors"][0]["extensions"]["requestId"], Value::String(named.clone()));
        assert_eq!(named.len(), 36, "{named}");
    }
}

#[tokio::test]
async fn a_panic_ends_its_request_alone() {
    let world = World::new().await;
    world.calls.panic("tasks.get");
    let answer = query(&world, &format!("{{ task(id: {}) {{ name }} }}", json!(world.task))).await;
    assert_eq!((answer.status.as_u16(), answer.codes()), (500, vec!["INTERNAL".to_owned()]));
    assert_eq!(query(&world, "{ viewer { tenant } }").await.status.as_u16(), 200);
}
