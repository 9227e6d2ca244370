//! `taskgate doctor`: a healthy deployment, and each fault, which it names and says what to do about.

use blackbox::{Database, Said, Server, Settings, Storage, tree};
use serde_json::Value;

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

async fn json(settings: Settings) -> Said {
    examine(settings, &["--json"]).await
}

/// The one finding of a check.
fn finding(said: &Said, check: &str) -> Value {
    let found = said.objects().into_iter().find(|object| object["check"] == check);
    found.unwrap_or_else(|| panic!("{check} is not among {}{}", said.out, said.err))
}

/// That a check failed, with words that name the fault and words that name what to do.
fn failed(said: &Said, check: &str, found: &str, advice: &str) {
    let finding = finding(said, check);
    assert_eq!((said.code, &finding["state"]), (Some(3), &"failed".into()), "{said:?}");
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    assert!(text("found").contains(found), "{finding}");
    assert!(text("advice").contains(advice), "{finding}");
}

fn on(database: &Database) -> Settings {
    Settings::default().with("DATABASE_URL", &database.url).with("TASKGATE_DEMO", "true")
}

/// A database that has been migrated.
async fn migrated() -> Database {
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
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
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
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
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

/// Whoever reads a runbook is told to run it.
#[test]
fn runbooks_know_of_it() {
    assert!(tree::read("observability/runbooks/gateway.md").contains("`taskgate doctor`"));
}
