//! An authorization engine whose calls are counted, timed, and spans of the trace they belong to.

use crate::{
    handles::{add, known, record},
    registry::engine::{
        CALLS, DECISIONS, ENGINE_BATCH, ENGINE_CALLS, ENGINE_DURATION, GIVEN_UP, NONE, OUTCOMES, SEVERAL,
    },
};
use async_trait::async_trait;
use authz::{
    Action, ActionSet, Authorizer, Behalf, Bound, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder,
    Kind, Lookup, Principal, Registration, Relationship, ResourceRef,
};
use std::{sync::Arc, time::Instant};
use traced::in_trace;
use tracing::{Instrument as _, Span, field::Empty};

/// An engine, measured. It answers what the engine within answers.
pub struct Measured {
    inner: Arc<dyn Authorizer>,
    /// The engine's name.
    engine: &'static str,
}

/// A call under way. It is counted when this is dropped: one that has no outcome by then was given up by whoever
/// asked, because it took too long or nobody waits for the answer any more.
struct Call {
    engine: &'static str,
    asked: &'static str,
    action: &'static str,
    outcome: &'static str,
    since: Instant,
}

impl Drop for Call {
    fn drop(&mut self) {
        let Self { engine, asked: call, action, outcome, since } = *self;
        record(&ENGINE_DURATION, [engine, call], since.elapsed().as_secs_f64());
        add(&ENGINE_CALLS, [engine, call, action, outcome], 1);
    }
}

impl Measured {
    /// The engine `inner`, which is called `engine`. Its counters are there from now on.
    #[must_use]
    pub fn new(inner: Arc<dyn Authorizer>, engine: impl AsRef<str>) -> Self {
        let engine = known(engine.as_ref());
        for call in CALLS {
            let action = if ["check", "lookup"].contains(call) { Action::Read.as_str() } else { NONE };
            for outcome in OUTCOMES {
                add(&ENGINE_CALLS, [engine, call, action, outcome], 0);
            }
        }
        Self { inner, engine }
    }

    async fn measure<T>(
        &self,
        call: &'static str,
        action: &'static str,
        resources: usize,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let engine = self.engine;
        let span = span(engine, call, action, resources);
        let mut counted = Call { engine, asked: call, action, outcome: GIVEN_UP, since: Instant::now() };
        let answer = work.instrument(span.clone()).await;
        counted.outcome = match &answer {
            Ok(_) => "ok",
            Err(error) => failed(&span, error),
        };
        answer
    }
}

/// The span of a call, where it belongs to a trace.
fn span(engine: &str, call: &str, action: &str, resources: usize) -> Span {
    if !in_trace() {
        return Span::none();
    }
    tracing::debug_span!(
        "engine",
        otel.name = call,
        otel.kind = "client",
        otel.status_code = Empty,
        error.r#type = Empty,
        authz.engine = engine,
        authz.action = action,
        authz.resources = resources,
    )
}

/// Says of a span what went wrong in it.
fn failed(span: &Span, error: &EngineError) -> &'static str {
    span.record("otel.status_code", "ERROR").record("error.type", error.class());
    error.class()
}

/// The one action that is asked of all, if it is one.
fn action(checks: &[Check]) -> &'static str {
    let asked = checks.iter().fold(ActionSet::empty(), |all, check| all | check.actions);
    match (asked.len(), asked.iter().next()) {
        (1, Some(action)) => action.as_str(),
        (0, _) => NONE,
        _ => SEVERAL,
    }
}

/// Counts what was decided.
fn decided(checks: &[Check], decisions: &[Decision]) {
    for kind in Kind::ALL {
        let (mut all, mut some, mut none) = (0, 0, 0);
        for (check, decision) in checks.iter().zip(decisions).filter(|(check, _)| check.resource.kind == *kind) {
            match decision.allowed & check.actions {
                allowed if allowed.is_empty() => none += 1,
                allowed if allowed == check.actions => all += 1,
                _ => some += 1,
            }
        }
        for (decision, count) in [("all", all), ("some", some), ("none", none)].into_iter().filter(|(_, n)| *n > 0) {
            add(&DECISIONS, [kind.as_str(), decision], count);
        }
    }
}

#[async_trait]
impl Authorizer for Measured {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.batch("check", checks.len());
        let work = self.inner.check(principal, checks, consistency);
        let decisions = self.measure("check", action(checks), checks.len(), work).await?;
        decided(checks, &decisions);
        Ok(decisions)
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        let work = self.inner.lookup(principal, kind, action, most, consistency);
        self.measure("lookup", action.as_str(), 0, work).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.measure("register", NONE, 1, self.inner.register(registration)).await
    }

    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        self.measure("deregister", NONE, 1, self.inner.deregister(resource)).await
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.measure("grant", NONE, relationships.len(), self.inner.grant(relationships)).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.measure("revoke", NONE, relationships.len(), self.inner.revoke(relationships)).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        self.batch("holders", resources.len());
        self.measure("holders", NONE, resources.len(), self.inner.holders(resources)).await
    }

    fn on_behalf(&self, behalf: &Behalf) -> Option<Bound> {
        let Bound { engine, asks_to_create } = self.inner.on_behalf(behalf)?;
        Some(Bound { engine: Arc::new(Self { inner: engine, engine: self.engine }), asks_to_create })
    }
}

impl Measured {
    fn batch(&self, call: &'static str, resources: usize) {
        let resources = u32::try_from(resources).unwrap_or(u32::MAX);
        record(&ENGINE_BATCH, [self.engine, call], resources.into());
    }
}
