//! What is counted, as a recorder shows it: all of it is in the registry, with the labels that stand there.
#![expect(clippy::unwrap_used, reason = "helpers fail their test by panicking")]

use async_trait::async_trait;
use authz::{
    Action, ActionSet, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Kind, Lookup,
    Principal, Registration, Relationship, ResourceRef,
};
use chrono::Utc;
use dual_write::{Backlog, Direction, Event, Observer as _, Op, Swept, Tally};
use futures::FutureExt as _;
use instruments::{
    Answering, DualWriteCounts, Edge, Executed, Executing, Instrument, Layer, Measured, RoutingCounts, Values, backlog,
    cache_evicted, cache_hits, cache_lease_began, cache_misses, cache_told, cache_unanswered, failed, instruments,
    registry::announce, swept, tallies,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// What a recorder shows after `work`.
fn shown(work: impl FnOnce()) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        announce();
        work();
    });
    handle.render()
}

/// The series in a text, without their values.
fn series(shown: &str) -> BTreeSet<&str> {
    let lines = shown.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

/// An engine that answers one way.
struct Stub(Option<fn() -> EngineError>);

impl Stub {
    fn answer<T>(&self, answer: T) -> Result<T, EngineError> {
        self.0.map_or(Ok(answer), |error| Err(error()))
    }
}

#[async_trait]
impl Authorizer for Stub {
    async fn check(&self, _: &Principal, all: &[Check], _: &Consistency) -> Result<Vec<Decision>, EngineError> {
        // Of the first everything, of the second reading, of others nothing.
        let allowed = |place| match place {
            0 => ActionSet::all(),
            1 => Action::Read.into(),
            _ => ActionSet::empty(),
        };
        self.answer((0..all.len()).map(|place| Decision { allowed: allowed(place) }).collect())
    }

    async fn lookup(
        &self,
        _: &Principal,
        _: Kind,
        _: Action,
        _: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.answer(Lookup::nothing())
    }

    async fn register(&self, _: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.answer(None)
    }

    async fn deregister(&self, _: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.answer(None)
    }

    async fn grant(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        std::future::pending().await
    }

    async fn revoke(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.answer(None)
    }

    async fn holders(&self, _: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.answer(Vec::new())
    }
}

/// Everything that can be asked of an engine, once; `caller` is who asks.
fn ask(engine: &Measured, caller: &str) {
    let principal = Principal::user(caller);
    let resource = |id: &str| ResourceRef { kind: Kind::Task, id: id.into() };
    let check = |id: &str, actions: ActionSet| Check { resource: resource(id), actions };
    let now = Consistency::FullyConsistent;
    let several = [Action::Read | Action::Update; 3].map(|actions| check(caller, actions));
    let registration =
        Registration { resource: resource(caller), owner: principal.clone(), tenant: caller.into(), parent: None };
    let answers = [
        engine.check(&principal, &several, &now).now_or_never().unwrap().is_ok(),
        engine.check(&principal, &[check(caller, Action::Delete.into())], &now).now_or_never().unwrap().is_ok(),
        engine.lookup(&principal, Kind::Task, Action::Read, None, &now).now_or_never().unwrap().is_ok(),
        engine.register(&registration).now_or_never().unwrap().is_ok(),
        engine.deregister(&resource(caller)).now_or_never().unwrap().is_ok(),
        engine.revoke(&registration.relationships()).now_or_never().unwrap().is_ok(),
        engine.holders(&[resource(caller)]).now_or_never().unwrap().is_ok(),
    ];
    assert!(answers.iter().all(|answer| *answer == answers[0]), "it answers what the engine within answers");
    assert!(engine.grant(&registration.relationships()).now_or_never().is_none(), "nobody waits for this one");
}

fn dual_writes() {
    for (op, kind) in [Op::Register, Op::Deregister].map(|op| (op, Kind::Task)) {
        let observe = |event| DualWriteCounts.observe(op, kind, event);
        observe(Event::Attempt);
        observe(Event::Success);
        observe(Event::Refused);
        observe(Event::Mismatch);
        for class in EngineError::CLASSES {
            observe(Event::Retry { class });
            observe(Event::Failure { class });
        }
        for done in [true, false] {
            observe(Event::Over { done, took: Duration::from_millis(7) });
        }
    }
    let now = Utc::now();
    backlog(&Backlog { pending: 3, oldest: Some(now - chrono::TimeDelta::seconds(90)), ..Backlog::default() }, now);
    swept(Some(&Swept { settled: 2, undone: 1, registered: 1, left: 1 }));
    swept(None);
    let direction = Direction::Row;
    tallies(&[Tally { kind: Kind::Task, direction, found: 5, repaired: 4 }]);
    tallies(&[Tally { kind: Kind::Task, direction, found: 6, repaired: 4 }]);
}

/// One request of a caller who makes up whatever a caller can.
fn request(engine: &Measured, caller: &str) {
    let mut answering = Answering::begin(caller, Some("/tasks/{task_id}"));
    answering.answered(200);
    drop(Answering::begin("POST", None));
    for executed in [Executed::Done, Executed::Partly, Executed::Refused] {
        Executing::begin(None).end(executed);
        drop(Executing::begin(None));
    }
    failed(Edge::Rest, "NOT_FOUND");
    failed(Edge::GraphQl, caller);
    instruments::statement(caller, 0.002);
    instruments::statement("SELECT", 0.001);
    ask(engine, caller);
}

fn everything() {
    dual_writes();
    for fault in [None, Some((|| EngineError::TimedOut) as fn() -> EngineError)] {
        request(&Measured::new(Arc::new(Stub(fault)), "graph"), "alice");
    }
    for layer in [Layer::Process, Layer::Redis] {
        cache_hits(layer, 1);
    }
    cache_misses(1);
    cache_evicted();
    cache_told(true, Duration::from_millis(7));
    cache_lease_began();
    cache_unanswered();
    let routing: &dyn authz_router::Observer = &RoutingCounts;
    for outcome in authz_router::Outcome::ALL {
        routing.compared(Kind::Tenant, Action::Create, *outcome, 3);
    }
    routing.skipped(authz_router::Skipped::Overload);
    routing.told(authz_router::Written::Revoke, false);
    routing.unroutable();
    instruments::lists_indexed(true);
    instruments::build("1.2.3");
    instruments::connections(1, 2, 16);
}

fn labels(series: &str) -> impl Iterator<Item = (&str, &str)> {
    let labels = series.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
    let pairs = labels.split("\",").filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once("=\"").unwrap()).map(|(name, value)| (name, value.trim_end_matches('"')))
}

