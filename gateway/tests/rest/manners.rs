//! What every route does with a request that is not as it should be.

use crate::world::{Answer, BODY_LIMIT, World};
use authz::{Consistency, ConsistencyToken};
use axum::body::Body;
use gateway::rest;
use http::{Request, StatusCode};
use serde_json::json;

async fn post(world: &World, kind: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::post("/checkpoints/list").header("authorization", "bearer owner");
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    world.raw(request.body(body.into()).unwrap()).await
}

const CONSISTENCY: &str = "taskgate-consistency";

/// Asks for a task, with a token.
async fn with_token(world: &World, path: &str, who: &str, token: &str) -> Answer {
    let request = Request::get(path).header("authorization", format!("bearer {who}")).header(CONSISTENCY, token);
    world.raw(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn freshness_is_passed_on_in_a_header() {
    let world = World::new().await;
    let body = |name: &str| json!({ "agent_id": world.agent.id.as_str(), "name": name });
    let made = world.post("owner", "/agent_api_keys", body("plain")).await;
    assert!(made.status == StatusCode::OK && !made.headers.contains_key(CONSISTENCY));
    *world.engine.token.lock().unwrap() = Some(ConsistencyToken::new("t1"));
    let made = world.post("owner", "/agent_api_keys", body("fresh")).await;
    let token = made.headers[CONSISTENCY].to_str().unwrap().to_owned();
    let task = world.task().await;
    let name = task.name.unwrap();
    let fresh = || Consistency::AtLeastAsFresh(ConsistencyToken::new("t1"));
    let asked = async |path: &str, token: Option<&str>| {
        world.engine.freshness.lock().unwrap().clear();
        let answer = match token {
            Some(token) => with_token(&world, path, "owner", token).await,
            None => world.get("owner", path).await,
        };
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        std::mem::take(&mut *world.engine.freshness.lock().unwrap())
    };
    let (by_id, by_name) = (format!("/tasks/{}", task.id), format!("/tasks/name/{name}"));
    for path in [by_id.as_str(), "/tasks", &by_name, "/agents"] {
        assert_eq!(asked(path, Some(&token)).await, [fresh()], "{path}");
    }
    for path in [by_id.as_str(), "/tasks"] {
        assert_eq!(asked(path, None).await, [Consistency::MinimizeLatency], "{path}");
        assert_eq!(asked(path, Some("elsewhere:t1")).await, [Consistency::FullyConsistent], "{path}");
    }
    assert_eq!(asked(&by_name, None).await, [fresh()], "its row is there");
    for bad in ["", "t1", "engine:", ":t1"] {
        let refused = with_token(&world, &by_id, "owner", bad).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{bad}");
        assert_eq!(refused.headers["x-error-code"], "BAD_REQUEST");
        assert_eq!((&refused.json()["code"], refused.questions.len()), (&json!(400), 0));
        assert_eq!(with_token(&world, &by_id, "nobody", bad).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_invalid() {
    let world = World::new().await;
    let deep = "[".repeat(100_000 / 2);
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"\xff",
        b"{\"thread_id\": \"\xff\"}",
        b"NaN",
        b"{\"a\": \"\\ud800\"}",
        b"{\"a\": 1e999}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let answer = post(&world, Some("application/json"), body.to_vec()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert_eq!(answer.headers["x-error-code"], "BAD_USER_INPUT");
        assert_eq!((&answer.json()["status_code"], &answer.json()["data"]), (&json!(10422), &json!(null)));
    }
}

#[tokio::test]
async fn a_body_is_read_as_json_unless_it_is_said_to_be_something_else() {
    let world = World::new().await;
    let body = format!(r#"{{"thread_id": "{}"}}"#, world.task().await.id);
    for kind in [None, Some("application/json"), Some("application/json; charset=utf-8")] {
        assert_eq!(post(&world, kind, body.clone()).await.ok(), json!([]));
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let answer = post(&world, Some(kind), body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{answer:?}");
        assert_eq!(answer.headers["x-error-code"], "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    let world = World::new().await;
    let body = format!(r#"{{"thread_id": "{}"}}"#, world.task().await.id);
    let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    post(&world, None, padded(BODY_LIMIT)).await.ok();
    let answer = post(&world, None, padded(BODY_LIMIT + 1)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["code"], 413);
    let stream = Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(padded(BODY_LIMIT + 1))]));
    assert_eq!(post(&world, None, stream).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let broken = Body::from_stream(futures::stream::iter([Err::<String, _>(std::io::Error::other("gone"))]));
    assert_eq!(post(&world, None, broken).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn text_that_no_row_can_hold_is_invalid_wherever_it_stands() {
    let world = World::new().await;
    let task = world.task().await;
    let answers = [
        world.get("owner", "/tasks/a%00b").await,
        world.get("owner", "/tasks/name/a%00b").await,
        world.get("owner", "/tracker/%00").await,
        world.get("owner", "/tracker?task_id=%00").await,
        world.get("owner", "/tasks?agent_name=%00").await,
        world.get("owner", "/events?task_id=%00&agent_id=a").await,
        world.post("owner", "/checkpoints/list", json!({"thread_id": "\0"})).await,
        world.put("owner", &format!("/tasks/{}", task.id), json!({"merge_params": {"a": {"\0": 1}}})).await,
        world.put("owner", &format!("/tasks/{}", task.id), json!({"task_metadata": {"a": ["\0"]}})).await,
        world.post("owner", &format!("/tasks/{}/fail", task.id), json!({"reason": "\0"})).await,
    ];
    for answer in answers {
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    }
}

#[tokio::test]
async fn a_path_that_is_not_text_is_invalid_for_those_who_are_known() {
    let world = World::new().await;
    assert_eq!(world.get("owner", "/tasks/%ff").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.get("nobody", "/tasks/%ff").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_unknown_route_and_a_wrong_method_are_told_as_agentex_tells_them() {
    let world = World::new().await;
    let unknown = world.get("owner", "/nowhere").await;
    assert_eq!((unknown.status, unknown.json()), (StatusCode::NOT_FOUND, json!({"detail": "Not Found"})));
    let wrong = world.send("owner", "PATCH", "/tasks", None).await;
    assert_eq!((wrong.status, wrong.json()), (StatusCode::METHOD_NOT_ALLOWED, json!({"detail": "Method Not Allowed"})));
}

#[tokio::test]
async fn a_slash_too_many_leads_to_the_route_and_never_to_another_host() {
    let world = World::new().await;
    let led = world.get("owner", "/tasks/?limit=1").await;
    assert_eq!(led.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(led.headers["location"], "/tasks?limit=1");
    for path in ["//example.com/", "/", "//", "/%5Cexample.com/"] {
        assert_eq!(world.get("owner", path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_document_is_served_to_anybody() {
    let world = World::new().await;
    let served = world.raw(Request::get("/openapi.json").body(Body::empty()).unwrap()).await.ok();
    assert_eq!(served, serde_json::to_value(rest::openapi()).unwrap());
}

/// Every reference in the document leads somewhere.
#[test]
fn the_document_is_whole() {
    let document = serde_json::to_value(rest::openapi()).unwrap();
    let text = document.to_string();
    let mut references: Vec<_> =
        text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    references.sort_unstable();
    references.dedup();
    assert!(references.len() > 10, "{references:?}");
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}
