//! With SpiceDB in place of the embedded engine nothing is different for callers.

use crate::{doctor, matrix, sweep::sweep};
use blackbox::{Answer, As, Database, Settings, Storage, World, documents, gateways::with_cache, tree, world::nobody};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A gateway's settings with the SpiceDB at an address.
pub fn settings(endpoint: &str) -> Settings {
    let token = std::env::var("TEST_SPICEDB_TOKEN").expect("run these tests with `tests/run`");
    Settings::default()
        .with("TASKGATE_ENGINE", "spicedb")
        .with("TASKGATE_SPICEDB__ENDPOINT", endpoint)
        .with("TASKGATE_SPICEDB__TOKEN", token)
}

/// Settings with the tests' SpiceDB, whose schema is written.
async fn with_spicedb() -> Settings {
    settings(&with_schema().await)
}

/// The address of the tests' SpiceDB, whose schema is written.
pub async fn with_schema() -> String {
    let url = std::env::var("TEST_SPICEDB_URL").expect("run these tests with `tests/run`");
    let written = schema(settings(&url), "write").await;
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    url
}

async fn schema(settings: Settings, command: &'static str) -> Output {
    tokio::task::spawn_blocking(move || settings.command().args(["schema", command]).output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_matrix_is_the_same() {
    matrix_is_the_same(with_spicedb().await).await;
}

#[tokio::test]
async fn the_matrix_is_the_same_when_decisions_are_kept() {
    matrix_is_the_same(with_cache(with_spicedb().await)).await;
}

async fn matrix_is_the_same(settings: Settings) {
    // Operators cannot have rows compared with what is in SpiceDB.
    let compared = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains(".dualWrite ") && !line.contains(".reconcileDualWrite "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let agreed = compared(&std::fs::read_to_string(tree::root().join(matrix::FILE)).unwrap());
    let found = compared(&matrix::table(settings, "hide").await);
    let different: Vec<_> = found.lines().filter(|line| !agreed.lines().any(|old| old == *line)).collect();
    assert!(agreed.contains(&found), "{}", different.join("\n"));
}

#[tokio::test]
async fn denied_is_missing_everywhere() {
    sweep(with_spicedb().await, Storage::Url, false).await;
}

/// A SpiceDB of one test's own.
pub struct Own {
    pub url: String,
    child: Child,
}

impl Own {
    /// Starts one that holds a schema.
    pub fn start(schema: &Path) -> Self {
        let start = std::env::var("TEST_SPICEDB_START").expect("run these tests with `tests/run`");
        let mut words = start.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg("--schema").arg(schema).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        Self { url: format!("http://{}", said["listen"].as_str().unwrap()), child }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn doctor_says_what_to_do_about_another_schema() {
    let folder = tempfile::tempdir().unwrap();
    let (zed, database) = (folder.path().join("other.zed"), doctor::migrated().await);
    // A version ago, say: nobody could share.
    let ours = tree::read("crates/authz/schema.zed");
    let older: Vec<_> = ours.lines().filter(|line| !line.contains("permission share")).collect();
    assert!(older.len() < ours.lines().count());
    std::fs::write(&zed, older.join("\n")).unwrap();
    let own = tokio::task::spawn_blocking(move || Own::start(&zed)).await.unwrap();
    let settings = || doctor::with_database(settings(&own.url), &database);
    let said = doctor::json(settings()).await;
    doctor::failed(
        &said,
        "schema",
        "differs from this version's in",
        "`taskgate schema diff`, then run `taskgate schema write`",
    );

    // What it says to do helps.
    let diff = schema(settings(), "diff").await;
    let diff = String::from_utf8_lossy(&diff.stdout).into_owned();
    assert!(diff.contains("permission share"), "{diff}");
    assert!(schema(settings(), "write").await.status.success());
    let said = doctor::json(settings()).await;
    let states: Vec<_> = said.objects().iter().map(|object| object["state"].clone()).collect();
    assert!(said.code == Some(0) && states.iter().all(|state| state == "ok"), "{said:?}");
}

#[tokio::test]
async fn the_schema_is_written_and_compared() {
    let url = std::env::var("TEST_SPICEDB_URL").unwrap();
    let _ = with_spicedb().await;
    let same = schema(settings(&url), "diff").await;
    assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stdout));
    let nowhere = schema(Settings::default(), "diff").await;
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("spicedb.endpoint"));
}

#[tokio::test]
async fn an_engine_that_is_away_lets_nobody_in_and_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let token = "a-token-of-the-owners-own";
    let config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(config.path(), format!("[[tokens]]\ntoken = '{token}'\nprincipal = 'user:owner'\ntenant = 't'\n"))
        .unwrap();
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = settings(&nowhere)
        .with("TASKGATE_CONFIG", config.path().to_str().unwrap())
        .with("TASKGATE_STORAGE", "memory")
        .with("TASKGATE_DEMO", "false")
        .with("TASKGATE_LISTEN", listen.to_string())
        .command();
    let mut server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (client, url) = (blackbox::client(), format!("http://{listen}"));
    let mut tries = 0;
    let ready = loop {
        match client.get(format!("{url}/readyz")).send().await {
            Ok(answer) => break answer,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        tries += 1;
        assert!(tries < 200, "it does not listen");
    };
    assert_eq!(ready.status(), 503);
    let told: Value = ready.json().await.unwrap();
    assert_eq!(told["checks"]["engine"], json!({ "kind": "spicedb", "status": "unavailable" }));
    let rest = client.get(format!("{url}/tasks/x")).bearer_auth(token).send().await.unwrap();
    assert_eq!(rest.status(), 503);
    let body = json!({ "query": "{ task(id: \"x\") { name } }" });
    let graphql = client.post(format!("{url}/graphql")).bearer_auth(token).json(&body).send().await.unwrap();
    let told: Value = graphql.json().await.unwrap();
    assert_eq!(told["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{told}");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test]
async fn what_is_shared_and_unshared_is_seen_at_once() {
    seen_at_once(with_spicedb().await).await;
    seen_at_once(with_cache(with_spicedb().await)).await;
}

async fn seen_at_once(settings: Settings) {
    let world = World::with(settings, Storage::Url).await;
    let viewer = world.server.stranger();
    for _ in 0..10 {
        let task = world.secret().await;
        assert_eq!(viewer.get(&format!("/tasks/{task}")).await.status, 404);
        world.share(&task, &viewer, "VIEWER").await;
        assert_eq!(viewer.get(&format!("/tasks/{task}")).await.status, 200);
        let list = viewer.get("/tasks?limit=1000").await.expect(200);
        assert!(list.to_string().contains(&task));
        world.owner.delete(&format!("/tasks/{task}")).await.expect(200);
        assert_eq!(viewer.get(&format!("/tasks/{task}")).await.status, 404);
    }
}

/// Two gateways that do not hear of each other, and keep decisions each for itself: what one of them writes is seen at
/// the other by whoever passes on what it has answered.
#[tokio::test]
async fn what_is_written_at_one_gateway_is_seen_at_another_by_whoever_says_how_fresh() {
    let settings = with_spicedb().await.with("TASKGATE_CACHE__MODE", "process");
    // They ask as fast as can be at once, and do not wait until they know all that was written before they started.
    let settings = settings.with("TASKGATE_SPICEDB__STALENESS_MS", "1");
    let database = Database::create().await;
    let here = World::on(settings.clone().start_on(database.clone()).await);
    let there = World::on(settings.start_on(database).await);
    let owner = &there.owner;
    let read = async |who: &As, path: &str, token: Option<&str>| {
        let request = who.request(Method::GET, path);
        who.send(match token {
            Some(token) => request.header(CONSISTENCY, token),
            None => request,
        })
        .await
    };
    let token = |written: &Answer| written.headers[CONSISTENCY].to_str().unwrap().to_owned();
    let (mut unseen, mut last) = (0, None);
    for _ in 0..10 {
        let name = nobody();
        let input = json!({ "agentId": here.agent, "name": name });
        let made = here.owner.gql(documents::CREATE_TASK, json!({ "input": input })).await;
        let fresh = token(&made);
        let id = made.data()["createTask"]["id"].as_str().unwrap().to_owned();
        let path = format!("/tasks/{id}");
        unseen += u32::from(read(owner, &path, None).await.status == 404);
        read(owner, &path, Some(&fresh)).await.expect(200);
        assert!(read(owner, "/tasks?limit=1000", Some(&fresh)).await.expect(200).to_string().contains(&id));
        read(owner, &format!("/tasks/name/{name}"), None).await.expect(200);
        let viewer = there.server.stranger();
        let variables = json!({ "id": id, "principal": viewer.principal, "role": "VIEWER" });
        let shared = here.owner.gql(documents::SHARE_TASK, variables.clone()).await;
        read(&viewer, &path, Some(&token(&shared))).await.expect(200);
        last = Some((viewer, path, variables));
    }
    // What is known there by now, and kept, does not count to whoever says that it was taken away here.
    let (viewer, path, variables) = last.unwrap();
    let begun = Instant::now();
    while read(&viewer, &path, None).await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is never seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let unshared = here.owner.gql(documents::UNSHARE_TASK, variables.clone()).await;
    assert_eq!(read(&viewer, &path, Some(&token(&unshared))).await.status, 404);
    let shown = read(&viewer, "/tasks?limit=1000", Some(&token(&unshared))).await.expect(200);
    assert!(!shown.to_string().contains(variables["id"].as_str().unwrap()));
    println!("without a token, {unseen} of 10 were not seen yet");
    let path = format!("/tasks/{}", here.secret().await);
    for made_up in ["spicedb:nonsense", "elsewhere:GhUK"] {
        read(owner, &path, Some(made_up)).await.expect(200);
    }
    assert_eq!(read(owner, &path, Some("nonsense")).await.status, 400);
}

pub const CONSISTENCY: &str = "taskgate-consistency";
