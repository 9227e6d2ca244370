//! What pages of other sites can do with a reader's browser: nothing, unless they are allowed.

use crate::world::{Answer, Terms, Who, World};
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use serde_json::json;

const APP: &str = "https://app.example";

async fn with_origins(origins: &[&str]) -> World {
    let mut terms = Terms::default();
    terms.graphql.allowed_origins = origins.iter().map(ToString::to_string).collect();
    World::under(terms).await
}

async fn preflight(world: &World, origin: &str) -> Answer {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/graphql")
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type,x-api-key,taskgate-consistency");
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn no_origin_is_allowed_unless_it_is_named() {
    for (world, origin) in [(World::new().await, APP), (with_origins(&[APP]).await, "https://evil.example")] {
        let answer = preflight(&world, origin).await;
        assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn a_named_origin_may_ask_with_a_token_and_without_cookies() {
    let world = with_origins(&[APP, "http://localhost:3000"]).await;
    for origin in [APP, "http://localhost:3000"] {
        let answer = preflight(&world, origin).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let headers = answer.headers[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert!(
            ["authorization", "x-api-key", "content-type", "taskgate-consistency"]
                .iter()
                .all(|name| headers.contains(name)),
            "{headers}"
        );
    }
    let asked = Request::post("/graphql")
        .header(header::ORIGIN, APP)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-api-key", "owner");
    let answer = world.send(asked.body(json!({"query": "{ viewer { tenant } }"}).to_string().into()).unwrap()).await;
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], APP);
    let exposed = answer.headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
    assert!(
        ["x-request-id", "retry-after", "taskgate-consistency"].iter().all(|name| exposed.contains(name)),
        "{exposed}"
    );
    // The refused are told why, too.
    let nobody = Request::post("/graphql").header(header::ORIGIN, APP).body(Body::empty()).unwrap();
    let answer = world.send(nobody).await;
    assert_eq!(
        (answer.status, &answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN]),
        (StatusCode::UNAUTHORIZED, &APP.parse().unwrap())
    );
}

/// What a form or a picture of another site makes a browser send, with all the cookies there are.
#[tokio::test]
async fn what_a_browser_sends_by_itself_does_nothing() {
    let world = World::new().await;
    let end = json!({"query": "mutation($id: ID!) { deleteTask(id: $id) { id } }", "variables": {"id": world.task}})
        .to_string();
    for content in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let form = Request::post("/graphql").header(header::CONTENT_TYPE, content);
        let form = form.header(header::COOKIE, "x-api-key=owner; authorization=Bearer%20owner; token=owner");
        assert_eq!(world.send(form.body(end.clone().into()).unwrap()).await.status, StatusCode::UNAUTHORIZED);
        // Not even with a credential.
        let form = Request::post("/graphql").header(header::CONTENT_TYPE, content).header("x-api-key", "owner");
        assert_eq!(world.send(form.body(end.clone().into()).unwrap()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let picture = Request::get("/graphql?query=%7Bviewer%7Btenant%7D%7D&x-api-key=owner&token=owner");
    let picture = picture.header(header::COOKIE, "x-api-key=owner").body(Body::empty()).unwrap();
    assert_eq!(world.send(picture).await.status, StatusCode::UNAUTHORIZED);
    assert!(world.calls.take().is_empty());
    assert_eq!(world.about(Who::Owner, "task(id: $id) { status }").await["data"]["task"]["status"], "RUNNING");
}

#[tokio::test]
async fn no_answer_is_kept_on_the_way() {
    let world = World::new().await;
    let get = Request::get("/graphql?query=%7Bviewer%7Btenant%7D%7D").header("x-api-key", "owner");
    assert_eq!(world.send(get.body(Body::empty()).unwrap()).await.headers[header::CACHE_CONTROL], "no-store");
}
