//! The operator's commands on the dual write (W11): orphans found, explained and repaired, in both directions.

use blackbox::{Said, Server, Settings, Storage, World, documents};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

/// What is just made may be an orphan at once.
const AT_ONCE: [&str; 2] = ["--grace", "0"];

fn dual_write(server: &Server, arguments: &[&str]) -> Said {
    server.ask(&[&["dual-write"], arguments, &["--json"]].concat())
}

/// The orphans that a command found, by resource, and its summary.
fn found(said: &Said) -> (Vec<Value>, Value) {
    let mut objects = said.objects();
    objects.retain(|object| object.get("swept").is_none());
    let summary = objects.pop().unwrap_or_else(|| panic!("{}", said.err));
    (objects, summary["summary"].clone())
}

fn ids(orphans: &[Value]) -> Vec<&str> {
    orphans.iter().map(|orphan| orphan["resource"].as_str().unwrap()).collect()
}

/// A world with a task of which the engine has not heard, one without an owner, one whose owner is not to be known,
/// and relationships of a task and of an agent that are not there. In the order they are found in.
async fn world_with_orphans() -> (World, [String; 5]) {
    let world = World::new(Storage::Url).await;
    let tasks = [world.task().await, world.task().await, world.task().await];
    let [unheard, unowned, unknown] = &tasks;
    world
        .server
        .database()
        .run(&format!(
            "DELETE FROM relationships WHERE resource_id IN ('{unheard}', '{unknown}');
             DELETE FROM relationships WHERE resource_id = '{unowned}' AND relation = 'owner';
             UPDATE tasks SET creator_user_id = NULL WHERE id = '{unknown}';
             INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id) VALUES
                ('task', 'zz-gone', 'owner', 'user', 'u'), ('task', 'zz-gone', 'tenant', 'tenant', 'demo'),
                ('agent', 'zz-gone', 'owner', 'user', 'u')"
        ))
        .await;
    let [unheard, unowned, unknown] = tasks.map(|id| format!("task:{id}"));
    (world, ["agent:zz-gone".to_owned(), unheard, unowned, unknown, "task:zz-gone".to_owned()])
}

#[tokio::test]
async fn w11_orphans_are_found_in_both_directions_and_repaired_after_a_dry_run() {
    let (world, orphans) = world_with_orphans().await;
    let server = &world.server;
    let said = dual_write(server, &[&["orphans"][..], &AT_ONCE].concat());
    let (listed, summary) = found(&said);
    assert_eq!((ids(&listed), said.code), (orphans.iter().map(String::as_str).collect(), Some(3)), "{}", said.err);
    let [agent, unheard, unowned, unknown, task] = listed.as_slice() else { panic!("{listed:?}") };
    for left_behind in [agent, task] {
        assert_eq!((&left_behind["direction"], &left_behind["remedy"]), (&json!("registration"), &json!("deregister")));
    }
    let creator = format!("user:{}", world.owner.id());
    assert_eq!((&unheard["creator"], &unheard["account"]), (&json!(creator), &json!("demo")));
    assert_eq!(unheard["missing"], json!(["owner", "tenant", "parent_agent"]));
    assert_eq!((&unowned["direction"], &unowned["missing"]), (&json!("row"), &json!(["owner"])));
    assert_eq!((&unknown["remedy"], &unknown["obstacle"]), (&json!("none"), &json!("no_creator")));
    assert_eq!((&summary["complete"], &summary["repairable"]), (&json!(true), &json!(4)));

    let tried = dual_write(server, &[&["reconcile", "--dry-run"][..], &AT_ONCE].concat());
    assert_eq!(found(&tried).0, listed, "a dry run only says so");
    assert_eq!(world.owner.get(&format!("/tasks/{}", &orphans[1][5..])).await.status, 404, "and changes nothing");

    let done = dual_write(server, &[&["reconcile"][..], &AT_ONCE].concat());
    let (repaired, summary) = found(&done);
    let outcomes: Vec<_> = repaired.iter().map(|orphan| orphan["outcome"].as_str().unwrap()).collect();
    assert_eq!((outcomes, done.code), (vec!["done", "done", "done", "left", "done"], Some(3)));
    assert_eq!((&summary["repaired"], &summary["failed"]), (&json!(4), &json!(0)));
    for task in &orphans[1..3] {
        assert_eq!(world.see(&task[5..]).await["id"], json!(&task[5..]), "its creator owns it again");
    }
    assert_eq!(server.editor().get(&format!("/tasks/{}", &orphans[1][5..])).await.status, 404, "no shares are guessed");
    let left = dual_write(server, &[&["orphans"][..], &AT_ONCE].concat());
    assert_eq!(ids(&found(&left).0), [orphans[3].as_str()], "what a person must decide");
    server.database().run("UPDATE tasks SET creator_user_id = 'u' WHERE creator_user_id IS NULL").await;
    assert_eq!(dual_write(server, &[&["reconcile"][..], &AT_ONCE].concat()).code, Some(0), "nothing is left");
    let none = "SELECT count(*) FROM relationships WHERE resource_id = 'zz-gone'";
    assert_eq!(server.database().number(none).await, 0);
}

