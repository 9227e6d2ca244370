//! GraphQL over HTTP: methods, media types, statuses.

use crate::world::{Answer, REQUEST, Terms, Who, World};
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";
const VIEWER: &str = "{\"query\":\"{ viewer { tenant } }\"}";

async fn post(world: &World, accept: Option<&str>, content: &str, body: impl Into<Body>) -> Answer {
    let mut request = Request::post("/graphql").header("x-api-key", "owner").header(header::CONTENT_TYPE, content);
    if let Some(accept) = accept {
        request = request.header(header::ACCEPT, accept);
    }
    world.send(request.body(body.into()).unwrap()).await
}

async fn get(world: &World, path: &str, accept: &str) -> Answer {
    let request = Request::get(path).header("x-api-key", "owner").header(header::ACCEPT, accept);
    world.send(request.body(Body::empty()).unwrap()).await
}

fn content_type(answer: &Answer) -> &str {
    answer.headers[header::CONTENT_TYPE].to_str().unwrap().split(';').next().unwrap()
}

#[tokio::test]
async fn the_caller_chooses_the_media_type() {
    let world = World::new().await;
    for (accept, expected) in [
        (None, JSON),
        (Some("*/*"), JSON),
        (Some(JSON), JSON),
        (Some(GRAPHQL), GRAPHQL),
        (Some("application/graphql-response+json; charset=utf-8, application/json; charset=utf-8"), GRAPHQL),
        (Some("application/json, application/graphql-response+json;q=0.9"), JSON),
        (Some("text/html, application/graphql-response+json;q=0.1"), GRAPHQL),
    ] {
        let answer = post(&world, accept, JSON, VIEWER).await;
        assert_eq!((answer.status, content_type(&answer)), (StatusCode::OK, expected), "{accept:?}");
        assert_eq!(answer.json(), json!({"data": {"viewer": {"tenant": "acme"}}}));
    }
    let answer = post(&world, Some("text/plain"), JSON, VIEWER).await;
    assert_eq!((answer.status, answer.codes()), (StatusCode::NOT_ACCEPTABLE, vec!["NOT_ACCEPTABLE".to_owned()]));
}

#[tokio::test]
async fn a_request_that_cannot_be_executed_is_400_to_those_who_know_the_new_media_type() {
    let world = World::new().await;
    for query in ["{", "{ nothing }", "query($a: Int!) { viewer { tenant } }"] {
        let body = json!({"query": query}).to_string();
        let (old, new) =
            (post(&world, Some(JSON), JSON, body.clone()).await, post(&world, Some(GRAPHQL), JSON, body).await);
        assert_eq!((old.status, new.status), (StatusCode::OK, StatusCode::BAD_REQUEST), "{query}");
        assert_eq!(old.body, new.body);
        assert!(new.json().get("data").is_none());
    }
    let denied = json!({"query": "{ task(id: \"x\") { id } }"}).to_string();
    let answer = post(&world, Some(GRAPHQL), JSON, denied).await;
    assert_eq!((answer.status, answer.json()["data"].clone()), (StatusCode::OK, json!({"task": null})));
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_code() {
    let world = World::new().await;
    let bad = ["", "{", "null", "7", "\"{a}\"", "{}", "[]", "{\"query\":7}", "{\"query\":null}", "{\"variables\":{}}"];
    let typed = [
        "{\"query\":\"{a}\",\"operationName\":7}",
        "{\"query\":\"{a}\",\"variables\":[7]}",
        "{\"query\":\"{a}\",\"variables\":\"x\"}",
        "{\"query\":\"{a}\",\"extensions\":[]}",
        "[{\"query\":\"{a}\"},7]",
    ];
    let bytes: [&[u8]; 2] = [b"\xff\xfe", b"{\"query\":\"\xff\"}"];
    let bodies = bad.iter().chain(&typed).map(|text| text.as_bytes()).chain(bytes);
    for body in bodies {
        for accept in [JSON, GRAPHQL] {
            let answer = post(&world, Some(accept), JSON, body.to_vec()).await;
            let found = (answer.status, answer.codes(), content_type(&answer).to_owned());
            let expected = (StatusCode::BAD_REQUEST, vec!["BAD_REQUEST".to_owned()], accept.to_owned());
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(body));
        }
    }
    let nulls = "{\"query\":\"{ viewer { tenant } }\",\"operationName\":null,\"variables\":null,\"extensions\":null}";
    assert_eq!(post(&world, None, JSON, nulls).await.status, StatusCode::OK);
    for content in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "multipart/form-data"]
    {
        let answer = post(&world, None, content, VIEWER).await;
        let expected = (StatusCode::UNSUPPORTED_MEDIA_TYPE, vec!["UNSUPPORTED_MEDIA_TYPE".to_owned()]);
        assert_eq!((answer.status, answer.codes()), expected, "{content}");
    }
    assert_eq!(post(&world, None, "Application/JSON; Charset=\"UTF-8\"", VIEWER).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_too_large_is_refused() {
    let world = World::new().await;
    let answer = post(&world, None, JSON, json!({"query": "#".repeat(65 * 1024)}).to_string()).await;
    assert_eq!((answer.status, answer.codes()), (StatusCode::PAYLOAD_TOO_LARGE, vec!["PAYLOAD_TOO_LARGE".to_owned()]));
}

#[tokio::test]
async fn nobody_is_told_nothing() {
    let world = World::new().await;
    let extensions = json!({"code": "UNAUTHENTICATED", "requestId": REQUEST, "details": {}});
    let expected = json!({"errors": [{"message": "Unauthorized", "extensions": extensions}]});
    let requests = [
        Request::post("/graphql").header(header::CONTENT_TYPE, JSON).body(VIEWER.into()).unwrap(),
        Request::post("/graphql").header(header::AUTHORIZATION, "Bearer wrong").body("{".into()).unwrap(),
        Request::post("/graphql").header("x-api-key", "").body(Body::empty()).unwrap(),
        Request::get("/graphql?query=%7Bnothing%7D").body(Body::empty()).unwrap(),
    ];
    for request in requests {
        let answer = world.send(request).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::UNAUTHORIZED, expected.clone()));
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    assert_eq!(world.post(Who::Anonymous, VIEWER).await.status, StatusCode::UNAUTHORIZED);
    assert!(world.calls.take().is_empty());
}

