//! `taskgate doctor`: a healthy deployment, and each fault, which it names and says what to do about.

use blackbox::{Database, Said, Server, Settings, Storage, tree};
use serde_json::Value;
use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

/// What doctor says under these settings.
async fn examine(settings: Settings, arguments: &'static [&'static str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings.with("TASKGATE_DATA_DIR", folder.path().join("data").to_string_lossy());
    let output = tokio::task::spawn_blocking(move || {
        settings.command().arg("doctor").args(arguments).current_dir(folder.path()).output().unwrap()
    });
    let output = output.await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

pub async fn json(settings: Settings) -> Said {
    examine(settings, &["--json"]).await
}

/// The one finding of a check.
fn finding(said: &Said, check: &str) -> Value {
    let found = said.objects().into_iter().find(|object| object["check"] == check);
    found.unwrap_or_else(|| panic!("{check} is not among {}{}", said.out, said.err))
}

/// That a check failed, with words that name the fault and words that name what to do.
pub fn failed(said: &Said, check: &str, found: &str, advice: &str) {
    let finding = finding(said, check);
    assert_eq!((said.code, &finding["state"]), (Some(3), &"failed".into()), "{said:?}");
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    assert!(text("found").contains(found), "{finding}");
    assert!(text("advice").contains(advice), "{finding}");
}

fn on(database: &Database) -> Settings {
    with_database(Settings::default(), database)
}

pub fn with_database(settings: Settings, database: &Database) -> Settings {
    settings.with("DATABASE_URL", &database.url).with("TASKGATE_DEMO", "true")
}

/// A database that has been migrated.
pub async fn migrated() -> Database {
    let database = Database::create().await;
    let settings = on(&database);
    let migrated = tokio::task::spawn_blocking(move || settings.command().arg("migrate").output().unwrap()).await;
    assert!(migrated.unwrap().status.success());
    database
}

#[tokio::test]
async fn a_healthy_deployment_is_well_while_it_runs() {
    let server = Server::start(Storage::Url).await;
    let said = json(on(server.database())).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let states: Vec<_> = said.objects().iter().map(|object| object["state"].clone()).collect();
    assert!(states.len() >= 6 && states.iter().all(|state| state == "ok"), "{said:?}");
    for check in ["configuration", "database", "migrations", "connections", "clock", "engine graph"] {
        assert!(finding(&said, check).get("advice").is_none(), "{said:?}");
    }
    let said = examine(on(server.database()), &[]).await;
    assert!(said.out.lines().all(|line| line.starts_with("ok ")), "{said:?}");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_meant() {
    let said = json(Settings::default().with("TASKGATE_LISTENN", "127.0.0.1:1")).await;
    failed(&said, "configuration", "listenn", "README");
    let nobody = Settings::default().with("TASKGATE_STORAGE", "memory").with("TASKGATE_DEMO", "false");
    failed(&json(nobody).await, "configuration", "nobody could call", "does not start");
    let said = examine(Settings::default().with("TASKGATE_LISTENN", "x"), &[]).await;
    assert!(said.out.starts_with("FAILED   configuration") && said.out.contains("→ "), "{said:?}");
}

#[tokio::test]
async fn a_database_that_is_away_or_shuts_out() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let away = Settings::default().with("DATABASE_URL", format!("postgres://u:hunter2@{address}/d"));
    let said = json(away).await;
    failed(&said, "database", &address.to_string(), "is it running");
    assert!(!said.out.contains("hunter2") && said.objects().len() == 2, "nothing behind it is looked at: {said:?}");
    let database = Database::create().await;
    let gone = format!("{}_gone", database.url);
    failed(
        &json(Settings::default().with("DATABASE_URL", gone)).await,
        "database",
        "does not exist",
        "is the address right",
    );
    let odd = Settings::default().with("DATABASE_URL", "postgres://u@h:port/d");
    assert_eq!(finding(&json(odd).await, "database")["state"], "failed");
}

#[tokio::test]
async fn storage_that_keeps_nothing_is_a_warning() {
    let said = json(Settings::default().with("TASKGATE_STORAGE", "memory")).await;
    assert_eq!((said.code, &finding(&said, "database")["state"]), (Some(0), &"warning".into()), "{said:?}");
    let nowhere = Settings::default().with("TASKGATE_STORAGE", "private").with("TASKGATE_POSTGRES_BIN_DIR", "/nowhere");
    failed(&json(nowhere).await, "database", "not installed", "postgres_bin_dir");
    let said = json(Settings::default().with("TASKGATE_STORAGE", "private")).await;
    assert!(finding(&said, "database")["found"].as_str().unwrap().contains("will make"), "{said:?}");
}

#[tokio::test]
async fn a_schema_of_another_version() {
    let database = Database::create().await;
    let said = json(on(&database)).await;
    failed(&said, "migrations", "older", "taskgate migrate");
    failed(&said, "engine graph", "does not answer", "relationships");
    let database = migrated().await;
    database
        .run("INSERT INTO _sqlx_migrations SELECT 99999, description, now(), true, checksum, 0 FROM _sqlx_migrations LIMIT 1")
        .await;
    let said = json(on(&database)).await;
    let finding = finding(&said, "migrations");
    assert_eq!((said.code, &finding["state"]), (Some(0), &"warning".into()), "{said:?}");
    assert!(finding["found"].as_str().unwrap().contains("newer"), "{finding}");
}

#[tokio::test]
async fn clocks_that_are_apart() {
    let database = migrated().await;
    let name = database.url.rsplit('/').next().unwrap().to_owned();
    for (apart, state, word) in [("3 s", "warning", "behind"), ("-1 hour", "failed", "ahead of")] {
        // A clock of its own, which is found before the server's.
        database
            .run(&format!(
                "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
                     $$ SELECT pg_catalog.clock_timestamp() + interval '{apart}' $$;
                 ALTER DATABASE {name} SET search_path = public, pg_catalog"
            ))
            .await;
        let said = json(on(&database)).await;
        let clock = finding(&said, "clock");
        assert_eq!(clock["state"], state, "{said:?}");
        assert!(clock["found"].as_str().unwrap().contains(word), "{clock}");
        assert!(clock["advice"].as_str().unwrap().contains("clocks"), "{clock}");
    }
}

#[tokio::test]
async fn more_connections_than_the_server_has() {
    let database = migrated().await;
    let said = json(on(&database).with("TASKGATE_DATABASE__MAX_CONNECTIONS", "5000")).await;
    assert_eq!((said.code, &finding(&said, "connections")["state"]), (Some(0), &"warning".into()), "{said:?}");
}

#[tokio::test]
async fn an_engine_or_a_collector_that_is_away() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let database = migrated().await;
    let spicedb = || on(&database).with("TASKGATE_ENGINE", "spicedb");
    failed(&json(spicedb()).await, "engine spicedb", "spicedb.endpoint", "[spicedb]");
    let said = json(spicedb().with("TASKGATE_SPICEDB__ENDPOINT", &nowhere)).await;
    failed(&said, "engine spicedb", "unavailable", "is SpiceDB running");
    let said = json(on(&database).with("TASKGATE_PROXY__ENDPOINT", &nowhere)).await;
    failed(&said, "engine proxy", "does not answer", "is the agentex-auth service running");
    let redis = nowhere.replace("http://", "redis://:hunter2@");
    let said = json(on(&database).with("REDIS_URL", redis)).await;
    assert_eq!((said.code, &finding(&said, "redis")["state"]), (Some(0), &"warning".into()), "{said:?}");
    assert!(!said.out.contains("hunter2"), "{said:?}");
    let said = json(on(&database).with("TASKGATE_TRACES__OTLP", &nowhere)).await;
    let collector = finding(&said, "traces.otlp");
    assert_eq!((said.code, &collector["state"]), (Some(0), &"warning".into()), "{said:?}");
    assert!(collector["advice"].as_str().unwrap().contains("collector"), "{collector}");
}

