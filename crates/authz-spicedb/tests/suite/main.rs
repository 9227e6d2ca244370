//! The engine suite on a real `SpiceDB`.
#![expect(clippy::expect_used, reason = "a test without its server fails")]

mod cable;
mod scan;
mod watch;
mod watcher;
mod writes;

use authz::{
    Action, Authorizer, Check, Consistency, EngineError, Explainer, Extent, Kind, Lookup, Principal, Relation,
    Relationship, RelationshipReader as _, ResourceRef,
};
use authz_spicedb::{Settings, SpiceDb};
use conformance::fresh;
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;

const NOW: &Consistency = &Consistency::FullyConsistent;

/// Once for all cases.
static SCHEMA: OnceCell<()> = OnceCell::const_new();

fn settings() -> Settings {
    let endpoint = std::env::var("TEST_SPICEDB_URL");
    Settings {
        endpoint: endpoint.expect("TEST_SPICEDB_URL names no server: run these tests with `tests/run`"),
        token: std::env::var("TEST_SPICEDB_TOKEN").ok().map(Into::into),
        timeout: Duration::from_secs(20),
        stale_reads: false,
        traceparent: None,
    }
}

/// A connection of its own for each case: it lives no longer than the runtime it was made in.
async fn spicedb() -> SpiceDb {
    let engine = SpiceDb::new(&settings()).expect("these settings can be meant");
    SCHEMA.get_or_init(async || engine.write_schema().await.expect("the schema can be written")).await;
    engine
}

async fn engine() -> Arc<dyn Authorizer> {
    Arc::new(spicedb().await)
}

async fn explainer() -> Explainer {
    let engine = Arc::new(spicedb().await);
    Explainer { engine: engine.clone(), reader: Some(engine) }
}

conformance::authorizer!(engine);
conformance::corpus!(engine);
conformance::explanations!(explainer);

fn something(kind: Kind) -> ResourceRef {
    ResourceRef { kind, id: fresh(kind.as_str()).into() }
}

#[tokio::test]
async fn the_schema_that_was_written_is_ours() {
    let difference = spicedb().await.compare_schema().await.expect("the schema can be read");
    assert!(difference.is_none(), "{difference:?}");
}

#[tokio::test]
async fn a_list_longer_than_a_page_is_whole() {
    let engine = spicedb().await;
    let reader = Principal::user(fresh("reader"));
    let held = |n: usize| {
        let task = ResourceRef { kind: Kind::Task, id: format!("{}-{n}", fresh("task")).into() };
        Relationship::held(task, Relation::Viewer, &reader)
    };
    let edges: Vec<_> = (0..2_500).map(held).collect();
    for edges in edges.chunks(500) {
        engine.grant(edges).await.expect("it can be written");
    }
    let Ok(Lookup::Within(Extent::Ids(found))) = engine.lookup(&reader, Kind::Task, Action::Read, None, NOW).await
    else {
        panic!("no ids")
    };
    assert_eq!(found.len(), edges.len());
    assert!(edges.iter().all(|edge| found.contains(&edge.resource.id)));
    // Whatever the bound is, and wherever pages end: all of them, or none.
    for (most, whole) in [(999, false), (1_000, false), (2_000, false), (2_499, false), (2_500, true), (3_000, true)] {
        match engine.lookup(&reader, Kind::Task, Action::Read, Some(most), NOW).await {
            Ok(Lookup::Within(Extent::Ids(named))) => assert!(whole && named == found, "{most}"),
            Ok(Lookup::TooMany) => assert!(!whole, "{most}"),
            _ => panic!("neither ids nor too many"),
        }
    }
}

/// Nobody is let in by a server that does not answer, answers late, or does not know us.
#[tokio::test]
async fn trouble_is_never_an_answer() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = format!("http://{}", silent.local_addr().expect("an address"));
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let (quick, real) = (Duration::from_millis(300), settings());
    let stranger = Settings { token: Some("nobody's".into()), ..real.clone() };
    let cases = [
        (Settings { endpoint: silent, timeout: quick, ..real.clone() }, true),
        (Settings { endpoint: gone, timeout: quick, ..real }, true),
        (stranger, false),
    ];
    let (who, task) = (Principal::user("u"), ResourceRef { kind: Kind::Task, id: "t".into() });
    let check = [Check { resource: task.clone(), actions: Action::Read.into() }];
    for (settings, transient) in cases {
        let engine = SpiceDb::new(&settings).expect("these settings can be meant");
        let all: [Result<(), EngineError>; 6] = [
            engine.check(&who, &check, NOW).await.map(drop),
            engine.lookup(&who, Kind::Task, Action::Read, None, NOW).await.map(drop),
            engine.deregister(&task).await.map(drop),
            engine.holders(std::slice::from_ref(&task)).await.map(drop),
            engine.of(&who, std::slice::from_ref(&task)).await.map(drop),
            engine.moment().await.map(drop),
        ];
        for outcome in all {
            let error = outcome.expect_err("there is no answer");
            assert_eq!(error.is_transient(), transient, "{settings:?}: {error:?}");
        }
    }
}
