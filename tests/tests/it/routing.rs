//! From one engine to another while gateways run: shadow, copy, watch, route. With a real SpiceDB.

use crate::spicedb::{settings, with_schema};
use blackbox::{As, Server, Settings, Storage, World, documents, spicedb::take_away, world::nobody};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const ROUTE: &str = "mutation($input: RouteEngineInput!) {
    routeEngine(input: $input) { resource account from { engine shadow } to { engine shadow } by reason }
}";
const ROUTES: &str = "{ engineRoutes { resource account to { engine shadow } by reason at } }";
const CHANGES: &str = "{ engineRouteChanges { resource from { engine } to { engine } by reason at } }";
const KINDS: [&str; 4] = ["tenant", "agent", "task", "api_key"];

/// The embedded engine, with SpiceDB to be routed to.
fn both(url: &str) -> Settings {
    settings(url)
        .with("TASKGATE_ENGINE", "graph")
        // Where nothing else is said, what is seen was heard of.
        .with("TASKGATE_ROUTING__REFRESH_MS", "3600000")
}

fn input(resource: &str, account: Option<&str>, engine: Option<&str>, shadow: Option<&str>) -> Value {
    let reason = "a test";
    json!({ "input": { "resource": resource, "account": account, "engine": engine, "shadow": shadow, "reason": reason } })
}

/// An account of one test's own, since all tests share one SpiceDB: its people and their tokens.
struct Account {
    name: String,
    /// The configuration of every gateway that is to know them.
    config: tempfile::NamedTempFile,
    id: String,
}

impl Account {
    fn new() -> Self {
        let (id, config) = (nobody(), tempfile::Builder::new().suffix(".toml").tempfile().unwrap());
        let token = |who: &str, tenant: &str| {
            format!("[[tokens]]\ntoken = '{who}-{id}'\nprincipal = 'user:{who}-{id}'\ntenant = '{tenant}-{id}'\n")
        };
        let tokens = [token("owner", "acme"), token("viewer", "acme"), token("guest", "zeta")].concat();
        std::fs::write(config.path(), tokens).unwrap();
        Self { name: format!("acme-{id}"), config, id }
    }

    /// The embedded engine, with SpiceDB to be routed to.
    fn settings(&self, url: &str) -> Settings {
        both(url).with("TASKGATE_CONFIG", self.config.path().to_str().unwrap())
    }

    fn caller(&self, who: &'static str, server: &Server) -> As {
        let id = format!("{who}-{}", self.id);
        As::new(who, &server.demo.url(), Some(id.clone()), Some(format!("user:{id}")))
    }

    /// A world of this account's owner, who has an agent.
    async fn world(&self, server: Server) -> World {
        let member = format!(
            "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id)
            VALUES ('tenant', '{0}', 'member', 'user', 'owner-{1}'), ('tenant', '{0}', 'member', 'user', 'viewer-{1}')",
            self.name, self.id
        );
        server.database().run(&member).await;
        let owner = self.caller("owner", &server);
        let agent = json!({ "input": { "name": nobody(), "description": "d", "acpType": "ASYNC" } });
        let made = owner.gql(documents::CREATE_AGENT, agent).await.data();
        World { owner, agent: made["createAgent"]["id"].as_str().unwrap().to_owned(), server }
    }

    /// Routes all kinds of this account.
    async fn route(&self, server: &Server, engine: Option<&str>, shadow: Option<&str>) {
        for kind in KINDS {
            let changed = server.operator().gql(ROUTE, input(kind, Some(&self.name), engine, shadow)).await.data();
            assert_eq!(changed["routeEngine"]["by"], "user:demo-operator");
        }
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let asked = Instant::now();
    while !holds().await {
        assert!(asked.elapsed() < Duration::from_secs(20), "{what} never comes true");
        sleep(Duration::from_millis(30)).await;
    }
}

/// How often two engines came to this, whatever was asked.
async fn compared(server: &Server, outcome: &str) -> u64 {
    let text = server.operator().get("/metrics").await.text();
    let lines = text.lines().filter(|line| line.starts_with("taskgate_engine_shadow_comparisons_total{"));
    let lines = lines.filter(|line| line.contains(&format!("outcome=\"{outcome}\"")));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

async fn disagreements(server: &Server) -> u64 {
    compared(server, "first_allows").await + compared(server, "second_allows").await
}

/// Everything the owner sees of tasks, by id, and which they find in a list.
async fn seen(owner: &As, tasks: &[String]) -> Vec<Value> {
    let list = owner.get("/tasks?limit=100").await.expect(200).to_string();
    let mut seen = vec![json!(tasks.iter().filter(|task| list.contains(*task)).collect::<Vec<_>>())];
    for task in tasks {
        seen.push(owner.get(&format!("/tasks/{task}")).await.expect(200));
        let document = "query($id: ID!) { task(id: $id) {
            name access { principal role } viewerCan { read update execute cancel delete share }
        } }";
        seen.push(owner.gql(document, json!({ "id": task })).await.data());
    }
    seen
}

