//! What a hostile query costs: the time until it is refused, and the memory that is held after many.

use crate::{
    Bar,
    load::{Connection, Request, median},
    process::memory_mib,
};
use blackbox::{Server, Storage};
use serde_json::json;
use std::fmt::Write as _;

/// How often each is asked, alone.
const TIMES: usize = 41;
/// How often all are asked while the memory is looked at.
const ROUNDS: usize = 60;

fn many(times: usize, part: impl Fn(usize) -> String) -> String {
    (0..times).map(part).collect()
}

fn doubling() -> String {
    let mut query = "{ ...f0 }".to_owned();
    for n in 0..60 {
        let _ = write!(query, " fragment f{n} on Query {{ ...f{0} ...f{0} }}", n + 1);
    }
    query + " fragment f60 on Query { viewer { tenant } }"
}

fn queries() -> Vec<(&'static str, String)> {
    let fields = format!("{}name{}", "fields { type { ".repeat(5), " } }".repeat(5));
    vec![
        ("nesting", format!("{{ task(id: 1) {{ {}id{} }} }}", "trackers { task { ".repeat(30), " } }".repeat(30))),
        ("brackets", "{a".repeat(60_000)),
        ("aliases", format!("{{ {} }}", many(5_000, |n| format!("a{n}: viewer {{ tenant }} ")))),
        ("fields of no type", format!("{{ {} }}", many(7_000, |n| format!("a{n} ")))),
        ("doubling fragments", doubling()),
        (
            "a circle of fragments",
            "{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a ...a }".to_owned(),
        ),
        ("directives", format!("{{ viewer {} {{ tenant }} }}", "@skip(if: false) ".repeat(5_000))),
        ("a huge text", format!("{{ task(name: \"{}\") {{ id }} }}", "x".repeat(1024 * 1024))),
        ("a huge name", format!("{{ {} }}", "a".repeat(120_000))),
        ("long names", format!("{{ {} }}", many(1_000, |n| format!("{}{n} ", "a".repeat(100))))),
        ("many variables", format!("query({}) {{ viewer {{ tenant }} }}", many(1_500, |n| format!("$v{n}: Int ")))),
        (
            "wide pages",
            "{ tasks(first: 100) { nodes { checkpoints(first: 100) { nodes { metadata threadId } } } } }".to_owned(),
        ),
        ("introspection", format!("{{ __schema {{ types {{ {fields} }} }} }}")),
    ]
}

/// The slowest of them, and how memory stands.
pub async fn measure() -> Vec<Bar> {
    let server = Server::start(Storage::Memory).await;
    let token = server.owner().token.unwrap();
    let ask = |body: &str| Request::new(&server.demo.url(), "POST", "/graphql", &token, body, "\"code\":\"GRAPHQL_");
    let requests: Vec<_> =
        queries().into_iter().map(|(name, query)| (name, ask(&json!({ "query": query }).to_string()))).collect();
    println!("\nhostile queries: milliseconds until one is refused, alone");
    let mut slowest: f64 = 0.0;
    for (name, request) in &requests {
        let mut connection = Connection::open(request).await;
        let mut times = vec![];
        for _ in 0..TIMES {
            times.push(connection.send(request).await.as_secs_f64() * 1e3);
        }
        let worst = times.iter().copied().fold(0.0, f64::max);
        println!("  {name:<24} median {:>7.2}   worst {worst:>7.2}", median(&times));
        slowest = slowest.max(median(&times));
    }
    let held = || memory_mib(server.pid(), "VmRSS:").unwrap();
    let before = held();
    for _ in 0..ROUNDS {
        for (_, request) in &requests {
            Connection::open(request).await.send(request).await;
        }
    }
    let grown = held() - before;
    println!("  memory: {before:.1} MiB, and {grown:+.1} after {} more", ROUNDS * requests.len());
    vec![
        Bar {
            what: "the slowest refusal of a hostile query, ms".to_owned(),
            measured: slowest,
            limit: 50.0,
            at_least: false,
        },
        Bar {
            what: "what many hostile queries leave in memory, MiB".to_owned(),
            measured: grown,
            limit: 16.0,
            at_least: false,
        },
    ]
}