/// A Redis of this test's own, which asks for a password.
struct Guarded {
    port: u16,
    child: Child,
    _home: TempDir,
}

impl Guarded {
    async fn start(password: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let home = tempfile::tempdir().unwrap();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--requirepass", password])
            .current_dir(home.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { port, child, _home: home }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_redis_that_asks_for_another_password() {
    let (database, redis) = (migrated().await, Guarded::start("swordfish").await);
    let with =
        |credential: &str| on(&database).with("REDIS_URL", format!("redis://{credential}127.0.0.1:{}/", redis.port));
    let well = finding(&json(with(":swordfish@")).await, "redis");
    assert_eq!(well["state"], "ok", "{well}");
    for credential in [":hunter2@", "somebody:hunter2@", ""] {
        let said = json(with(credential)).await;
        let locked = finding(&said, "redis");
        assert_eq!((said.code, &locked["state"]), (Some(0), &"warning".into()), "{said:?}");
        let text = |key: &str| locked[key].as_str().unwrap().to_owned();
        assert!(text("found").contains("does not let this process in"), "{locked}");
        assert!(text("advice").contains("the password in `redis_url`"), "{locked}");
        assert!(!said.out.contains("hunter2") && !said.err.contains("hunter2"), "{said:?}");
    }
    // Something else that listens there is no Redis.
    let other = Server::start(Storage::Memory).await;
    let there = other.demo.url().replace("http://", "redis://");
    let odd = finding(&json(on(&database).with("REDIS_URL", there)).await, "redis");
    assert_eq!(odd["state"], "warning", "{odd}");
    assert!(odd["found"].as_str().unwrap().contains("does not answer as a Redis does"), "{odd}");
}

/// Whoever reads a runbook is told to run it.
#[test]
fn runbooks_know_of_it() {
    assert!(tree::read("observability/runbooks/gateway.md").contains("`taskgate doctor`"));
}
