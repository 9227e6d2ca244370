//! The authorization engine's instruments: what it was asked, and how it answered.

use super::{Instrument, Label, QUICK, Values, counter, histogram};
use authz::{Action, Kind};
use metrics::Unit;

/// What engines are asked.
pub const CALLS: &[&str] = &["check", "lookup", "register", "deregister", "grant", "revoke", "holders"];
/// The outcome of a call that whoever asked gave up: it took too long, or nobody waits for it any more.
pub const GIVEN_UP: &str = "given up";
/// How they answer: in order, with the class of an error, or too late.
pub const OUTCOMES: &[&str] = &["ok", "Unavailable", "Timeout", "Malformed", GIVEN_UP];
/// The value of the label `action` for a check that asks of several at once.
pub const SEVERAL: &str = "several";
/// And for a call that is of no action.
pub const NONE: &str = "none";

const ENGINE: Label =
    Label { name: "engine", values: Values::Known("the name of a configured engine: `graph`, `spicedb` or `proxy`") };
const CALL: Label = Label::of("call", CALLS);
const ACTION: Label = Label::of(
    "action",
    &[
        Action::Read.as_str(),
        Action::Update.as_str(),
        Action::Execute.as_str(),
        Action::Cancel.as_str(),
        Action::Delete.as_str(),
        Action::Share.as_str(),
        Action::Create.as_str(),
        SEVERAL,
        NONE,
    ],
);
pub(super) const RESOURCE: Label =
    Label::of("resource", &[Kind::Tenant.as_str(), Kind::Agent.as_str(), Kind::Task.as_str(), Kind::ApiKey.as_str()]);

/// Questions put in one call, from one to a full page and beyond.
const BATCHES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];

/// Calls of the engine.
pub const ENGINE_CALLS: Instrument = counter(
    "taskgate_engine_calls_total",
    &[ENGINE, CALL, ACTION, Label::of("outcome", OUTCOMES)],
    "Calls of the authorization engine, by what they asked for and whether it answered. A denial is an answer; `given up` took longer than whoever asked would wait.",
)
.when_counted();
/// How long they took.
pub const ENGINE_DURATION: Instrument = histogram(
    "taskgate_engine_call_duration_seconds",
    QUICK,
    Unit::Seconds,
    &[ENGINE, CALL],
    "How long calls of the authorization engine took, failed ones included.",
);
/// How much was asked at once.
pub const ENGINE_BATCH: Instrument = histogram(
    "taskgate_engine_batch_size",
    BATCHES,
    Unit::Count,
    &[ENGINE, CALL],
    "How many resources one check, or one question for holders, was about.",
);
/// What it decided.
pub const DECISIONS: Instrument = counter(
    "taskgate_engine_decisions_total",
    &[RESOURCE, Label::of("decision", &["all", "some", "none"])],
    "Decisions of the engine: a resource of which `all`, `some` or `none` of the asked actions are allowed. `none` is a denial, or a resource that there is none of.",
);

/// All of them.
pub const ALL: &[Instrument] = &[ENGINE_CALLS, ENGINE_DURATION, ENGINE_BATCH, DECISIONS];
