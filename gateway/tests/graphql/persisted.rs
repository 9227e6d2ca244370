//! Documents asked by name: those that callers leave here, and those that operators trust.

use crate::world::{Answer, Terms, Who, World};
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, fs, path::Path};

const VIEWER: &str = "{ viewer { tenant } }";

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}

fn apollo(hash: &str) -> Value {
    json!({"persistedQuery": {"version": 1, "sha256Hash": hash}})
}

async fn ask(world: &World, body: Value) -> Answer {
    world.post(Who::Owner, body.to_string()).await
}

fn trusting(path: &Path, only: bool) -> Terms {
    let mut terms = Terms::default();
    terms.graphql.trusted_documents = Some(path.to_owned());
    terms.graphql.only_trusted = only;
    terms
}

#[tokio::test]
async fn a_document_is_left_once_and_asked_by_its_digest() {
    let world = World::new().await;
    let hash = digest(VIEWER);
    let by_hash = json!({"extensions": apollo(&hash)});
    let unknown = ask(&world, by_hash.clone()).await;
    assert_eq!(unknown.codes(), ["PERSISTED_QUERY_NOT_FOUND"]);
    assert_eq!(unknown.json()["errors"][0]["message"], "PersistedQueryNotFound");
    let expected = json!({"data": {"viewer": {"tenant": "acme"}}});
    assert_eq!(ask(&world, json!({"query": VIEWER, "extensions": apollo(&hash)})).await.json(), expected);
    assert_eq!(ask(&world, by_hash).await.json(), expected);
    assert_eq!(ask(&world, json!({"documentId": format!("sha256:{hash}")})).await.json(), expected);
    let path =
        format!("/graphql?extensions=%7B%22persistedQuery%22:%7B%22version%22:1,%22sha256Hash%22:%22{hash}%22%7D%7D");
    let get = Request::get(path).header("x-api-key", "viewer").body(Body::empty()).unwrap();
    assert_eq!(world.send(get).await.json(), expected);
}

#[tokio::test]
async fn a_digest_names_its_own_document_only() {
    let world = World::new().await;
    let wrong = ask(&world, json!({"query": VIEWER, "extensions": apollo(&digest("{ other }"))})).await;
    assert_eq!((wrong.status, wrong.codes()), (StatusCode::BAD_REQUEST, vec!["BAD_REQUEST".to_owned()]));
    assert_eq!(
        ask(&world, json!({"extensions": apollo(&digest("{ other }"))})).await.codes(),
        ["PERSISTED_QUERY_NOT_FOUND"]
    );
    for persisted in [
        json!(1),
        json!({}),
        json!({"version": 2, "sha256Hash": digest(VIEWER)}),
        json!({"version": 1, "sha256Hash": "x"}),
    ] {
        let answer = ask(&world, json!({"query": VIEWER, "extensions": {"persistedQuery": persisted}})).await;
        assert_eq!((answer.status, answer.codes()), (StatusCode::BAD_REQUEST, vec!["BAD_REQUEST".to_owned()]));
    }
    // What is not GraphQL is not kept.
    let hash = digest("{");
    assert_eq!(ask(&world, json!({"query": "{", "extensions": apollo(&hash)})).await.codes(), ["GRAPHQL_PARSE_FAILED"]);
    assert_eq!(ask(&world, json!({"extensions": apollo(&hash)})).await.codes(), ["PERSISTED_QUERY_NOT_FOUND"]);
}

/// Which documents are kept is everybody's; what they answer is the caller's.
#[tokio::test]
async fn a_document_answers_to_whoever_asks_it() {
    let world = World::new().await;
    let query = "query($id: ID!) { task(id: $id) { name creator } }";
    let left = json!({"query": query, "variables": {"id": world.task}, "extensions": apollo(&digest(query))});
    assert_eq!(ask(&world, left).await.json()["data"]["task"]["creator"], "user:owner");
    let again = json!({"variables": {"id": world.task}, "extensions": apollo(&digest(query))}).to_string();
    assert_eq!(
        world.post(Who::Viewer, again.clone()).await.json()["data"]["task"],
        json!({"name": "the task", "creator": null})
    );
    assert_eq!(world.post(Who::Stranger, again.clone()).await.json()["data"]["task"], Value::Null);
    assert_eq!(world.post(Who::Anonymous, again).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn trusted_documents_are_asked_by_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    fs::write(&file, json!({"who": VIEWER}).to_string()).unwrap();
    let world = World::under(trusting(&file, false)).await;
    for named in [
        json!({"documentId": "who"}),
        json!({"documentId": format!("sha256:{}", digest(VIEWER))}),
        json!({"query": "{ __typename }"}),
    ] {
        assert_eq!(ask(&world, named.clone()).await.json()["errors"], Value::Null, "{named}");
    }
    assert_eq!(ask(&world, json!({"documentId": "nobody's"})).await.codes(), ["PERSISTED_QUERY_NOT_FOUND"]);
}

#[tokio::test]
async fn where_only_the_trusted_are_answered_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.graphql"), VIEWER).unwrap();
    fs::write(folder.path().join("notes.txt"), "{ notes").unwrap();
    let world = World::bare(trusting(folder.path(), true)).await;
    let hash = digest(VIEWER);
    for trusted in [
        json!({"documentId": hash}),
        json!({"query": VIEWER}),
        json!({"extensions": apollo(&hash)}),
        json!({"query": VIEWER, "extensions": apollo(&hash)}),
    ] {
        assert_eq!(ask(&world, trusted.clone()).await.json()["errors"], Value::Null, "{trusted}");
    }
    let other = "{ viewer { tenant principal } }";
    for untrusted in [
        json!({"query": other}),
        json!({"query": "{ viewer { tenant } } "}),
        json!({"query": "{"}),
        json!({"query": "{ __schema { queryType { name } } }"}),
        json!({"query": other, "extensions": apollo(&digest(other))}),
        json!({"extensions": apollo(&digest(other))}),
        json!({"documentId": "a"}),
    ] {
        assert_eq!(ask(&world, untrusted.clone()).await.codes(), ["DOCUMENT_NOT_TRUSTED"], "{untrusted}");
    }
}

#[tokio::test]
async fn a_trusted_document_that_is_none_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (content, named) in [(json!({"broken": "{ a"}).to_string(), "broken"), ("[]".to_owned(), "documents.json")] {
        let file = folder.path().join("documents.json");
        fs::write(&file, content).unwrap();
        let error = World::try_bare(trusting(&file, true)).await.err().unwrap();
        assert!(error.contains("graphql.trusted_documents") && error.contains(named), "{error}");
    }
    let error = World::try_bare(trusting(&folder.path().join("none"), true)).await.err().unwrap();
    assert!(error.contains("graphql.trusted_documents"), "{error}");
}
