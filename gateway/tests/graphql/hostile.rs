//! What is sent to do harm: refused in time that its length bounds, with a code, and without a question to the
//! engine or to a store.

use crate::world::{Terms, Who, World, codes};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

/// Generous: this is a build without optimizations, beside other tests. `tests/bench/run hostile` measures.
const PROMPT: Duration = Duration::from_secs(2);

const LIMIT: &str = "GRAPHQL_LIMIT_EXCEEDED";
const VALIDATION: &str = "GRAPHQL_VALIDATION_FAILED";
const PARSE: &str = "GRAPHQL_PARSE_FAILED";
const BAD: &str = "BAD_REQUEST";

fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

fn many(times: usize, part: impl Fn(usize) -> String) -> String {
    (0..times).map(part).collect()
}

fn doubling(levels: usize) -> String {
    let mut query = "{ ...f0 }".to_owned();
    for n in 0..levels {
        let _ = write!(query, " fragment f{n} on Query {{ ...f{0} ...f{0} }}", n + 1);
    }
    query + &format!(" fragment f{levels} on Query {{ viewer {{ tenant }} }}")
}

/// Each query with its code, and with the limit it is beyond.
fn queries() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let looked_up = |n: usize| format!("a{n}: task(id: \"{n}\") {{ name }} ");
    let introspection = nested("fields { type { ", "name", " } }", 5);
    vec![
        ("depth", format!("{{ task(id: \"x\") {{ {} }} }}", nested("trackers { task { ", "id", " } }", 10)), LIMIT, "depth"),
        ("deep fragments", format!("{{ ...f0 }} {}", many(70, |n| format!("fragment f{n} on Query {{ ...f{} }} ", n + 1))), LIMIT, "nesting"),
        ("brackets", "{a".repeat(10_000), LIMIT, "brackets"),
        ("nested lists", format!("{{ tasks(first: {}) {{ nodes {{ id }} }} }}", nested("[", "", "]", 10_000)), LIMIT, "brackets"),
        ("aliases", format!("{{ {} }}", many(1_000, looked_up)), LIMIT, "aliases"),
        ("roots", format!("{{ {} }}", many(150, looked_up)), LIMIT, "rootFields"),
        ("roots through fragments", format!("{{ {} }} fragment f on Query {{ task(id: \"x\") {{ name }} }}", "...f ".repeat(150)), LIMIT, "rootFields"),
        ("a circle of fragments", "{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a ...a }".to_owned(), LIMIT, "nesting"),
        ("a circle nobody enters", "{ viewer { tenant } } fragment a on Query { ...a }".to_owned(), LIMIT, "nesting"),
        ("doubling fragments", doubling(60), LIMIT, "fields"),
        ("directives", format!("{{ viewer {} {{ tenant }} }}", "@skip(if: false) ".repeat(2_000)), LIMIT, "directives"),
        ("unknown directives", format!("{{ viewer {{ tenant {} }} }}", "@a".repeat(5_000)), LIMIT, "directives"),
        ("tokens", format!("{{ {} }}", "a ".repeat(20_000)), LIMIT, "tokens"),
        ("a huge text", format!("{{ task(name: \"{}\") {{ id }} }}", "x".repeat(200_000)), LIMIT, "bytes"),
        ("a huge block", format!("{{ task(name: \"\"\"{}\"\"\") {{ id }} }}", "\n".repeat(200_000)), LIMIT, "bytes"),
        ("a huge number", format!("{{ tasks(first: {}) {{ nodes {{ id }} }} }}", "9".repeat(100_000)), PARSE, ""),
        ("a huge name", format!("{{ {} }}", "a".repeat(100_000)), VALIDATION, ""),
        ("a comment", format!("#{}\n{{", "#".repeat(100_000)), PARSE, ""),
        ("a text without an end", format!("{{ a(b: \"{}", "\\\"".repeat(50_000)), PARSE, ""),
        ("wide pages", "{ tasks(first: 100) { nodes { checkpoints(first: 100) { nodes { checkpointId metadata } } } } }".to_owned(), LIMIT, "complexity"),
        ("an endless page", "{ tasks(first: 2147483647) { nodes { trackers { id } access { role } agents { apiKeys(first: 2147483647) { nodes { id } } } } } }".to_owned(), LIMIT, "complexity"),
        ("introspection", format!("{{ __schema {{ types {{ {introspection} }} }} }}"), LIMIT, "introspection"),
        ("introspection of a type", format!("{{ __type(name: \"Task\") {{ {introspection} }} }}"), LIMIT, "introspection"),
        ("wide introspection", format!("{{ __schema {{ types {{ {} }} }} }}", many(199, |n| format!("a{n}: fields {{ name args {{ name }} }} "))), LIMIT, "complexity"),
        ("many operations", many(1_000, |n| format!("query q{n} {{ a: viewer {{ tenant }} }} ")), LIMIT, "aliases"),
        ("variables that are not used", format!("query({}) {{ viewer {{ tenant }} }}", many(900, |n| format!("$v{n}: Int "))), VALIDATION, ""),
        ("arguments", format!("{{ tasks({}) {{ nodes {{ id }} }} }}", many(1_000, |n| format!("a{n}: {n} "))), VALIDATION, ""),
    ]
}

/// Larger than any of the documents, so that each meets its own limit.
async fn world() -> World {
    let terms = Terms::default();
    let limits = gateway::Limits { body_bytes: 1024 * 1024, ..terms.limits };
    World::under(Terms { limits, ..terms }).await
}