#[tokio::test]
async fn get_reads_and_does_not_write() {
    let world = World::new().await;
    let answer = get(
        &world,
        "/graphql?query=query($n:Int)%7Btasks(first:$n)%7Bnodes%7Bname%7D%7D%7D&variables=%7B%22n%22:1%7D",
        JSON,
    )
    .await;
    assert_eq!(answer.json(), json!({"data": {"tasks": {"nodes": [{"name": "the task"}]}}}));
    let both = "/graphql?query=query%20a%7Bviewer%7Btenant%7D%7Dmutation%20b%7BdeleteTask(id:%22x%22)%7Bid%7D%7D&operationName=";
    assert_eq!(get(&world, &format!("{both}a"), JSON).await.status, StatusCode::OK);
    for accept in [JSON, GRAPHQL] {
        let answer = get(&world, &format!("{both}b"), accept).await;
        assert_eq!(
            (answer.status, answer.codes()),
            (StatusCode::METHOD_NOT_ALLOWED, vec!["METHOD_NOT_ALLOWED".to_owned()])
        );
        assert_eq!(answer.headers[header::ALLOW], "GET, POST");
    }
    for path in ["/graphql", "/graphql?query=%7Ba%7D&variables=7", "/graphql?query=%7Ba%7D&variables=%7B"] {
        let answer = get(&world, path, JSON).await;
        assert_eq!(
            (answer.status, answer.codes()),
            (StatusCode::BAD_REQUEST, vec!["BAD_REQUEST".to_owned()]),
            "{path}"
        );
    }
    let request = Request::builder().method(Method::PUT).uri("/graphql").body(Body::empty()).unwrap();
    let answer = world.send(request).await;
    assert_eq!(
        (answer.status, answer.codes()),
        (StatusCode::METHOD_NOT_ALLOWED, vec!["METHOD_NOT_ALLOWED".to_owned()])
    );
}

#[tokio::test]
async fn a_batch_is_answered_in_order() {
    let world = World::new().await;
    let one = json!({"query": "query($id: ID!) { task(id: $id) { status } }", "variables": {"id": world.task}});
    let end = json!({"query": "mutation($id: ID!) { completeTask(id: $id) { id } }", "variables": {"id": world.task}});
    let answer = post(&world, Some(GRAPHQL), JSON, json!([one, end, {"query": "{"}, one]).to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answers = answer.json();
    assert_eq!(answers[0]["data"]["task"]["status"], "RUNNING");
    assert_eq!(answers[2]["errors"][0]["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
    assert_eq!(answers[3]["data"]["task"]["status"], "COMPLETED");
    // What is no request is found before the first of them writes.
    let make = json!({"query": "mutation($id: ID!) { deleteTask(id: $id) { id } }", "variables": {"id": world.task}});
    let answer = post(&world, Some(GRAPHQL), JSON, json!([make, {"variables": {}}]).to_string()).await;
    assert_eq!((answer.status, answer.codes()), (StatusCode::BAD_REQUEST, vec!["BAD_REQUEST".to_owned()]));
    let answer = post(&world, Some(GRAPHQL), JSON, json!([one]).to_string()).await;
    assert_eq!(answer.json()[0]["data"]["task"]["status"], "COMPLETED", "it is still there");
    let eleven = Value::Array(vec![json!({"query": "{ viewer { tenant } }"}); 11]);
    let answer = post(&world, None, JSON, eleven.to_string()).await;
    assert_eq!((answer.status, answer.codes()), (StatusCode::BAD_REQUEST, vec!["BAD_REQUEST".to_owned()]));
}

#[tokio::test]
async fn batches_can_be_refused() {
    let terms = Terms::default();
    let limits = gateway::Limits { graphql_batch: 0, ..terms.limits };
    let world = World::under(Terms { limits, ..terms }).await;
    let answer = post(&world, None, JSON, format!("[{VIEWER}]")).await;
    assert_eq!((answer.status, answer.codes()), (StatusCode::BAD_REQUEST, vec!["BAD_REQUEST".to_owned()]));
    assert_eq!(post(&world, None, JSON, VIEWER).await.status, StatusCode::OK);
}

#[tokio::test]
async fn graphiql_is_whole() {
    let world = World::new().await;
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    for path in ["/graphql", "/graphiql"] {
        let request = Request::get(path).header(header::ACCEPT, browser).body(Body::empty()).unwrap();
        let page = world.send(request).await;
        assert_eq!((page.status, content_type(&page)), (StatusCode::OK, "text/html"));
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && !policy.contains("http"), "{policy}");
        let page = page.text();
        let files: Vec<_> = page.split('"').filter(|text| text.starts_with("graphiql/")).collect();
        assert_eq!(files.len(), 5, "{page}");
        for file in files {
            let answer = world.send(Request::get(format!("/{file}")).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::OK, "{file}");
            let packed = answer.headers.get(header::CONTENT_ENCODING).is_some();
            assert_eq!(packed, answer.body.starts_with(&[0x1f, 0x8b]), "{file}");
        }
        let outside = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("http"), "{outside}");
    }
    let none = world.send(Request::get("/graphiql/other.js").body(Body::empty()).unwrap()).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}
