//! The router's instruments: which engine answers whom, and what a second one would have said.

use super::{Instrument, Label, counter, engine::RESOURCE, gauge};
use authz::Action;
use authz_router::{Outcome, Skipped, Written};
use metrics::Unit;

/// Of the series with a resource and an action, only those of permissions there are.
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
    ],
);
const OUTCOME: Label = Label::of(
    "outcome",
    &[
        Outcome::Agreed.as_str(),
        Outcome::FirstAllows.as_str(),
        Outcome::SecondAllows.as_str(),
        Outcome::SecondFailed.as_str(),
    ],
);
const REASON: Label =
    Label::of("reason", &[Skipped::Overload.as_str(), Skipped::Unnamed.as_str(), Skipped::Unconfirmed.as_str()]);
const WRITTEN: Label = Label::of(
    "op",
    &[Written::Register.as_str(), Written::Deregister.as_str(), Written::Grant.as_str(), Written::Revoke.as_str()],
);

/// Questions that two engines were asked.
pub const SHADOW_COMPARISONS: Instrument = counter(
    "taskgate_engine_shadow_comparisons_total",
    &[RESOURCE, ACTION, OUTCOME],
    "Questions that the engine that answers and its shadow were both asked, by what came of it. A disagreement counts when both stand by it.",
);
/// Comparisons that were not made.
pub const SHADOW_SKIPPED: Instrument = counter(
    "taskgate_engine_shadow_skipped_total",
    &[REASON],
    "Comparisons with a shadow that were not made or came to nothing.",
);
/// Writes that engines were told of in passing.
pub const TOLD: Instrument = counter(
    "taskgate_engine_told_total",
    &[WRITTEN, Label::of("outcome", &["took", "missed"])],
    "Writes that engines were told of in passing, without deciding anything: shadows, and those of other accounts.",
);
/// Whether lists are found in an index.
pub const LISTS_INDEXED: Instrument = gauge(
    "taskgate_engine_lists_indexed",
    Unit::Count,
    &[],
    "1 where the lists of an engine elsewhere are found beside the rows, 0 where it finds them itself: there is no index, it is not complete, or what changed may not have been told yet; or there is no such engine.",
);
/// Questions and writes for an engine that there is none of.
pub const UNROUTABLE: Instrument = counter(
    "taskgate_engine_unroutable_total",
    &[],
    "Questions and writes that failed because a route leads to an engine that this gateway does not have.",
);

/// All of them.
pub const ALL: &[Instrument] = &[SHADOW_COMPARISONS, SHADOW_SKIPPED, TOLD, LISTS_INDEXED, UNROUTABLE];