/// Whether somebody sees a task, by id and in a list alike.
async fn sees(who: &As, task: &str) -> bool {
    let status = who.get(&format!("/tasks/{task}")).await.status;
    assert!([200, 404].contains(&status), "{status}");
    let listed = who.get("/tasks?limit=100").await.expect(200).to_string().contains(task);
    assert_eq!(listed, status == 200);
    listed
}

fn status_of<'a>(ready: &'a Value, name: &str) -> Option<&'a str> {
    let engines = ready["checks"]["engines"].as_array().unwrap();
    engines.iter().find(|engine| engine["name"] == name)?["status"].as_str()
}

/// What a command answers about a copy of all there is, to SpiceDB.
fn copied(server: &Server, arguments: &[&str]) -> Value {
    copied_between(server, ["graph", "spicedb"], arguments)
}

fn copied_between(server: &Server, [from, to]: [&str; 2], arguments: &[&str]) -> Value {
    let copy = ["engine", "copy", "--from", from, "--to", to, "--json"];
    let said = server.ask(&[&copy, arguments].concat());
    assert_eq!(said.code, Some(0), "{} {}", said.out, said.err);
    let copied = said.objects()[0]["copied"].clone();
    assert_eq!(copied["complete"], true, "{copied}");
    copied
}

#[tokio::test]
async fn w10_an_account_moves_from_one_engine_to_another_while_gateways_run() {
    let (url, account) = (with_schema().await, Account::new());
    let world = account.world(account.settings(&url).start(Storage::Url).await).await;
    let other = account.settings(&url).start_on(world.server.database().clone()).await;
    let (server, owner) = (&world.server, &world.owner);
    let [viewer, guest] = ["viewer", "guest"].map(|who| account.caller(who, server));
    let stranger = server.stranger();
    let mut tasks = vec![world.secret().await, world.secret().await];
    world.share(&tasks[0], &viewer, "VIEWER").await;
    let ready = server.anonymous().get("/readyz").await.expect(200);
    assert_eq!((status_of(&ready, "graph"), status_of(&ready, "spicedb")), (Some("ok"), None), "{ready}");

    // In the shadow: the second engine does not know what was there before. Nobody notices but who counts.
    account.route(server, Some("graph"), Some("spicedb")).await;
    let before = seen(owner, &tasks).await;
    assert!(sees(&viewer, &tasks[0]).await && !sees(&stranger, &tasks[0]).await);
    eventually("what the second lacks is counted", async || compared(server, "first_allows").await > 0).await;
    let ready = server.anonymous().get("/readyz").await.expect(200);
    assert_eq!(status_of(&ready, "spicedb"), Some("ok"), "{ready}");

    // Copied; repeating it changes nothing.
    let pretended = copied(server, &["--account", &account.name, "--dry-run"]);
    assert!(pretended["relationships"].as_u64().unwrap() > 10, "{pretended}");
    for _ in 0..2 {
        let copied = copied(server, &["--account", &account.name]);
        let counts = ["resources", "relationships", "left", "removed"].map(|count| copied[count].clone());
        assert_eq!(counts, ["resources", "relationships", "left", "removed"].map(|count| pretended[count].clone()));
    }

    // From here on they agree.
    sleep(Duration::from_millis(500)).await;
    let (base, agreed) = (disagreements(server).await, compared(server, "agreed").await);
    tasks.push(world.secret().await);
    world.share(&tasks[2], &guest, "VIEWER").await;
    assert_eq!(seen(owner, &tasks[..2]).await, before);
    assert!(sees(&viewer, &tasks[0]).await && !sees(&viewer, &tasks[1]).await && sees(&guest, &tasks[2]).await);
    eventually("they are compared", async || compared(server, "agreed").await > agreed + 10).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(disagreements(server).await, base, "{}", server.log());

    // Somebody takes something away behind the gateways' back: that is counted, and decides nothing.
    take_away(&url, &tasks[0], "viewer", viewer.id()).await;
    eventually("a disagreement is counted", async || {
        assert!(sees(&viewer, &tasks[0]).await, "the first decides");
        disagreements(server).await > base
    })
    .await;
    assert!(server.log().contains("two engines disagree"), "{}", server.log());
    copied(server, &["--account", &account.name]);

    // The account moves, with the old engine in its shadow. The other gateway hears of it.
    account.route(server, Some("spicedb"), Some("graph")).await;
    for server in [server, &other] {
        let answers = json!({ "name": "spicedb", "role": "answers", "status": "ok" });
        eventually("the routes arrive", async || {
            let ready = server.anonymous().get("/readyz").await.expect(200);
            ready["checks"]["engines"].as_array().unwrap().contains(&answers)
        })
        .await;
        assert_eq!(seen(&account.caller("owner", server), &tasks[..2]).await, before);
        assert!(sees(&account.caller("viewer", server), &tasks[0]).await, "the copy has mended it");
        assert!(sees(&account.caller("guest", server), &tasks[2]).await, "whose account did not move");
        for task in &tasks {
            assert!(!sees(&server.stranger(), task).await);
        }
    }
    take_away(&url, &tasks[0], "viewer", viewer.id()).await;
    for server in [server, &other] {
        assert!(!sees(&account.caller("viewer", server), &tasks[0]).await, "it is SpiceDB that answers now");
    }

    // Copied back, the old engine is mended, too.
    let roles =
        format!("SELECT count(*) FROM relationships WHERE resource_id = '{}' AND relation = 'viewer'", tasks[0]);
    assert_eq!(server.database().number(&roles).await, 1);
    let back = ["spicedb", "graph"];
    let pretended = copied_between(server, back, &["--account", &account.name, "--dry-run"]);
    assert_eq!((&pretended["removed"], server.database().number(&roles).await), (&json!(1), 1), "{pretended}");
    for removed in [1, 0] {
        let copied = copied_between(server, back, &["--account", &account.name]);
        assert_eq!((&copied["removed"], server.database().number(&roles).await), (&json!(removed), 0), "{copied}");
        assert_eq!(copied["resources"], pretended["resources"]);
    }
    world.share(&tasks[0], &viewer, "VIEWER").await;

    // What is made, shared, unshared and ended is known to both.
    let unshare = json!({ "id": tasks[2], "principal": guest.principal, "role": "VIEWER" });
    owner.gql(documents::UNSHARE_TASK, unshare).await.data();
    assert!(!sees(&guest, &tasks[2]).await);
    let made = world.secret().await;
    world.share(&made, &viewer, "EDITOR").await;
    assert!(sees(&account.caller("viewer", &other), &made).await);
    let known = format!("SELECT count(*) FROM relationships WHERE resource_id = '{made}'");
    assert_eq!(server.database().number(&known).await, 4, "owner, tenant, agent and editor");
    owner.delete(&format!("/tasks/{made}")).await.expect(200);
    eventually("the old engine forgets it", async || server.database().number(&known).await == 0).await;

    // And back.
    account.route(server, None, None).await;
    assert_eq!(seen(owner, &tasks[..2]).await, before);
    assert!(sees(&viewer, &tasks[0]).await && !sees(&guest, &tasks[2]).await);
    let routes = server.operator().gql(ROUTES, Value::Null).await.data();
    assert_eq!(routes["engineRoutes"], json!([]));
}

