//! Freshness that callers pass on, in a header.

use crate::world::{Answer, Who, World};
use authz::{Consistency, ConsistencyToken};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

const CONSISTENCY: &str = "taskgate-consistency";

/// Asks with a token, if there is one.
async fn ask(world: &World, who: Who, token: Option<&str>, body: Value) -> Answer {
    let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
    if who != Who::Anonymous {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", who.token()));
    }
    if let Some(token) = token {
        request = request.header(CONSISTENCY, token);
    }
    world.send(request.body(body.to_string().into()).unwrap()).await
}

fn told(answer: &Answer) -> Option<&str> {
    answer.headers.get(CONSISTENCY).map(|token| token.to_str().unwrap())
}

fn make(world: &World, name: &str) -> Value {
    let query = "mutation($input: CreateTaskInput!) { createTask(input: $input) { id } }";
    json!({ "query": query, "variables": { "input": { "agentId": world.agent, "name": name } } })
}

fn as_fresh_as(token: &str) -> Consistency {
    Consistency::AtLeastAsFresh(ConsistencyToken::new(token))
}

#[tokio::test]
async fn the_answer_to_a_write_says_how_fresh_to_ask_where_the_engine_does() {
    let world = World::new().await;
    assert_eq!(told(&ask(&world, Who::Owner, None, make(&world, "plain")).await), None);
    world.calls.give("t1");
    let read = json!({ "query": "{ viewer { tenant } tasks { nodes { id } } }" });
    assert_eq!(told(&ask(&world, Who::Owner, None, read.clone()).await), None, "nothing was written");
    let made = ask(&world, Who::Owner, None, make(&world, "first")).await;
    let token = told(&made).unwrap().to_owned();
    assert!(token.ends_with(":t1"), "{token}: it says which engine gave it");
    world.calls.freshness();
    ask(&world, Who::Owner, Some(&token), read.clone()).await;
    assert_eq!(world.calls.freshness(), [as_fresh_as("t1")]);
    ask(&world, Who::Owner, None, read.clone()).await;
    assert_eq!(world.calls.freshness(), [Consistency::MinimizeLatency]);
    ask(&world, Who::Owner, Some("elsewhere:t1"), read).await;
    assert_eq!(world.calls.freshness(), [Consistency::FullyConsistent], "of another engine it says nothing");
}

/// They follow one another, so the last stands for all.
#[tokio::test]
async fn of_several_writes_the_last_is_told() {
    let world = World::new().await;
    world.calls.give("shared");
    let id = json!(world.task);
    let share = |name: &str| format!("{name}: shareTask(id: {id}, principal: \"user:x\", role: VIEWER) {{ id }}");
    let both = json!({ "query": format!("mutation {{ {} {} }}", share("a"), share("b")) });
    assert!(told(&ask(&world, Who::Owner, None, both.clone()).await).unwrap().ends_with(":shared"));
    let batch = json!([make(&world, "in a batch"), { "query": "{ viewer { tenant } }" }]);
    assert!(told(&ask(&world, Who::Owner, None, batch).await).unwrap().ends_with(":shared"));
    // Who may not write has written nothing.
    assert_eq!(told(&ask(&world, Who::Viewer, None, both).await), None);
}

#[tokio::test]
async fn what_was_made_is_asked_about_by_name_as_fresh_as_it_is() {
    let world = World::new().await;
    let by_name =
        |name: &str| json!({ "query": "query($n: String) { task(name: $n) { id } }", "variables": { "n": name } });
    ask(&world, Who::Owner, None, make(&world, "plain")).await;
    world.calls.give("t1");
    let token = told(&ask(&world, Who::Owner, None, make(&world, "first")).await).unwrap().to_owned();
    world.calls.take();
    for (name, token, wanted) in [
        ("plain", None, Consistency::MinimizeLatency),
        ("nobody's", None, Consistency::MinimizeLatency),
        ("first", None, as_fresh_as("t1")),
        ("first", Some(token.as_str()), as_fresh_as("t1")),
        ("plain", Some(token.as_str()), as_fresh_as("t1")),
    ] {
        world.calls.freshness();
        ask(&world, Who::Owner, token, by_name(name)).await;
        assert_eq!(world.calls.freshness(), [wanted], "{name} {token:?}");
        let found: &[_] = if name == "nobody's" { &[] } else { &["tasks.get"] };
        assert_eq!(world.calls.take(), [&["engine.check"], found, &["tasks.id_by_name"]].concat());
    }
}

#[tokio::test]
async fn a_header_that_no_write_has_answered_is_refused_once_it_is_known_who_asks() {
    let world = World::new().await;
    let read = json!({ "query": "{ viewer { tenant } }" });
    for bad in ["", "t1", "engine:", ":t1", "a b:t1"] {
        let answer = ask(&world, Who::Owner, Some(bad), read.clone()).await;
        assert_eq!((answer.status, answer.codes()), (StatusCode::BAD_REQUEST, vec!["BAD_REQUEST".to_owned()]), "{bad}");
        let answer = ask(&world, Who::Anonymous, Some(bad), read.clone()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
}