async fn refused(world: &World, name: &str, body: String) -> Value {
    world.calls.take();
    let start = Instant::now();
    let answer = world.post(Who::Owner, body).await;
    let time = start.elapsed();
    assert!(time < PROMPT, "{name}: {time:?}");
    assert_eq!(world.calls.take(), [""; 0], "{name}");
    assert!(answer.body.len() < 128 * 1024, "{name}: an answer of {} bytes", answer.body.len());
    let answer = answer.json();
    assert!(answer.get("data").is_none(), "{name}: {answer}");
    answer
}

#[tokio::test]
async fn hostile_queries_are_refused_before_anything_is_asked() {
    let world = world().await;
    for (name, query, code, limit) in queries() {
        let answer = refused(&world, name, json!({ "query": query }).to_string()).await;
        let found = codes(&answer);
        assert!(found.iter().all(|found| found == code) && !found.is_empty(), "{name}: {found:?} {answer:.400}");
        let details = &answer["errors"][0]["extensions"]["details"];
        if limit.is_empty() {
            assert_eq!(details, &json!({}), "{name}");
        } else {
            assert_eq!(details["limit"], limit, "{name}");
            assert!(details["most"].as_u64().is_some_and(|most| most > 0), "{name}: {details}");
        }
    }
}

#[tokio::test]
async fn hostile_bodies_are_refused_before_anything_is_asked() {
    let world = world().await;
    let query = "query($a: JSON) { tasks(filter: { metadata: $a }) { nodes { id } } }";
    let deep = nested("[", "", "]", 50_000);
    let objects = nested("{\"a\":", "1", "}", 50_000);
    let one = json!({ "query": "{ viewer { tenant } }" }).to_string();
    for (name, body) in [
        ("deep variables", format!("{{\"query\": {}, \"variables\": {{\"a\": {deep}}}}}", json!(query))),
        ("deep objects", format!("{{\"query\": {}, \"variables\": {objects}}}", json!(query))),
        ("deep extensions", format!("{{\"query\": \"{{a}}\", \"extensions\": {objects}}}")),
        ("a deep batch", deep.clone()),
        ("a long batch", format!("[{}]", vec![one.as_str(); 5_000].join(","))),
        ("a batch of nothing", format!("[{}]", vec!["0"; 100_000].join(","))),
        ("an open batch", "[".repeat(500_000)),
    ] {
        let answer = refused(&world, name, body).await;
        assert_eq!(codes(&answer), [BAD], "{name}: {answer:.400}");
    }
    let answer = refused(&world, "a huge body", "x".repeat(1024 * 1024 + 1)).await;
    assert_eq!(codes(&answer), ["PAYLOAD_TOO_LARGE"]);
}

/// What GraphiQL asks is no attack.
#[tokio::test]
async fn a_whole_introspection_is_answered() {
    let types = nested("kind name ofType { ", "kind name", " }", 7);
    let query = format!(
        "query {{ __schema {{ queryType {{ name }} mutationType {{ name }} types {{ ...F }} \
         directives {{ name description locations args {{ ...I }} }} }} }} \
         fragment F on __Type {{ kind name description fields(includeDeprecated: true) {{ name description args {{ ...I }} \
         type {{ ...T }} isDeprecated deprecationReason }} inputFields {{ ...I }} interfaces {{ ...T }} \
         enumValues(includeDeprecated: true) {{ name description }} possibleTypes {{ ...T }} }} \
         fragment I on __InputValue {{ name description type {{ ...T }} defaultValue }} fragment T on __Type {{ {types} }}"
    );
    let answer = World::new().await.owner(&query).await;
    assert_eq!(answer["errors"], Value::Null, "{answer:.400}");
    assert!(answer["data"]["__schema"]["types"].as_array().unwrap().len() > 40);
}

#[tokio::test]
async fn a_batch_pays_for_each_of_its_requests() {
    let graphql = gateway::config::GraphQl { budget_burst: 20_000, budget_per_second: 1, ..Default::default() };
    let world = World::under(Terms { graphql, ..Terms::default() }).await;
    let wide =
        json!({"query": "{ tasks(first: 100) { nodes { checkpoints(first: 60) { nodes { checkpointId } } } } }"});
    world.calls.take();
    let answer = world.post(Who::Viewer, Value::Array(vec![wide.clone(); 4]).to_string()).await;
    let spent: Vec<_> = answer.json().as_array().unwrap().iter().map(codes).collect();
    assert_eq!(spent[0], [""; 0]);
    assert_eq!(spent[3], ["RATE_LIMITED"]);
    let alone = world.post(Who::Viewer, wide.to_string()).await;
    assert_eq!((alone.status.as_u16(), alone.codes()), (429, vec!["RATE_LIMITED".to_owned()]));
    let wait: u64 = alone.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(alone.json()["errors"][0]["extensions"]["details"], json!({ "retryAfter": wait }));
    assert!((1_000..20_000).contains(&wait), "{wait}");
    // Others have their own, and the refused have asked nothing.
    let lookups = world.calls.take().into_iter().filter(|call| *call == "engine.lookup").count();
    assert!(lookups < 4, "{lookups}");
    assert_eq!(codes(&world.ask(Who::Editor, "{ viewer { tenant } }", json!({})).await), [""; 0]);
}

#[tokio::test]
async fn what_hangs_is_ended_at_the_deadline() {
    let world = World::under(Terms { timeout: Duration::from_millis(200), ..Terms::default() }).await;
    for call in ["trackers.of_tasks", "engine.lookup", "engine.check"] {
        world.calls.hang(call);
        let start = Instant::now();
        let answer =
            world.post(Who::Owner, json!({"query": "{ tasks { nodes { name trackers { id } } } }"}).to_string()).await;
        assert!(start.elapsed() < PROMPT, "{call}: {:?}", start.elapsed());
        assert_eq!((answer.status.as_u16(), answer.codes()), (503, vec!["UNAVAILABLE".to_owned()]), "{call}");
        assert_eq!(answer.headers["retry-after"], "1");
    }
}