#[test]
fn all_that_is_counted_is_in_the_registry_with_its_labels_and_no_others() {
    let shown = shown(everything);
    let mut seen = BTreeSet::new();
    for series in series(&shown) {
        let name = series.split('{').next().unwrap();
        let of = |instrument: &&Instrument| instrument.is_called(name);
        let instrument = instruments().find(of).unwrap_or_else(|| panic!("not in the registry: {series}"));
        seen.insert(instrument.name);
        for (label, value) in labels(series).filter(|(label, _)| !["le", "quantile"].contains(label)) {
            let known = instrument.labels.iter().find(|known| known.name == label);
            let known = known.unwrap_or_else(|| panic!("not a label of {}: {series}", instrument.name));
            if let Values::These(values) = known.values {
                assert!(values.contains(&value), "not a value of `{label}`: {series}");
            }
        }
    }
    let ours = instruments().map(|instrument| instrument.name).filter(|name| !name.starts_with("process_"));
    assert_eq!(seen, ours.collect(), "every one is counted");
}

#[test]
fn what_is_shared_is_shown_when_it_is_known_zeros_included() {
    assert!(!shown(|| ()).contains("orphans_found_total{"), "nobody knows yet");
    let zero = r#"task_fgac_dual_write_orphans_found_total{direction="registration",resource="agent"} 0"#;
    let shown = shown(|| tallies(&[]));
    assert!(shown.contains(zero), "{shown}");
}

#[test]
fn counts_are_what_happened() {
    let shown = shown(everything);
    for line in [
        r#"task_fgac_dual_write_attempts_total{op="register",resource="task"} 1"#,
        r#"task_fgac_dual_write_attempts_total{op="register",resource="agent"} 0"#,
        r#"task_fgac_dual_write_failures_total{op="deregister",resource="task",exception_class="Timeout"} 1"#,
        "task_fgac_dual_write_intents_pending 3",
        "task_fgac_dual_write_oldest_intent_age_seconds 90",
        r#"task_fgac_dual_write_sweeps_total{outcome="failed"} 1"#,
        r#"task_fgac_dual_write_swept_intents_total{outcome="settled"} 2"#,
        r#"task_fgac_dual_write_orphans_found_total{direction="row",resource="task"} 6"#,
        r#"taskgate_http_requests_total{method="other",route="/tasks/{task_id}",status="2xx"} 2"#,
        r#"taskgate_http_requests_total{method="POST",route="other",status="gone"} 2"#,
        "taskgate_http_requests_under_way 0",
        r#"taskgate_graphql_operations_total{operation="other",outcome="partial"} 2"#,
        r#"taskgate_failures_total{edge="rest",code="NOT_FOUND"} 2"#,
        r#"taskgate_failures_total{edge="graphql",code="other"} 2"#,
        r#"taskgate_engine_calls_total{engine="graph",call="check",action="several",outcome="ok"} 1"#,
        r#"taskgate_engine_calls_total{engine="graph",call="check",action="delete",outcome="Timeout"} 1"#,
        r#"taskgate_engine_calls_total{engine="graph",call="lookup",action="read",outcome="ok"} 1"#,
        r#"taskgate_engine_calls_total{engine="graph",call="grant",action="none",outcome="given up"} 2"#,
        r#"taskgate_engine_decisions_total{resource="task",decision="all"} 2"#,
        r#"taskgate_engine_decisions_total{resource="task",decision="some"} 1"#,
        r#"taskgate_engine_decisions_total{resource="task",decision="none"} 1"#,
        r#"taskgate_sql_connections{state="idle"} 2"#,
        r#"taskgate_build_info{version="1.2.3"} 1"#,
        r#"taskgate_engine_shadow_comparisons_total{resource="tenant",action="create",outcome="first_allows"} 3"#,
        r#"taskgate_engine_told_total{op="revoke",outcome="missed"} 1"#,
        "taskgate_engine_unroutable_total 1",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
}

/// A hundred thousand callers, each with texts of its own wherever a caller can put one.
#[test]
fn callers_make_no_series() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let count = || series(&handle.render()).len();
    metrics::with_local_recorder(&recorder, || {
        let engine = Measured::new(Arc::new(Stub(None)), "graph");
        request(&engine, "alice");
        let before = count();
        for caller in 0..100_000 {
            request(&engine, &format!("caller-{caller}"));
            if caller % 1_000 == 0 {
                handle.run_upkeep();
            }
        }
        assert_eq!(count(), before);
    });
}