#[tokio::test]
async fn w10_an_engine_that_a_gateway_has_not_lets_nobody_in_there() {
    let (url, account) = (with_schema().await, Account::new());
    let has = account.world(account.settings(&url).start(Storage::Url).await).await;
    let has_not = Settings::default().with("TASKGATE_CONFIG", account.config.path().to_str().unwrap());
    let has_not = has_not.start_on(has.server.database().clone()).await;
    let (task, owner) = (has.secret().await, account.caller("owner", &has_not));
    assert!(sees(&owner, &task).await);
    copied(&has.server, &["--account", &account.name]);
    let changed = has.server.operator().gql(ROUTE, input("task", Some(&account.name), Some("spicedb"), None)).await;
    assert_eq!(changed.data()["routeEngine"]["to"]["engine"], "spicedb");
    eventually("it lets nobody in", async || owner.get(&format!("/tasks/{task}")).await.status == 503).await;
    assert_eq!(owner.get("/tasks").await.status, 503);
    let gql = owner.gql("{ tasks { nodes { id } } }", Value::Null).await;
    assert_eq!(gql.codes(), ["UNAVAILABLE"], "{}", gql.text());
    assert!(!sees(&has_not.stranger(), &task).await, "other accounts are answered");
    let ready = has_not.anonymous().get("/readyz").await;
    assert_eq!((ready.status, status_of(&ready.json(), "spicedb")), (503, Some("not configured")));
    assert!(has_not.log().contains("a route leads to an engine that is not configured here"), "{}", has_not.log());
    assert!(sees(&has.owner, &task).await, "{}", has.server.log());
    let refused = has_not.operator().gql(ROUTE, input("task", None, Some("spicedb"), None)).await;
    assert_eq!(refused.codes(), ["BAD_USER_INPUT"], "{}", refused.text());
}

