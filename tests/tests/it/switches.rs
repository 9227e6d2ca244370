//! Dual writes switched off, to shadow and on again, per resource and account, while gateways run.

use blackbox::{
    As, Database, Server, Settings, Storage, World, documents,
    faults::step,
    port_of,
    wire::{Fault, Wire},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const SWITCH: &str = "mutation($input: SwitchDualWriteInput!) {
    switchDualWrite(input: $input) { from switch { resource account mode by reason } }
}";
const SWITCHES: &str = "{ dualWriteSwitches { resource account mode by reason at } }";
const CHANGES: &str = "{ dualWriteSwitchChanges { from switch { resource account mode by reason at } } }";

fn hasty() -> Settings {
    Settings::default()
        .with("TASKGATE_DUAL_WRITE__RETRIES", "0")
        .with("TASKGATE_DUAL_WRITE__ATTEMPT_TIMEOUT_MS", "300")
        .with("TASKGATE_DUAL_WRITE__PATIENCE_MS", "1000")
        .with("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "100")
        // Where nothing else is said, what is seen was heard of.
        .with("TASKGATE_DUAL_WRITE__SWITCH_REFRESH_MS", "3600000")
}

fn input(resource: &str, account: Option<&str>, mode: &str) -> Value {
    json!({ "input": { "resource": resource, "account": account, "mode": mode, "reason": "a test" } })
}

async fn turn(server: &Server, account: Option<&str>, mode: &str) -> Value {
    server.caller("operator").gql(SWITCH, input("task", account, mode)).await.data()["switchDualWrite"].clone()
}

/// Makes a task. Its id, whatever else may be seen of it.
async fn make(owner: &As, agent: &str) -> String {
    let made = owner.gql(documents::CREATE_TASK, json!({ "input": { "agentId": agent } })).await.json();
    made["data"]["createTask"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let asked = Instant::now();
    while !holds().await {
        assert!(asked.elapsed() < Duration::from_secs(20), "{what} never comes true");
        sleep(Duration::from_millis(30)).await;
    }
}

async fn is_seen(owner: &As, task: &str) -> bool {
    owner.get(&format!("/tasks/{task}")).await.status == 200
}

/// Whether making a task registers it.
async fn registers(owner: &As, agent: &str) -> bool {
    let task = make(owner, agent).await;
    is_seen(owner, &task).await
}

/// Off and on again, as any storage must have it.
async fn off_and_on_again(world: &World) {
    let (server, owner) = (&world.server, &world.owner);
    let before = world.secret().await;
    let change = turn(server, Some("demo"), "OFF").await;
    assert_eq!((&change["from"], &change["switch"]["mode"]), (&Value::Null, &json!("OFF")));

    let made = owner.gql(documents::CREATE_TASK, json!({ "input": { "agentId": world.agent } })).await;
    let task = made.json()["data"]["createTask"]["id"].as_str().unwrap().to_owned();
    assert_eq!(made.codes(), ["NOT_FOUND", "NOT_FOUND"], "its name and status are nobody's to see");
    assert!(!is_seen(owner, &task).await, "the gate does not open what the engine does not know");
    let shown = owner.gql("{ tasks(first: 100) { nodes { id } } }", Value::Null).await.text();
    assert!(!shown.contains(&task) && shown.contains(&before));
    owner.delete(&format!("/tasks/{before}")).await.expect(200);
    assert!(!is_seen(owner, &before).await, "ended all the same");
    sleep(Duration::from_millis(400)).await;
    assert!(!is_seen(owner, &task).await, "reconcilers leave it alone");

    let change = turn(server, Some("demo"), "ON").await;
    assert_eq!(change["from"], "OFF");
    eventually("what was owed is made up for", async || is_seen(owner, &task).await).await;
    owner.delete(&format!("/tasks/{task}")).await.expect(200);
}

#[tokio::test]
async fn w10_off_leaves_rows_alone_and_on_makes_up_for_it() {
    let world = World::with(hasty(), Storage::Url).await;
    off_and_on_again(&world).await;
    let database = world.server.database();
    let left = "SELECT (SELECT count(*) FROM intents) + (SELECT count(*) FROM owed_registrations)";
    eventually("nothing is left to do", async || database.number(left).await == 0).await;
    let orphans = "SELECT (SELECT count(*) FROM tasks)
        - (SELECT count(*) FROM relationships WHERE resource_kind = 'task' AND relation = 'owner')";
    assert_eq!(database.number(orphans).await, 0);
}

#[tokio::test]
async fn w11_what_is_owed_is_no_orphan_and_waits_for_its_switch() {
    // The gateway's own reconciler does not come in between.
    let world =
        World::with(Settings::default().with("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "3600000"), Storage::Url);
    let world = world.await;
    let reconcile = || world.server.ask(&["dual-write", "reconcile", "--grace", "0", "--json"]);
    let orphan = world.secret().await;
    turn(&world.server, Some("demo"), "OFF").await;
    let task = make(&world.owner, &world.agent).await;
    world.server.database().run(&format!("DELETE FROM relationships WHERE resource_id = '{orphan}'")).await;
    let said = reconcile();
    assert_eq!(said.code, Some(0), "{} {}", said.out, said.err);
    for task in [&task, &orphan] {
        assert!(!is_seen(&world.owner, task).await, "nothing is written while it is off");
    }
    turn(&world.server, Some("demo"), "ON").await;
    let said = reconcile();
    assert_eq!(said.code, Some(0), "{} {}", said.out, said.err);
    assert_eq!(said.objects()[0]["swept"]["registered"], 1, "{}", said.out);
    for task in [&task, &orphan] {
        assert!(is_seen(&world.owner, task).await);
    }
}

#[tokio::test]
async fn w10_off_and_on_again_in_memory() {
    off_and_on_again(&World::with(hasty(), Storage::Memory).await).await;
}

#[tokio::test]
async fn w10_a_switch_is_of_its_resource_and_account_only() {
    let world = World::with(hasty(), Storage::Url).await;
    let (server, stranger) = (&world.server, world.server.stranger());
    let foreign = server.database().rows("SELECT id FROM agents WHERE name = 'private-agent'").await;
    let foreign = foreign[0].trim_matches(['(', ')']).to_owned();
    let registering = async || {
        let demo = registers(&world.owner, &world.agent).await;
        (demo, registers(&stranger, &foreign).await)
    };
    assert_eq!(registering().await, (true, true));
    turn(server, Some("demo"), "OFF").await;
    assert_eq!(registering().await, (false, true));
    let agent = json!({ "input": { "name": "w10", "description": "d", "acpType": "ASYNC" } });
    let made = world.owner.gql(documents::CREATE_AGENT, agent).await;
    assert!(made.codes().is_empty(), "agents have a switch of their own: {}", made.text());
    turn(server, None, "OFF").await;
    assert_eq!(registering().await, (false, false));
    turn(server, Some("demo"), "ON").await;
    assert_eq!(registering().await, (true, false), "its own goes before that for all");
}

#[tokio::test]
async fn w10_an_api_key_that_is_owed_its_registration_is_made_up_for_too() {
    let world = World::with(hasty(), Storage::Url).await;
    let operator = world.server.caller("operator");
    operator.gql(SWITCH, input("api_key", Some("demo"), "OFF")).await.data();
    let body = json!({ "agent_id": world.agent, "name": "w10" });
    let made = world.owner.post("/agent_api_keys", body).await;
    assert!(made.status < 300, "{}", made.text());
    let path = format!("/agent_api_keys/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(world.owner.get(&path).await.status, 404);
    operator.gql(SWITCH, input("api_key", Some("demo"), "ON")).await.data();
    eventually("it is made up for", async || world.owner.get(&path).await.status == 200).await;
    world.owner.delete(&path).await.expect(200);
}

#[tokio::test]
async fn w10_shadow_writes_and_never_decides() {
    let database = Database::create().await;
    let wire = Wire::to(port_of(&database.url)).await;
    let settings = hasty().with("TASKGATE_STORAGE", "url").with("DATABASE_URL", wire.url(&database));
    let world = World::on(settings.run(Some(database)).await);
    turn(&world.server, None, "SHADOW").await;
    assert!(registers(&world.owner, &world.agent).await, "it writes");
    for fault in [Fault::Refuse, Fault::Cut, Fault::Lose, Fault::Delay(Duration::from_millis(400))] {
        wire.judge(move |sql| (step(sql) == Some("registered")).then_some(fault));
        let task = make(&world.owner, &world.agent).await;
        wire.calm();
        eventually("it is made up for", async || is_seen(&world.owner, &task).await).await;
    }
}

#[tokio::test]
async fn w10_every_gateway_hears_of_it_or_reads_it() {
    let hearing = hasty().start(Storage::Url).await;
    let database = hearing.database().clone();
    // Of two values for one variable the later counts.
    let reading = hasty().with("TASKGATE_DUAL_WRITE__SWITCH_REFRESH_MS", "300").start_on(database.clone()).await;
    let follows = async |server: &Server, on: bool| {
        let (owner, agent) = (server.owner(), server.demo.agent());
        eventually("the switch is seen", async || registers(&owner, &agent).await == on).await;
    };
    turn(&reading, Some("demo"), "OFF").await;
    assert!(!registers(&reading.owner(), &reading.demo.agent()).await, "at once, where it was turned");
    follows(&hearing, false).await;
    // Nobody hears any more, and whoever reads finds out all the same.
    let deafen = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%switches%'";
    assert_eq!(database.rows(deafen).await.len(), 2);
    database.run("UPDATE dual_write_switches SET mode = 'on'").await;
    follows(&reading, true).await;
    // Whoever can hear no more reads, and listens again.
    follows(&hearing, true).await;
    sleep(Duration::from_millis(1500)).await;
    turn(&hearing, Some("demo"), "OFF").await;
    follows(&reading, false).await;
}

#[tokio::test]
async fn w10_only_operators_see_and_turn_switches() {
    let world = World::new(Storage::Url).await;
    for caller in [world.server.owner(), world.server.stranger(), world.server.agent()] {
        for document in [SWITCHES, CHANGES] {
            let answer = caller.gql(document, Value::Null).await;
            assert_eq!(answer.codes(), ["NOT_FOUND"], "{}: {}", caller.name, answer.text());
        }
        assert_eq!(caller.gql(SWITCH, input("task", None, "OFF")).await.codes(), ["FORBIDDEN"]);
    }
    let operator = world.server.caller("operator");
    for wrong in [
        input("tracker", None, "OFF"),
        input("tenant", None, "OFF"),
        input("task", Some(""), "OFF"),
        json!({ "input": { "resource": "task", "mode": "OFF", "reason": " " } }),
    ] {
        assert_eq!(operator.gql(SWITCH, wrong).await.codes(), ["BAD_USER_INPUT"]);
    }
    let none = operator.gql(CHANGES, Value::Null).await.data();
    assert_eq!(none["dualWriteSwitchChanges"], json!([]), "nothing was turned");

    operator.gql(SWITCH, input("agent", Some("demo"), "SHADOW")).await.data();
    let shown = operator.gql(SWITCHES, Value::Null).await.data()["dualWriteSwitches"][0].clone();
    assert_eq!(
        (&shown["resource"], &shown["account"], &shown["mode"], &shown["by"], &shown["reason"]),
        (&json!("agent"), &json!("demo"), &json!("SHADOW"), &json!("user:demo-operator"), &json!("a test"))
    );
}

#[tokio::test]
async fn w10_the_command_turns_lists_and_keeps_who_and_why() {
    let world = World::with(hasty(), Storage::Url).await;
    let command = |arguments: &[&str]| {
        let settings = Settings::default().with("DATABASE_URL", &world.server.database().url);
        let ran = settings.command().arg("dual-write").args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ran.status.success(), text(ran.stdout), text(ran.stderr))
    };
    let (well, nothing, _) = command(&["switches"]);
    assert!(well && nothing.contains("every switch is on"), "{nothing}");
    let off = ["switch", "task", "off", "--account", "demo", "--reason", "the engine moves"];
    let (well, told, log) = command(&off);
    assert!(
        well && told.contains("task of demo from on (never turned) to off, by command line: the engine moves"),
        "{told}{log}"
    );
    eventually("the gateway hears of it", async || !registers(&world.owner, &world.agent).await).await;
    let (_, listed, _) = command(&["switches", "--json"]);
    let lines: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["switch"]["mode"], &lines[1]["change"]["by"]), (&json!("off"), &json!("command line")));
    let (well, _, error) = command(&["switch", "tracker", "off", "--reason", "why not"]);
    assert!(!well && error.contains("BAD_USER_INPUT") && error.contains("`tracker`"), "{error}");
    let (well, _, error) = command(&["switch", "task", "off"]);
    assert!(!well && error.contains("--reason"), "{error}");
    let audited = world.server.database().number("SELECT count(*) FROM dual_write_switch_changes").await;
    assert_eq!(audited, 1, "what was refused is no change");
}
