//! The instruments: what is counted (W6), and who reads it (G3).

use blackbox::{As, Collector, Prometheus, Server, Settings, Storage, World, documents};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Every series and its value, as Prometheus would read them.
struct Series(BTreeMap<String, f64>);

impl Series {
    async fn of(reader: &As) -> Self {
        let answer = reader.get("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let series = lines.map(|line| line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}")));
        Self(series.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect())
    }

    /// The sum of the dual write's series of this name whose labels hold all of `labels`.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let name = format!("task_fgac_dual_write_{name}");
        let of_name = |series: &str| series.split('{').next() == Some(&name);
        let wanted =
            self.0.iter().filter(|(series, _)| of_name(series) && labels.iter().all(|label| series.contains(label)));
        wanted.map(|(_, value)| value).sum()
    }
}

/// A counter's value is a whole number.
#[expect(clippy::cast_possible_truncation, reason = "counts of a test are small")]
fn whole(count: f64) -> i64 {
    count.round() as i64
}

/// By how much series have risen since they were last looked at.
struct Rises {
    reader: As,
    before: Series,
}

impl Rises {
    async fn of(reader: As) -> Self {
        Self { before: Series::of(&reader).await, reader }
    }

    /// The rise of attempts, successes, retries and failures of writes of `op` on tasks.
    async fn writes(&self, op: &str) -> [i64; 4] {
        let now = Series::of(&self.reader).await;
        let op = format!("op=\"{op}\"");
        let labels = [op.as_str(), "resource=\"task\""];
        let names = ["attempts_total", "successes_total", "retries_total", "failures_total"];
        names.map(|name| whole(now.sum(name, &labels) - self.before.sum(name, &labels)))
    }

    async fn again(&mut self) {
        self.before = Series::of(&self.reader).await;
    }
}

