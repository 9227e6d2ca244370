//! With SpiceDB, and its relationships beside the rows as well: lists are found there, and SpiceDB decides what is shown.

use crate::spicedb::{CONSISTENCY, Own, settings};
use blackbox::{
    As, Server, Settings, Storage, World, documents,
    gateways::{counted, with_cache},
    spicedb::{give, take_away},
    tree,
};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A SpiceDB of one test's own: an index is of all there is.
async fn own() -> Own {
    tokio::task::spawn_blocking(|| Own::start(&tree::root().join("crates/authz/schema.zed"))).await.unwrap()
}

/// What a command says of the index, or why it fails.
async fn told(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = server.command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

const COMPLETE: &str = "lists of spicedb are found in the index beside the rows";

async fn is_made(server: &Server) {
    let (code, said) = told(server, &["engine", "index", "spicedb"]).await;
    assert!(code == Some(0) && said.contains(COMPLETE), "{said}");
}

async fn is_incomplete(server: &Server) -> bool {
    told(server, &["engine", "routes"]).await.1.contains("is not complete")
}

/// What the engine is asked, by this call.
async fn asked(server: &Server, call: &str) -> f64 {
    counted(server, &format!("taskgate_engine_calls_total{{engine=\"spicedb\",call=\"{call}\"")).await
}

async fn lists(who: &As, task: &str) -> bool {
    who.get("/tasks?limit=100").await.expect(200).to_string().contains(task)
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} never comes true");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Whether lists are found there, as the gateway says itself.
async fn is_used(world: &World) -> bool {
    counted(&world.server, "taskgate_engine_lists_indexed").await > 0.0
}

#[tokio::test]
async fn lists_are_found_beside_the_rows_and_spicedb_decides() {
    let own = own().await;
    found_beside(settings(&own.url), &own).await;
}

#[tokio::test]
async fn lists_are_found_beside_the_rows_and_decisions_are_kept() {
    let own = own().await;
    found_beside(with_cache(settings(&own.url)), &own).await;
}

async fn found_beside(settings: Settings, own: &Own) {
    let world = World::with(settings.clone(), Storage::Url).await;
    let other = World::on(settings.clone().start_on(world.server.database().clone()).await);
    let (server, viewer) = (&world.server, world.server.stranger());
    // Made, and given away, before there is an index.
    let [old, given] = [world.secret().await, world.secret().await];
    world.share(&old, &viewer, "VIEWER").await;
    give(&own.url, std::slice::from_ref(&given), "viewer", viewer.id()).await;
    assert!(!is_used(&world).await);
    is_made(server).await;
    eventually("it is used", async || is_used(&world).await && is_used(&other).await).await;
    let before = asked(server, "lookup").await + asked(&other.server, "lookup").await;
    assert!(lists(&viewer, &old).await && lists(&viewer, &given).await && lists(&world.owner, &old).await);

    for here in [&world, &other] {
        let there = &other.server.stranger();
        // What is changed through a gateway is seen at once, at each.
        let task = here.secret().await;
        assert!(lists(&here.owner, &task).await && !lists(there, &task).await);
        here.share(&task, &viewer, "VIEWER").await;
        assert!(lists(&viewer, &task).await && lists(there, &task).await);
        let variables = json!({ "id": task, "principal": viewer.principal, "role": "VIEWER" });
        here.owner.gql(documents::UNSHARE_TASK, variables).await.data();
        assert!(!lists(&viewer, &task).await && !lists(there, &task).await);
        here.share(&task, &viewer, "VIEWER").await;
        assert!(lists(there, &task).await, "given again");
        here.owner.delete(&format!("/tasks/{task}")).await.expect(200);
        assert!(!lists(&here.owner, &task).await && !lists(there, &task).await);
    }

    // What is changed past all gateways is seen as soon as SpiceDB has told of it.
    let task = world.secret().await;
    give(&own.url, std::slice::from_ref(&task), "viewer", viewer.id()).await;
    eventually("what somebody else gave is listed", async || lists(&viewer, &task).await).await;
    take_away(&own.url, &task, "viewer", viewer.id()).await;
    eventually("what somebody else took is not", async || !lists(&viewer, &task).await).await;

    // Whoever says how fresh is answered by SpiceDB itself, and nobody else was.
    assert!(asked(server, "lookup").await + asked(&other.server, "lookup").await <= before);
    let before = asked(server, "lookup").await;
    let request = world.owner.request(Method::GET, "/tasks?limit=3").header(CONSISTENCY, "spicedb:unknown");
    world.owner.send(request).await.expect(200);
    assert!(asked(server, "lookup").await > before);

    // A gateway that starts is told what it was not there for.
    let late = World::on(settings.start_on(server.database().clone()).await);
    give(&own.url, std::slice::from_ref(&task), "viewer", viewer.id()).await;
    eventually("it is used there", async || is_used(&late).await).await;
    eventually("what somebody else gave is listed", async || lists(&late.server.stranger(), &task).await).await;

    assert!(told(server, &["engine", "routes"]).await.1.contains(COMPLETE));
    let (code, said) = told(server, &["engine", "index", "spicedb", "--end"]).await;
    assert!(code == Some(0) && said.contains("are found by itself"), "{said}");
    eventually("it is not used any more", async || !is_used(&world).await && !is_used(&other).await).await;
    assert!(lists(&viewer, &task).await && lists(&viewer, &old).await);
}

/// Nothing comes from SpiceDB into what the embedded engine decides by, and a list has no holes where not all was told.
#[tokio::test]
async fn an_index_that_may_lack_something_is_not_used() {
    let own = own().await;
    let world = World::with(settings(&own.url), Storage::Url).await;
    let (server, viewer) = (&world.server, world.server.stranger());
    let task = world.secret().await;
    let another = "INSERT INTO relationship_indexes (engine, reached, complete) VALUES ('proxy', '', true)";
    server.database().run(another).await;
    is_made(server).await;
    eventually("it is used", async || is_used(&world).await).await;
    let whole = "SELECT count(*) FROM relationship_indexes WHERE engine = 'proxy' AND complete";
    eventually("of another that is not kept here nobody can say", async || server.database().number(whole).await == 0)
        .await;

    // Somebody's account goes to the embedded engine: what others give in SpiceDB stays there.
    let route = |command: &'static str| {
        let to: &[&str] = if command == "route" { &["graph"] } else { &[] };
        [&["engine", command, "task"], to, &["--account", "zeta", "--reason", "a test"]].concat()
    };
    assert_eq!(told(server, &route("route")).await.0, Some(0));
    eventually("it is given up", async || is_incomplete(server).await && !is_used(&world).await).await;
    give(&own.url, std::slice::from_ref(&task), "viewer", viewer.id()).await;
    assert!(lists(&viewer, &task).await);
    sleep(Duration::from_secs(1)).await;
    let beside = format!("SELECT count(*) FROM relationships WHERE resource_id = '{task}' AND relation = 'viewer'");
    assert_eq!(server.database().number(&beside).await, 0);
    let (code, said) = told(server, &["engine", "index", "spicedb"]).await;
    assert!(code == Some(1) && said.contains("the embedded engine answers callers"), "{said}");
    assert_eq!(told(server, &route("unroute")).await.0, Some(0));
    assert!(is_incomplete(server).await && !is_used(&world).await);
    is_made(server).await;
    eventually("it is used again", async || is_used(&world).await).await;
    assert!(lists(&viewer, &task).await);

    // Nor is it an index where the embedded engine is told what others are told.
    let shadow = ["engine", "route", "task", "spicedb", "--shadow", "graph", "--account", "zeta", "--reason", "a test"];
    assert_eq!(told(server, &shadow).await.0, Some(0));
    eventually("it is given up", async || is_incomplete(server).await && !is_used(&world).await).await;
    let (code, said) = told(server, &["engine", "index", "spicedb"]).await;
    assert!(code == Some(1) && said.contains("is asked in a shadow"), "{said}");
    assert_eq!(told(server, &route("unroute")).await.0, Some(0));
    is_made(server).await;
    eventually("it is used again", async || is_used(&world).await).await;

    // A gateway that was away for longer than SpiceDB remembers may not be told of all that changed.
    server.database().run("UPDATE relationship_indexes SET changed_at = now() - interval '13 hours'").await;
    let late = World::on(settings(&own.url).start_on(server.database().clone()).await);
    eventually("it is given up", async || is_incomplete(server).await).await;
    eventually("by all", async || !is_used(&world).await && !is_used(&late).await).await;
    drop(late);
    is_made(server).await;
    eventually("it is used again", async || is_used(&world).await).await;

    // A gateway starts, and SpiceDB has forgotten the moment up to which the others have come.
    server.database().run("UPDATE relationship_indexes SET reached = 'GhUKEzEwMDAwMDAwMDAwMDAwMDAwMDA='").await;
    let late = World::on(settings(&own.url).start_on(server.database().clone()).await);
    eventually("it is given up", async || is_incomplete(server).await).await;
    eventually("by all", async || !is_used(&world).await && !is_used(&late).await).await;
    assert!(lists(&viewer, &task).await && lists(&late.server.stranger(), &task).await);
}