#[tokio::test]
async fn w11_agents_and_their_keys_are_repaired_as_tasks_are() {
    let world = World::new(Storage::Url).await;
    let input = json!({ "agentId": world.agent, "name": "w11" });
    let made = world.owner.gql(documents::CREATE_API_KEY, json!({ "input": input })).await.data();
    let key = made["createApiKey"]["apiKey"]["id"].as_str().unwrap();
    let sql = format!("DELETE FROM relationships WHERE resource_id IN ('{key}', '{}')", world.agent);
    world.server.database().run(&sql).await;
    assert_eq!(world.owner.get(&format!("/agents/{}", world.agent)).await.status, 404);
    let done = dual_write(&world.server, &[&["reconcile"][..], &AT_ONCE].concat());
    let (repaired, _) = found(&done);
    assert_eq!(
        (ids(&repaired), done.code),
        (vec![&*format!("agent:{}", world.agent), &*format!("api_key:{key}")], Some(0))
    );
    assert_eq!(repaired[0]["missing"], json!(["owner", "tenant", "runtime"]));
    assert_eq!(repaired[1]["missing"], json!(["owner", "tenant", "parent_agent"]));
    world.owner.get(&format!("/agents/{}", world.agent)).await.expect(200);
    let some = dual_write(&world.server, &["orphans", "--resource", "api_key"]);
    assert_eq!((some.code, found(&some).1["rows"].clone()), (Some(0), json!(1)));
}

