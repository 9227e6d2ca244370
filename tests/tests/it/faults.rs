//! The database away: nobody is let in, nothing is told, and it all comes back by itself.

use blackbox::{As, Database, Settings, Storage, Things, World, documents, port_of, wire::Wire, world};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// A server whose database lies behind a wire that can break.
async fn behind_a_wire() -> (World, Wire) {
    let database = Database::create().await;
    let wire = Wire::to(port_of(&database.url)).await;
    let settings = Settings::default()
        .with("TASKGATE_STORAGE", "url")
        .with("DATABASE_URL", wire.url(&database))
        .with("TASKGATE_DATABASE__ACQUIRE_TIMEOUT_MS", "500");
    (World::on(settings.run(Some(database)).await), wire)
}

/// What no caller is to read: what the answer would give away of what lies behind the gateway.
const SECRETS: &[&str] =
    &["postgres", "sqlx", "select", "insert", "/src/", "pool", "127.0.0.1", "refused", "relationships"];

async fn is_unavailable(caller: &As, things: &Things) {
    let rest = [
        caller.get("/tasks").await,
        caller.get(&format!("/tasks/{}", things.task)).await,
        caller.get(&format!("/tasks/name/{}", things.name)).await,
        caller.get(&format!("/tracker/{}", things.tracker)).await,
        caller.put(&format!("/tracker/{}", things.tracker), json!({ "status": "s" })).await,
        caller.post("/checkpoints/get-tuple", json!({ "thread_id": things.task })).await,
        caller.post("/checkpoints/put", world::checkpoint(&things.task, "c")).await,
        caller.delete(&format!("/tasks/{}", things.task)).await,
    ];
    for answer in &rest {
        assert_eq!((answer.status, answer.rest_code()), (503, Some("UNAVAILABLE")), "{}", answer.text());
        assert_eq!(answer.json()["code"], 503);
        assert!(answer.headers.contains_key("retry-after"));
    }
    let graphql = [
        caller.gql(documents::TASK, json!({ "id": things.task })).await,
        caller.gql("{ tasks { nodes { id } } }", Value::Null).await,
        caller.gql(documents::CREATE_TASK, json!({ "input": { "agentId": things.agent } })).await,
    ];
    for answer in &graphql {
        assert_eq!(answer.codes(), ["UNAVAILABLE"], "{}", answer.text());
    }
    for answer in rest.iter().chain(&graphql) {
        let told = answer.text().to_lowercase();
        let secret = SECRETS.iter().find(|secret| told.contains(**secret));
        assert_eq!(secret, None, "{told}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_503_on_both_edges_and_comes_back_by_itself() {
    let (world, wire) = behind_a_wire().await;
    let things = world.things().await;
    let before = world.all_of(&things.task).await;
    for round in 0..2 {
        wire.close();
        // Those who may and those who may not are answered alike: nobody can say which they are.
        is_unavailable(&world.owner, &things).await;
        is_unavailable(&world.server.stranger(), &things).await;
        is_unavailable(&world.owner, &Things::absent()).await;
        assert_eq!(world.server.anonymous().get("/readyz").await.status, 503);
        assert_eq!(world.server.anonymous().get("/healthz").await.status, 200, "it lives all the same");
        assert_eq!(world.server.anonymous().get("/tasks").await.status, 401, "nobody stays nobody");
        wire.open();
        let mut tries = 0;
        while world.owner.get(&format!("/tasks/{}", things.task)).await.status != 200 {
            tries += 1;
            assert!(tries < 100, "it did not come back in round {round}");
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(world.server.anonymous().get("/readyz").await.status, 200);
        assert_eq!(world.all_of(&things.task).await, before, "nothing was half-written");
    }
}

#[tokio::test]
async fn w12_a_key_that_cannot_be_looked_up_is_503_and_never_401() {
    let (world, wire) = behind_a_wire().await;
    let key = world.holder(&world.api_key(&world.agent, "runtime").await);
    let unknown = As::new("unknown", &world.server.demo.url(), Some(world::nobody()), None);
    let viewer = "{ viewer { principal } }";
    assert_eq!((key.get("/agents").await.status, unknown.get("/agents").await.status), (200, 401));
    for _ in 0..2 {
        wire.close();
        // Nobody can say whose a credential is that is not in the configuration.
        for caller in [&key, &unknown] {
            let answer = caller.get("/agents").await;
            assert_eq!((answer.status, answer.rest_code()), (503, Some("UNAVAILABLE")), "{}", answer.text());
            assert!(answer.headers.contains_key("retry-after"));
            let answer = caller.gql(viewer, Value::Null).await;
            assert_eq!((answer.status, answer.codes()), (503, vec!["UNAVAILABLE".to_owned()]), "{}", answer.text());
            let told = answer.text().to_lowercase();
            assert_eq!(SECRETS.iter().find(|secret| told.contains(**secret)), None, "{told}");
        }
        // One that is in it is known without asking.
        assert_eq!(
            world.owner.gql(viewer, Value::Null).await.data()["viewer"]["principal"],
            json!(world.owner.principal)
        );
        wire.open();
        let mut tries = 0;
        while key.get("/agents").await.status != 200 {
            tries += 1;
            assert!(tries < 100, "it did not come back");
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(unknown.get("/agents").await.status, 401, "that nobody could say is not remembered");
    }
}

#[tokio::test]
async fn connections_that_break_while_they_lie_idle_are_not_the_callers_matter() {
    let (world, wire) = behind_a_wire().await;
    let task = world.task().await;
    sleep(Duration::from_millis(1200)).await;
    wire.close();
    sleep(Duration::from_millis(50)).await;
    wire.open();
    assert_eq!(world.owner.get(&format!("/tasks/{task}")).await.status, 200);
}

#[tokio::test]
async fn an_engine_that_cannot_answer_lets_nobody_in() {
    let world = World::new(Storage::Url).await;
    let things = world.things().await;
    world.server.database().run("ALTER TABLE relationships RENAME TO elsewhere").await;
    for caller in [world.server.owner(), world.server.viewer(), world.server.stranger()] {
        for things in [&things, &Things::absent()] {
            let answer = caller.get(&format!("/tasks/{}", things.task)).await;
            assert!(answer.status >= 500, "{}: {}", caller.name, answer.text());
            assert!(!answer.text().contains("relationships"), "{}", answer.text());
            let answer = caller.gql(documents::TASK, json!({ "id": things.task })).await;
            assert!(answer.json()["data"]["task"].is_null(), "{}", answer.text());
        }
    }
    world.server.database().run("ALTER TABLE elsewhere RENAME TO relationships").await;
    assert_eq!(world.server.viewer().get(&format!("/tasks/{}", things.task)).await.status, 200);
    assert_eq!(world.server.stranger().get(&format!("/tasks/{}", things.task)).await.status, 404);
}

#[tokio::test]
async fn a_request_that_takes_too_long_ends_in_the_words_of_its_edge() {
    let settings = Settings::default().with("TASKGATE_REQUEST_TIMEOUT_MS", "500");
    let world = World::with(settings, Storage::Url).await;
    let (task, database) = (world.task().await, world.server.database().clone());
    let holder = tokio::spawn(async move { database.run("LOCK TABLE tasks; SELECT pg_sleep(3)").await });
    sleep(Duration::from_millis(300)).await;
    let rest = world.owner.get(&format!("/tasks/{task}")).await;
    assert_eq!((rest.status, &rest.json()["code"]), (503, &json!(503)), "{}", rest.text());
    let graphql = world.owner.gql(documents::TASK, json!({ "id": task })).await;
    assert_eq!(graphql.status, 503, "{}", graphql.text());
    assert_eq!(graphql.json()["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{}", graphql.text());
    assert_eq!(graphql.headers["retry-after"], "1");
    holder.await.unwrap();
    world.owner.get(&format!("/tasks/{task}")).await.expect(200);
}
