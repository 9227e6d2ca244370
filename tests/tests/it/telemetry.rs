//! Traces (G5) and logs: what a real collector is sent, what ties them together, and what neither may hold.

use authz_service::Service;
use blackbox::{As, Collector, SentSpan, Settings, Storage, World, documents, gateways::with_cache};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CALLER_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER_SPAN: &str = "00f067aa0ba902b7";

fn traced(collector: &Collector, ratio: &str) -> Settings {
    Settings::default()
        .with("TASKGATE_TRACES__OTLP", &collector.url)
        .with("TASKGATE_TRACES__RATIO", ratio)
        .with("OTEL_BSP_SCHEDULE_DELAY", "100")
}

/// A GraphQL request of a caller who is traced.
async fn ask_traced(caller: &As, trace: &str, query: &str, variables: Value) -> blackbox::Answer {
    let request = caller.request(Method::POST, "/graphql").json(&json!({ "query": query, "variables": variables }));
    caller.send(request.header("traceparent", format!("00-{trace}-{CALLER_SPAN}-01"))).await
}

/// A trace that nobody else is in.
fn new_trace() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn one<'a>(spans: &'a [SentSpan], name: &str) -> &'a SentSpan {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "`{name}` in {spans:#?}");
    found[0]
}

/// Whether all that these tests ask for has come, in whatever order: the request, and so many statements, each
/// with what it was run for. What several spans are parts of may end after them.
fn whole(spans: &[SentSpan], statements: usize) -> bool {
    let there = |id: &str| id == CALLER_SPAN || spans.iter().any(|span| span.id == id);
    spans.iter().any(|span| span.name == "POST /graphql")
        && spans.iter().all(|span| there(&span.parent))
        && spans.iter().filter(|span| span.attributes.contains_key("db.system.name")).count() >= statements
}