#[tokio::test]
async fn w11_what_is_found_by_a_command_is_counted_where_dashboards_read_it() {
    let settings = Settings::default().with("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "100");
    let world = World::with(settings, Storage::Url).await;
    let task = world.secret().await;
    world.server.database().run(&format!("DELETE FROM relationships WHERE resource_id = '{task}'")).await;
    dual_write(&world.server, &[&["reconcile"][..], &AT_ONCE].concat());
    let lines = ["found", "repaired"]
        .map(|what| format!("task_fgac_dual_write_orphans_{what}_total{{direction=\"row\",resource=\"task\"}} 1"));
    let begun = Instant::now();
    loop {
        let shown = world.server.operator().get("/metrics").await.text();
        if lines.iter().all(|line| shown.lines().any(|shown| shown == line)) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = &dual_write(&world.server, &["status"]).objects()[0];
    assert_eq!(status["orphans"], json!([{ "resource": "task", "direction": "row", "found": 1, "repaired": 1 }]));
}

#[tokio::test]
async fn w11_what_is_being_made_or_ended_or_is_young_is_left_alone() {
    let world = World::new(Storage::Url).await;
    let database = world.server.database();
    let (young, busy) = (world.secret().await, world.secret().await);
    database.run(&format!("DELETE FROM relationships WHERE resource_id IN ('{young}', '{busy}')")).await;
    let (listed, summary) = found(&dual_write(&world.server, &["orphans"]));
    assert_eq!((listed.len(), &summary["waiting"]), (0, &json!(2)), "both are young");
    database
        .run(&format!(
            "INSERT INTO intents (id, op, resource_kind, resource_id, stage, twice, opened_at, due_at)
             VALUES ('i', 'deregister', 'task', '{busy}', 'undoing', false, now(), now() + interval '1 hour')"
        ))
        .await;
    let (listed, summary) = found(&dual_write(&world.server, &[&["orphans"][..], &AT_ONCE].concat()));
    assert_eq!((ids(&listed), &summary["waiting"]), (vec![format!("task:{young}").as_str()], &json!(1)));
    let status = &dual_write(&world.server, &["status"]).objects()[0];
    assert_eq!((&status["pending"], &status["oldest"][0]["resource"]), (&json!(1), &json!(format!("task:{busy}"))));
    let explained = &dual_write(&world.server, &["explain", &busy]).objects()[0];
    assert_eq!(
        (&explained["wait"], &explained["registration"]),
        (&json!("an intent on it is not settled"), &Value::Null)
    );
    assert_eq!(explained["row"]["creator"], json!(format!("user:{}", world.owner.id())));
    let explained = dual_write(&world.server, &["explain", &world.task().await]);
    assert_eq!((explained.code, &explained.objects()[0]["orphan"]), (Some(0), &Value::Null));
}

#[tokio::test]
async fn w11_only_the_part_that_was_asked_for() {
    let (world, orphans) = world_with_orphans().await;
    let some = |arguments: &[&str]| {
        let said = dual_write(&world.server, &[&["orphans"], arguments, &AT_ONCE].concat());
        found(&said).0.iter().map(|orphan| orphan["resource"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(some(&["--resource", "agent"]), orphans[..1]);
    assert_eq!(some(&["--resource", "task"]), orphans[1..]);
    assert_eq!(some(&["--account", "demo"]), orphans[1..], "the agent's relationships name no tenant");
    assert_eq!(some(&["--account", "elsewhere"]), [""; 0]);
    assert_eq!(some(&["--after", &orphans[2]]), orphans[3..]);
}

#[tokio::test]
async fn w11_a_scan_that_is_interrupted_says_where_to_go_on() {
    let (world, orphans) = world_with_orphans().await;
    // The engine's side does not answer until this transaction ends.
    let mut held = world.server.database().pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE relationships IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    let arguments = [&["dual-write", "orphans", "--json", "--after", orphans[2].as_str()][..], &AT_ONCE].concat();
    let scan = world.server.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let begun = Instant::now();
    while world.server.database().number(waiting).await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the scan does not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kill(Pid::from_raw(scan.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = tokio::task::spawn_blocking(|| scan.wait_with_output()).await.unwrap().unwrap();
    held.rollback().await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["summary"]["complete"], json!(false));
    let cursor = summary["summary"]["cursor"].as_str().unwrap();
    let rest = dual_write(&world.server, &[&["orphans", "--after", cursor][..], &AT_ONCE].concat());
    assert_eq!(ids(&found(&rest).0), orphans[3..].iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test]
async fn w11_people_get_a_table() {
    let (world, orphans) = world_with_orphans().await;
    let said = world.server.ask(&[&["dual-write", "orphans"][..], &AT_ONCE].concat());
    for text in [
        "RESOURCE",
        &orphans[0],
        "remove its relationships",
        "creator columns are empty",
        "2 registrations without row",
    ] {
        assert!(said.out.contains(text), "no {text} in\n{}", said.out);
    }
    assert_eq!(said.err, "", "no bar where there is no terminal");
    let said = world.server.ask(&["dual-write", "explain", &orphans[1]]);
    assert!(said.out.contains("`reconcile` would register owner user:"), "{}", said.out);
    assert!(world.server.ask(&["dual-write", "status"]).out.contains("intents: all settled"));
}

#[tokio::test]
async fn w11_a_private_cluster_is_compared_beside_its_gateway_and_without_it() {
    let mut world = World::new(Storage::Private).await;
    for running in [true, false] {
        if !running {
            world.server.stop();
        }
        let said = dual_write(&world.server, &["orphans"]);
        let (listed, summary) = found(&said);
        assert_eq!((listed.len(), said.code), (0, Some(0)), "{}", said.err);
        assert_eq!((&summary["rows"], &summary["registrations"]), (&json!(6), &json!(6)), "four tasks and two agents");
    }
}

#[tokio::test]
async fn w11_what_cannot_be_done_is_said() {
    let memory = Server::start(Storage::Memory).await;
    let said = dual_write(&memory, &["orphans"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("storage is `memory`"), "{}", said.err);

    // Nothing is made where nothing was.
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = Settings::default().with("TASKGATE_DATA_DIR", nowhere.path().to_str().unwrap()).command();
    let output = command.args(["dual-write", "status"]).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && err.contains("there is no private cluster"), "{err}");
    assert_eq!(std::fs::read_dir(nowhere.path()).unwrap().count(), 0);

    let world = World::new(Storage::Url).await;
    for (arguments, named) in [
        (&["orphans", "--after", "nonsense"][..], "--after"),
        (&["orphans", "--after", "tenant:demo"], "only agents, tasks and API keys are compared"),
        (&["orphans", "--resource", "tenant"], "--resource"),
        (&["explain", "api key:7"], "`KIND:ID`"),
    ] {
        let said = dual_write(&world.server, arguments);
        assert!(matches!(said.code, Some(1 | 2)) && said.err.contains(named), "{arguments:?}: {}", said.err);
    }
    // A program of another version does not touch the rows.
    let database = world.server.database();
    database.run("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 0)").await;
    let said = dual_write(&world.server, &["reconcile"]);
    assert!(said.code == Some(1) && said.err.contains("newer than this program"), "{}", said.err);
    database.run("DELETE FROM _sqlx_migrations WHERE version = 9999 OR version = 1").await;
    let said = dual_write(&world.server, &["reconcile"]);
    assert!(said.code == Some(1) && said.err.contains("older than this program"), "{}", said.err);
}