#[tokio::test]
async fn w10_only_operators_see_and_change_routes() {
    let world = World::new(Storage::Memory).await;
    for caller in [world.server.owner(), world.server.stranger(), world.server.agent()] {
        for document in [ROUTES, CHANGES] {
            let answer = caller.gql(document, Value::Null).await;
            assert_eq!(answer.codes(), ["NOT_FOUND"], "{}: {}", caller.name, answer.text());
        }
        assert_eq!(caller.gql(ROUTE, input("task", None, Some("graph"), None)).await.codes(), ["FORBIDDEN"]);
    }
    let operator = world.server.operator();
    for wrong in [
        input("tracker", None, Some("graph"), None),
        input("task", Some(""), Some("graph"), None),
        input("task", None, Some("spicedb"), None),
        input("task", None, Some("graph"), Some("graph")),
        input("task", None, None, Some("graph")),
        json!({ "input": { "resource": "task", "engine": "graph", "reason": " " } }),
    ] {
        assert_eq!(operator.gql(ROUTE, wrong.clone()).await.codes(), ["BAD_USER_INPUT"], "{wrong}");
    }
    let none = operator.gql(CHANGES, Value::Null).await.data();
    assert_eq!(none["engineRouteChanges"], json!([]), "nothing was changed");
    operator.gql(ROUTE, input("agent", Some("demo"), Some("graph"), None)).await.data();
    let shown = operator.gql(ROUTES, Value::Null).await.data()["engineRoutes"][0].clone();
    assert_eq!(
        (&shown["resource"], &shown["account"], &shown["to"], &shown["by"], &shown["reason"]),
        (
            &json!("agent"),
            &json!("demo"),
            &json!({ "engine": "graph", "shadow": null }),
            &json!("user:demo-operator"),
            &json!("a test")
        )
    );
}

#[tokio::test]
async fn w10_the_command_changes_lists_and_keeps_who_and_why() {
    let world = World::new(Storage::Url).await;
    let nothing = world.server.ask(&["engine", "routes"]);
    assert_eq!((nothing.code, nothing.out.trim()), (Some(0), "everything else goes to graph"), "{}", nothing.err);
    let made = ["engine", "route", "task", "graph", "--account", "demo", "--reason", "a trial"];
    let made = world.server.ask(&made);
    assert!(
        made.out.contains("task of demo from no route to graph, by command line: a trial"),
        "{} {}",
        made.out,
        made.err
    );
    let listed = world.server.ask(&["engine", "routes", "--json"]).objects();
    assert_eq!(listed[0]["route"]["to"], json!({ "engine": "graph", "shadow": null }));
    assert_eq!(listed[1]["change"]["by"], "command line");
    let gone = world.server.ask(&["engine", "unroute", "task", "--account", "demo", "--reason", "over"]);
    assert!(gone.out.contains("task of demo from graph to no route"), "{} {}", gone.out, gone.err);
    for (wrong, named) in [
        (vec!["route", "task", "spicedb", "--reason", "why not"], "spicedb"),
        (vec!["route", "tracker", "graph", "--reason", "why not"], "tracker"),
        (vec!["route", "task", "graph"], "--reason"),
        (vec!["copy", "--from", "spicedb", "--to", "graph"], "cannot be read through"),
        (vec!["copy", "--from", "graph", "--to", "spicedb"], "not configured"),
        (vec!["copy", "--from", "graph", "--to", "graph"], "itself"),
    ] {
        let said = world.server.ask(&[vec!["engine"], wrong.clone()].concat());
        assert!(said.code != Some(0) && said.err.contains(named), "{wrong:?}: {} {}", said.out, said.err);
    }
    let kept = world.server.database().number("SELECT count(*) FROM engine_route_changes").await;
    assert_eq!(kept, 2, "what was refused is no change");
}