#[tokio::test]
async fn a_failure_is_counted_once_whichever_limit_it_is_beyond() {
    let server = Server::start(Storage::Memory).await;
    let owner = server.owner();
    let wide = "{ tasks(first: 100) { nodes { checkpoints(first: 100) { nodes { metadata threadId } } } } }";
    let deep = format!("{{ task(id: 1) {{ {}id{} }} }}", "trackers { task { ".repeat(12), " } }".repeat(12));
    for (told, query) in [wide, &deep].into_iter().enumerate() {
        owner.gql(query, json!({})).await;
        let now = Series::of(&server.operator()).await;
        let counted = now.0[r#"taskgate_failures_total{edge="graphql",code="GRAPHQL_LIMIT_EXCEEDED"}"#];
        assert_eq!(whole(counted), i64::try_from(told).unwrap() + 1, "{query}");
    }
}

fn create(world: &World) -> Value {
    json!({ "input": { "agentId": world.agent } })
}

fn quick() -> Settings {
    let settings = [
        ("TASKGATE_DUAL_WRITE__RETRIES", "2"),
        ("TASKGATE_DUAL_WRITE__BASE_DELAY_MS", "1"),
        ("TASKGATE_DUAL_WRITE__MAX_DELAY_MS", "2"),
        ("TASKGATE_DUAL_WRITE__PATIENCE_MS", "60000"),
        ("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", "100"),
    ];
    settings.into_iter().fold(Settings::default(), |all, (key, value)| all.with(key, value))
}

#[tokio::test]
async fn w6_attempts_successes_retries_and_failures_are_counted_by_op_and_exception_class() {
    let world = World::with(quick(), Storage::Url).await;
    let database = world.server.database();
    let mut rises = Rises::of(world.server.operator()).await;
    let task = world.secret().await;
    assert_eq!(rises.writes("register").await, [1, 1, 0, 0]);
    assert_eq!(rises.writes("deregister").await, [0; 4]);

    rises.again().await;
    database.break_table("relationships", "INSERT").await;
    world.owner.gql(documents::CREATE_TASK, create(&world)).await;
    assert_eq!(rises.writes("register").await, [3, 0, 2, 1], "two retries, and then it failed");
    assert_eq!(rises.writes("deregister").await, [1, 1, 0, 0], "and was undone");
    database.mend_table("relationships", "INSERT").await;

    rises.again().await;
    database.break_table("relationships", "DELETE").await;
    world.owner.delete(&format!("/tasks/{task}")).await.expect(200);
    assert_eq!(rises.writes("deregister").await, [3, 0, 2, 1]);
    assert_eq!(rises.writes("register").await, [0; 4]);
    database.mend_table("relationships", "DELETE").await;

    let now = Series::of(&world.server.operator()).await;
    let unavailable = ["op=\"register\"", "resource=\"task\"", "exception_class=\"Unavailable\""];
    let counted = ["retries_total", "failures_total"].map(|name| whole(now.sum(name, &unavailable)));
    assert_eq!(counted, [2, 1]);
    let timed_out = now.0.keys().filter(|series| series.contains("failures_total") && series.contains("Timeout"));
    assert!(timed_out.count() > 0, "series are there from the start");
    for (op, outcome, count) in [("register", "failed", 1), ("deregister", "failed", 1)] {
        let labels = [format!("op=\"{op}\""), format!("outcome=\"{outcome}\""), "resource=\"task\"".to_owned()];
        let took = now.sum("duration_seconds_count", &labels.each_ref().map(String::as_str));
        assert_eq!(whole(took), count, "{op} {outcome}");
    }
}

#[tokio::test]
async fn w6_what_is_not_settled_and_a_circuit_that_is_open_are_shown() {
    let world = World::with(quick(), Storage::Url).await;
    let (database, operator) = (world.server.database(), world.server.operator());
    let tasks = [world.secret().await, world.secret().await];
    database.break_table("relationships", "DELETE").await;
    for task in tasks {
        world.owner.delete(&format!("/tasks/{task}")).await.expect(200);
    }
    let begun = Instant::now();
    loop {
        let now = Series::of(&operator).await;
        let age = now.sum("oldest_intent_age_seconds", &[]);
        if now.sum("intents_pending", &[]) >= 2.0 && age > 0.0 {
            assert!(age < 60.0 && now.sum("sweeps_total", &["outcome=\"done\""]) > 0.0);
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the gauges do not say what is pending");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    database.break_table("relationships", "INSERT").await;
    let mut refused = 0;
    for _ in 0..12 {
        let answer = world.owner.gql(documents::CREATE_TASK, create(&world)).await;
        assert_eq!(answer.codes(), ["UNAVAILABLE"]);
        refused += i64::from(answer.text().contains("try again in"));
    }
    assert!(refused > 0, "ten failures in a row open the circuit");
    let now = Series::of(&operator).await;
    assert_eq!(whole(now.sum("refusals_total", &["op=\"register\"", "resource=\"task\""])), refused);
}

#[tokio::test]
async fn g3_metrics_are_for_operators_and_have_few_series() {
    let world = World::new(Storage::Memory).await;
    for _ in 0..3 {
        world.things().await;
    }
    assert_eq!(world.server.anonymous().get("/metrics").await.status, 401);
    for caller in [world.server.owner(), world.server.viewer(), world.server.stranger(), world.server.agent()] {
        let (there, nowhere) = (caller.get("/metrics").await, caller.get("/metricz").await);
        assert_eq!((there.status, there.without("metrics")), (404, nowhere.without("metricz")), "{}", caller.name);
    }
    let answer = world.server.operator().get("/metrics").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    assert!(text.contains("# HELP task_fgac_dual_write_attempts_total ") && text.contains("# TYPE"), "{text}");
    let series = Series::of(&world.server.operator()).await.0;
    let dual_write = series.keys().filter(|name| name.starts_with("task_fgac_dual_write_")).count();
    assert!(dual_write < 200, "{dual_write} series: is a label unbounded?");
    for secret in [&world.agent, world.owner.id()] {
        assert!(!text.contains(secret), "no ids in labels");
    }
}

#[tokio::test]
async fn the_live_page_comes_from_here_alone_and_shows_operators_what_is_counted() {
    let settings = Settings::default().with("TASKGATE_METRICS__LISTEN", "127.0.0.1:0");
    let server = settings.start(Storage::Memory).await;
    let page = server.anonymous().get("/console/metrics").await;
    assert_eq!((page.status, page.headers["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text();
    for part in ["/console/metrics/metrics.js", "/console/metrics/metrics.css"] {
        assert!(text.contains(part), "{text}");
        let part = server.anonymous().get(part).await;
        assert_eq!(part.status, 200);
        assert!(!part.text().contains("https://") && !text.contains("//cdn"), "nothing from elsewhere");
        for import in part.text().split(" from \"./").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert_eq!(server.anonymous().get(&format!("/console/metrics/{import}")).await.status, 200, "{import}");
        }
    }
    let series = "/console/metrics/series";
    assert_eq!(server.anonymous().get(series).await.status, 401);
    for caller in [server.owner(), server.viewer(), server.agent()] {
        let (there, nowhere) = (caller.get(series).await, caller.get("/console/metrics/seriez").await);
        assert_eq!((there.status, there.without("series")), (404, nowhere.without("seriez")), "{}", caller.name);
    }
    let shown = server.operator().get(series).await;
    assert!(shown.text().contains("taskgate_engine_calls_total{"), "also where metrics have another address");
    // Every name that the page draws is there, or is one that waits for a first event.
    let script = server.anonymous().get("/console/metrics/metrics.js").await.text();
    let names = script.split(['"', '`']).filter(|word| word.starts_with("taskgate_"));
    let known = blackbox::tree::read("observability/METRICS.md");
    assert!(names.clone().count() > 8 && names.clone().all(|name| known.contains(&format!("`{name}`"))));
}

/// What callers make up (ids, names, texts, paths, methods) is in no label.
#[tokio::test]
async fn g3_callers_make_no_series() {
    let world = World::with(quick(), Storage::Memory).await;
    let made_up = async |number: usize| {
        let task = world.secret().await;
        let caller = world.server.viewer();
        caller.get(&format!("/tasks/{task}")).await.expect(404);
        caller.get(&format!("/tasks/name/nothing-{number}")).await.expect(404);
        caller.get(&format!("/nothing-{number}/{task}")).await.expect(404);
        let method = reqwest::Method::from_bytes(format!("MADE{number}").as_bytes()).unwrap();
        caller.send(caller.request(method, "/tasks")).await;
        let query = format!("query Made{number}($id: ID!) {{ a{number}: task(id: $id) {{ id }} }}");
        caller.gql(&query, json!({ "id": task })).await;
        caller.gql(&format!("{{ nothing{number} }}"), json!({})).await;
        let token = Some(format!("nobodys-token-{number}"));
        As::new("nobody", &world.server.demo.url(), token, None).get("/tasks").await.expect(401);
    };
    made_up(0).await;
    // What is stored is told of from the first sweep on.
    let begun = Instant::now();
    while !Series::of(&world.server.operator()).await.0.contains_key("task_fgac_dual_write_intents_pending") {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody sweeps");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before: Vec<_> = Series::of(&world.server.operator()).await.0.into_keys().collect();
    for number in 1..150 {
        made_up(number).await;
    }
    let after: Vec<_> = Series::of(&world.server.operator()).await.0.into_keys().collect();
    let born: Vec<_> =
        after.iter().filter(|series| !before.contains(series) && !series.contains("\"/metrics\"")).collect();
    assert!(born.is_empty(), "{born:#?}");
}

#[tokio::test]
async fn g3_metrics_may_have_an_address_of_their_own() {
    let settings = Settings::default().with("TASKGATE_METRICS__LISTEN", "127.0.0.1:0");
    let server: Server = settings.start(Storage::Memory).await;
    assert_eq!(server.operator().get("/metrics").await.status, 404, "not beside the other routes then");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("metrics are read")).unwrap_or_else(|| panic!("{log}"));
    let port: String = line.split("127.0.0.1:").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    let scraper = As::new("scraper", &format!("http://127.0.0.1:{port}"), None, None);
    assert!(Series::of(&scraper).await.sum("attempts_total", &["op=\"register\""]) > 0.0, "the demo was made");
    assert_eq!(scraper.get("/tasks").await.status, 404, "and nothing else is there");
}

/// From a slow bucket on a dashboard to a trace of what was slow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traced_request_is_the_exemplar_of_the_bucket_it_fell_into() {
    let collector = Collector::start().await;
    let settings = Settings::default()
        .with("TASKGATE_METRICS__LISTEN", "127.0.0.1:0")
        .with("TASKGATE_TRACES__OTLP", &collector.url)
        .with("TASKGATE_TRACES__RATIO", "0");
    let world = World::with(settings, Storage::Memory).await;
    let task = world.secret().await;
    let log = world.server.whole_log();
    let address = crate::alarms::address(&log);
    let prometheus = Prometheus::start(&address).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let latencies = [
        r#"taskgate_http_request_duration_seconds_bucket{route="/tasks/{task_id}"}"#,
        r#"taskgate_engine_call_duration_seconds_bucket{call="check"}"#,
    ];
    // Of those who are not traced, there is none.
    for _ in 0..5 {
        world.owner.get(&format!("/tasks/{task}")).await.expect(200);
    }
    let traced = world.owner.request(reqwest::Method::GET, &format!("/tasks/{task}"));
    let traced = traced.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(world.owner.send(traced).await.status, 200);
    let begun = Instant::now();
    for latency in latencies {
        let found = loop {
            let found = prometheus.exemplars(latency).await;
            if !found.is_empty() {
                break found;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{latency} has no exemplar");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        for series in &found {
            for exemplar in series["exemplars"].as_array().unwrap() {
                assert_eq!(exemplar["labels"]["trace_id"], trace, "{series}");
                let [value, bound] =
                    [&exemplar["value"], &series["seriesLabels"]["le"]].map(|text| text.as_str().unwrap());
                assert!(value.parse::<f64>().unwrap() <= bound.parse::<f64>().unwrap_or(f64::INFINITY), "{series}");
            }
        }
    }

    // Whoever reads plain text gets it as before, and both say the same.
    let reader = As::new("reader", &format!("http://{address}"), None, None);
    let plain = reader.get("/metrics").await;
    assert!(plain.headers["content-type"].to_str().unwrap().starts_with("text/plain") && !plain.text().contains("# {"));
    let open = reader.request(reqwest::Method::GET, "/metrics").header("accept", "application/openmetrics-text");
    let open = reader.send(open).await;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.headers["content-type"], media);
    let text = open.text();
    assert!(text.ends_with("\n# EOF\n") && !text.contains("\n\n") && text.contains(trace), "{text}");
    let names = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&text), names(&plain.text()));
}