/// Whether `span` is `above`, or a part of it, or of a part of it.
fn within(spans: &[SentSpan], span: &SentSpan, above: &SentSpan) -> bool {
    span.id == above.id
        || spans.iter().find(|other| other.id == span.parent).is_some_and(|parent| within(spans, parent, above))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_one_trace_leads_from_http_to_the_engine_and_the_statements() {
    let collector = Collector::start().await;
    let world = World::with(traced(&collector, "0"), Storage::Url).await;
    let task = world.task().await;
    let name = "query($id: ID!) { task(id: $id) { id name trackers { id } } }";
    ask_traced(&world.owner, CALLER_TRACE, name, json!({ "id": task })).await.data();

    let spans = collector.trace(CALLER_TRACE, |spans| whole(spans, 3)).await;
    let http = one(&spans, "POST /graphql");
    assert_eq!((http.parent.as_str(), http.kind), (CALLER_SPAN, 2), "the caller's context is taken up");
    for (attribute, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/graphql"),
        ("url.path", "/graphql"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(http.attributes[attribute], value, "{http:#?}");
    }
    assert_eq!(http.resource["service.name"], "taskgate");
    let operation = one(&spans, "query");
    assert_eq!((&operation.parent, &operation.attributes["graphql.operation.type"]), (&http.id, &"query".to_owned()));
    let field = one(&spans, "Query.task");
    assert_eq!(field.parent, operation.id);
    let trackers = one(&spans, "Task.trackers");
    assert!(within(&spans, trackers, operation) && trackers.attributes["graphql.field.path"] == "task.trackers");

    let engine = one(&spans, "check");
    assert_eq!((engine.kind, engine.attributes["authz.engine"].as_str()), (3, "graph"));
    assert!(within(&spans, engine, field), "{spans:#?}");
    let statements: Vec<_> = spans.iter().filter(|span| span.attributes.contains_key("db.system.name")).collect();
    assert!(statements.len() >= 3, "the check, the task and its trackers: {spans:#?}");
    assert!(statements.iter().any(|statement| statement.parent == engine.id), "the engine is a table here");
    for statement in statements {
        assert!(within(&spans, statement, operation) && statement.kind == 3, "{statement:#?}");
        assert_eq!(statement.attributes["db.system.name"], "postgresql");
        let text = &statement.attributes["db.query.text"];
        assert!(!text.is_empty() && !text.contains(&task), "placeholders, no values: {text}");
        let (began, ended) = statement.time;
        assert!(began <= ended && began >= http.time.0, "{statement:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_a_create_is_one_trace_over_both_sides() {
    let collector = Collector::start().await;
    let world = World::with(traced(&collector, "0"), Storage::Url).await;
    let input = json!({ "input": { "agentId": world.agent } });
    ask_traced(&world.owner, CALLER_TRACE, documents::CREATE_TASK, input).await.data();
    // The check, the intent, the registration and the row.
    let spans = collector.trace(CALLER_TRACE, |spans| whole(spans, 4)).await;
    let mutation = one(&spans, "mutation");
    let register = one(&spans, "register");
    let checks = spans.iter().filter(|span| span.name == "check");
    for part in checks.chain([register]) {
        assert!(within(&spans, part, mutation), "{spans:#?}");
    }
    let stated = |span: &&SentSpan| span.attributes.contains_key("db.system.name");
    assert!(spans.iter().filter(stated).any(|statement| statement.parent == register.id), "{spans:#?}");
}

/// What is asked of Redis for a request is in its trace; what is asked for nobody's, such as a lease, is in none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_what_redis_is_asked_is_in_the_trace_of_the_request() {
    let collector = Collector::start().await;
    let world = World::with(with_cache(traced(&collector, "1")), Storage::Url).await;
    let (task, viewer) = (world.task().await, world.server.viewer());
    let of_redis = |spans: &[SentSpan], name: &str| {
        let is =
            |span: &&SentSpan| span.name == name && span.attributes.get("db.system.name") == Some(&"redis".to_owned());
        spans.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    // The gateway trusts nothing that is kept until it has a lease.
    let begun = Instant::now();
    let trace = loop {
        let trace = new_trace();
        ask_traced(&viewer, &trace, documents::TASK, json!({ "id": task })).await.data();
        let spans = collector.trace(&trace, |spans| whole(spans, 1)).await;
        if !of_redis(&spans, "MGET").is_empty() {
            break trace;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "Redis is never asked: {spans:#?}");
    };
    let spans = collector.trace(&trace, |spans| whole(spans, 2)).await;
    let (http, asked) = (one(&spans, "POST /graphql"), one(&spans, "MGET"));
    assert!(within(&spans, asked, http) && asked.kind == 3, "{spans:#?}");
    assert_eq!(asked.attributes["db.operation.name"], "MGET");

    // What is taken away is taken from Redis, and told to the other gateways, before the write returns.
    let trace = new_trace();
    let taken = json!({ "id": task, "principal": viewer.principal, "role": "VIEWER" });
    ask_traced(&world.owner, &trace, documents::UNSHARE_TASK, taken).await.data();
    let told = |spans: &[SentSpan]| {
        whole(spans, 1) && ["UNLINK", "EVALSHA"].iter().all(|name| !of_redis(spans, name).is_empty())
    };
    let spans = collector.trace(&trace, told).await;
    let mutation = one(&spans, "mutation");
    for asked in spans.iter().filter(|span| span.attributes.get("db.system.name") == Some(&"redis".to_owned())) {
        assert!(within(&spans, asked, mutation), "{spans:#?}");
    }

    let all = collector.spans();
    let ours = |span: &&SentSpan| span.attributes.get("db.system.name") == Some(&"redis".to_owned());
    let alone = all.iter().filter(ours).find(|span| span.parent.is_empty());
    assert!(alone.is_none(), "for nobody's sake: {alone:#?}");
    let told = format!("{:?}", all.iter().filter(ours).collect::<Vec<_>>());
    for id in [&task, viewer.id(), "test-"] {
        assert!(!told.contains(id), "no keys, no ids: {told}");
    }
}

/// The service behind the proxy goes on from the trace that the caller is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_the_service_behind_the_proxy_is_told_of_the_trace() {
    let (collector, service) = (Collector::start().await, Service::start());
    service.introduce("ada-token", json!({ "user_id": "demo-owner", "account_id": "demo" }));
    let settings = traced(&collector, "0")
        .with("TASKGATE_ENGINE", "proxy")
        .with("TASKGATE_PROXY__ENDPOINT", &service.url)
        .with("TASKGATE_PROXY__AUTHN_CACHE_MS", "0");
    let world = World::with(settings, Storage::Memory).await;
    let ada = As::new("ada", &world.server.demo.url(), Some("ada-token".to_owned()), None);
    drop(service.calls());
    let query = "query($id: ID!) { agent(id: $id) { id } }";
    ask_traced(&ada, CALLER_TRACE, query, json!({ "id": world.agent })).await.data();
    let spans = collector.trace(CALLER_TRACE, |spans| spans.iter().any(|span| span.name == "check")).await;
    let calls = service.calls();
    let words: Vec<_> = calls.iter().map(|call| call.word().to_owned()).collect();
    assert!(words.contains(&"authn".to_owned()) && words.contains(&"check".to_owned()), "{words:?}");
    for call in &calls {
        let told = call.headers["traceparent"].to_str().unwrap();
        let (span, rest) =
            told.strip_prefix(&format!("00-{CALLER_TRACE}-")).and_then(|rest| rest.split_once('-')).unwrap();
        assert_eq!(rest, "01", "{}: sampled", call.word());
        assert!(span != CALLER_SPAN, "{}: it is the gateway that asks", call.word());
        if call.word() == "check" {
            assert!(spans.iter().any(|ours| ours.id == span), "{span} is one of {spans:#?}");
        }
    }

    // Whoever is in no trace that is kept says so, too.
    ada.gql(query, json!({ "id": world.agent })).await.data();
    for call in service.calls() {
        let told = call.headers["traceparent"].to_str().unwrap();
        assert!(told.ends_with("-00") && !told.contains(CALLER_TRACE), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_a_share_of_the_requests_is_traced_unless_their_callers_say() {
    let collector = Collector::start().await;
    let world = World::with(traced(&collector, "0"), Storage::Memory).await;
    for _ in 0..50 {
        world.owner.gql("{ __typename }", json!({})).await.data();
    }
    ask_traced(&world.owner, CALLER_TRACE, "{ __typename }", json!({})).await.data();
    collector.trace(CALLER_TRACE, |spans| !spans.is_empty()).await;
    let others: Vec<_> = collector.spans().into_iter().filter(|span| span.trace != CALLER_TRACE).collect();
    assert!(others.is_empty(), "of none of the others: {others:#?}");

    let collector = Collector::start().await;
    let mut world = World::with(traced(&collector, "1"), Storage::Memory).await;
    world.owner.get("/tasks/nothing").await.expect(404);
    world.server.stop();
    let spans = collector.spans();
    let route = spans.iter().find(|span| span.name.starts_with("GET /tasks/{"));
    assert!(route.is_some(), "the last ones are sent at the end: {spans:#?}");
    let route = route.unwrap();
    assert_eq!((route.parent.as_str(), route.attributes["url.path"].as_str()), ("", "/tasks/nothing"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_ties_the_answer_the_log_and_the_trace() {
    let collector = Collector::start().await;
    let settings = traced(&collector, "1").with("TASKGATE_LOG_FORMAT", "json");
    let world = World::with(settings, Storage::Url).await;
    let database = world.server.database();
    database.run("ALTER TABLE tasks RENAME TO tasks_gone").await;
    let failed = world.owner.get("/tasks").await;
    assert_eq!(failed.status, 503, "{}", failed.text());
    let id = failed.headers["x-request-id"].to_str().unwrap().to_owned();
    let log = world.server.whole_log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<_> = lines.filter(|line| line["span"]["request.id"] == id.as_str()).collect();
    let cause = told.iter().find(|line| line["fields"]["message"] == "a dependency is unavailable");
    let cause = cause.unwrap_or_else(|| panic!("no cause under {id} in\n{log}"));
    let trace = cause["span"]["trace_id"].as_str().unwrap_or_else(|| panic!("no trace in {cause}"));
    let spans = collector.trace(trace, |spans| spans.iter().any(|span| span.name == "GET /tasks")).await;
    assert_eq!(one(&spans, "GET /tasks").attributes["request.id"], id);
    database.run("ALTER TABLE tasks_gone RENAME TO tasks").await;

    // Without traces, and whatever is filtered but errors, the id is there all the same.
    let settings = Settings::default().with("TASKGATE_LOG_FILTER", "warn");
    let world = World::with(settings, Storage::Url).await;
    world.server.database().run("ALTER TABLE tasks RENAME TO tasks_gone").await;
    // In place of the one that all these callers send.
    let called = |id: &str| -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static("x-request-id"), HeaderValue::from_str(id).unwrap())])
    };
    let failed = world.owner.send(world.owner.request(Method::GET, "/tasks").headers(called("mine-42"))).await;
    assert_eq!(failed.headers["x-request-id"], "mine-42");
    let log = world.server.whole_log();
    let line = log.lines().find(|line| line.contains("a dependency is unavailable")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("request.id=\"mine-42\""), "{line}");
    let forgery = "a\" ERROR forged=\"b";
    let forged = world.owner.request(Method::GET, "/healthz").headers(called(forgery));
    assert_ne!(world.owner.send(forged).await.headers["x-request-id"], forgery);
}

/// Everything that is secret in the demo, and what is made, is used on both edges while all is logged and traced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_secrets_are_in_no_log_and_no_trace() {
    let collector = Collector::start().await;
    let settings = traced(&collector, "1")
        .with("TASKGATE_LOG_FORMAT", "json")
        .with("TASKGATE_LOG_FILTER", "debug,sqlx=trace,hyper=trace,tonic=trace,tower=trace")
        .with("TASKGATE_API_KEY_SECRET", "a-secret-that-is-mixed-into-the-keys");
    let mut world = World::with(settings, Storage::Url).await;
    let things = world.things().await;
    let agent = world.agent_named("keyed").await;
    let key = world.api_key(&agent, "of the log").await;
    let mut secrets = vec![
        "a-secret-that-is-mixed-into-the-keys".to_owned(),
        key["api_key"].as_str().expect("a new key is told").to_owned(),
    ];
    let holder = world.holder(&key);
    let server = &world.server;
    let everybody = [
        server.owner(),
        server.editor(),
        server.viewer(),
        server.stranger(),
        server.agent(),
        server.operator(),
        holder,
    ];
    for caller in &everybody {
        let token = caller.token.clone().unwrap();
        for header in ["x-api-key", "x-agent-api-key"] {
            let request = server.anonymous().request(Method::GET, &format!("/tasks/{}", things.task));
            server.anonymous().send(request.header(header, &token)).await;
        }
        caller.get(&format!("/tasks/{}", things.task)).await;
        caller.gql(documents::TASK, json!({ "id": things.task })).await;
        caller.gql("{ tasks { nodes { id", json!({})).await;
        caller.post("/tasks", json!({ "not": "a task" })).await;
        secrets.push(token);
    }
    let nobody = "nobodys-token-0123456789";
    let wrong = server.anonymous().request(Method::GET, "/tasks").bearer_auth(nobody);
    assert_eq!(server.anonymous().send(wrong).await.status, 401);
    secrets.push(nobody.to_owned());
    server.database().break_table("relationships", "INSERT").await;
    world.owner.gql(documents::CREATE_TASK, json!({ "input": { "agentId": world.agent } })).await;
    world.server.stop();

    let log = world.server.whole_log();
    let logged: Vec<_> = log.lines().filter(|line| line.starts_with('{')).collect();
    assert!(logged.len() > 500, "all is logged: {}", logged.len());
    assert!(logged.iter().any(|line| line.contains("sqlx::query")), "statements, too");
    let spans = format!("{:?}", collector.spans());
    assert!(spans.contains("Query.task") && spans.contains("/agent_api_keys"), "{}", spans.len());
    for secret in secrets {
        let told = logged.iter().find(|line| line.contains(&secret));
        assert!(told.is_none(), "`{secret}` is told: {told:?}");
        assert!(!spans.contains(&secret), "`{secret}` is sent");
    }
}
