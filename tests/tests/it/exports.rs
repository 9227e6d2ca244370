//! The instruments as they are sent: to a Datadog agent, and to a collector.

use blackbox::{Collector, Settings, Storage, World};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::net::UdpSocket;

fn often() -> Settings {
    Settings::default().with("TASKGATE_METRICS__PUSH_INTERVAL_MS", "200")
}

/// The counters in what an agent is sent, added up by name and tags.
async fn counters(agent: &UdpSocket, enough: impl Fn(&BTreeMap<String, u64>) -> bool) -> BTreeMap<String, u64> {
    let (mut all, begun) = (BTreeMap::new(), Instant::now());
    let mut datagram = vec![0; 65_536];
    while !enough(&all) {
        assert!(begun.elapsed() < Duration::from_secs(30), "only {all:#?}");
        let Ok(read) = tokio::time::timeout(Duration::from_secs(5), agent.recv(&mut datagram)).await else { continue };
        let text = String::from_utf8_lossy(&datagram[..read.unwrap()]).into_owned();
        for line in text.lines() {
            // name:value|c|#tag:value,tag:value
            let mut parts = line.split('|');
            let (name, value) = parts.next().unwrap().split_once(':').unwrap_or_else(|| panic!("{line}"));
            if parts.next() == Some("c") {
                let mut tags: Vec<_> = parts.find_map(|part| part.strip_prefix('#')).unwrap_or("").split(',').collect();
                tags.sort_unstable();
                *all.entry(format!("{name}|{}", tags.join(","))).or_default() += value.parse::<u64>().unwrap();
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w6_a_datadog_agent_is_sent_the_counters_by_the_names_it_knows() {
    let agent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = agent.local_addr().unwrap().to_string();
    let settings = often()
        .with("TASKGATE_METRICS__DOGSTATSD", address)
        .with("TASKGATE_DUAL_WRITE__RETRIES", "2")
        .with("TASKGATE_DUAL_WRITE__BASE_DELAY_MS", "1");
    let world = World::with(settings, Storage::Url).await;
    world.secret().await;
    world.server.database().break_table("relationships", "INSERT").await;
    let create = json!({ "input": { "agentId": world.agent } });
    world.owner.gql(blackbox::documents::CREATE_TASK, create).await;
    let labels = "exception_class:Unavailable,op:register,resource:task";
    let of = |all: &BTreeMap<String, u64>, event: &str, labels: &str| {
        all.get(&format!("task_fgac_dual_write.{event}|{labels}")).copied().unwrap_or_default()
    };
    let failed = |all: &BTreeMap<String, u64>| (of(all, "retry", labels), of(all, "failure", labels));
    // Those of the create that failed came to nothing; those of the others were one each.
    let rest =
        |all: &BTreeMap<String, u64>| ["attempt", "success"].map(|event| of(all, event, "op:register,resource:task"));
    let all = counters(&agent, |all| failed(all) == (2, 1) && rest(all)[0] == rest(all)[1] + 3).await;
    assert!(rest(&all)[1] >= 1, "{all:#?}");
    assert!(all.keys().all(|name| !name.contains("attempts_total")), "by one name only: {all:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g3_a_collector_is_sent_what_prometheus_reads() {
    let collector = Collector::start().await;
    let mut world = World::with(often().with("TASKGATE_METRICS__OTLP", &collector.url), Storage::Url).await;
    for _ in 0..3 {
        world.secret().await;
    }
    world.owner.get("/tasks/nothing").await.expect(404);
    collector.value("taskgate_failures_total{code=NOT_FOUND,edge=rest}", |count| count >= 1.0).await;
    collector.value("taskgate_engine_call_duration_seconds{call=check,engine=graph}", |count| count >= 3.0).await;
    collector.value("taskgate_http_requests_under_way{}", |under_way| under_way.abs() < 0.5).await;
    collector.value("taskgate_sql_connections_limit{}", |most| (most - 16.0).abs() < 0.5).await;
    collector.value("process_resident_memory_bytes{}", |bytes| bytes > 1e6).await;
    let read = world.server.operator().get("/metrics").await.text();
    let line = r#"task_fgac_dual_write_attempts_total{op="register",resource="task"} "#;
    let read: f64 = read.lines().find_map(|text| text.strip_prefix(line)).unwrap().parse().unwrap();
    let sent = "task_fgac_dual_write_attempts_total{op=register,resource=task}";
    assert!((collector.value(sent, |count| count >= read).await - read).abs() < 0.5, "the same count");

    // What was not sent yet is sent at the end.
    world.secret().await;
    world.server.stop();
    collector.value(sent, |count| (count - read - 1.0).abs() < 0.5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_disturbs_nobody() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let settings = often()
        .with("TASKGATE_METRICS__OTLP", &url)
        .with("TASKGATE_METRICS__DOGSTATSD", "127.0.0.1:9")
        .with("TASKGATE_TRACES__OTLP", &url)
        .with("TASKGATE_TRACES__RATIO", "1")
        .with("OTEL_BSP_SCHEDULE_DELAY", "100");
    let mut world = World::with(settings, Storage::Memory).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        world.owner.gql("{ tasks { nodes { id } } }", json!({})).await.data();
    }
    let log = world.server.whole_log();
    assert!(log.contains("opentelemetry"), "it is said that nothing arrives: {log}");
    let asked = Instant::now();
    assert!(world.server.stop().success());
    assert!(asked.elapsed() < Duration::from_secs(12), "{:?}", asked.elapsed());
}
