//! The router's instruments: what an observer of it hears.

use crate::registry::routing::{LISTS_INDEXED, SHADOW_COMPARISONS, SHADOW_SKIPPED, TOLD, UNROUTABLE};
use authz::{Action, Kind};
use authz_router::{Observer, Outcome, Skipped, Written};
use metrics::{counter, gauge};

/// Says whether the lists of an engine elsewhere are found beside the rows.
pub fn lists_indexed(are: bool) {
    gauge!(LISTS_INDEXED.name).set(u32::from(are));
}

/// Counts what happens beside the answers of engines.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoutingCounts;

impl Observer for RoutingCounts {
    fn compared(&self, kind: Kind, action: Action, outcome: Outcome, questions: u64) {
        let (resource, action, outcome) = (kind.as_str(), action.as_str(), outcome.as_str());
        let labels = [("resource", resource), ("action", action), ("outcome", outcome)];
        counter!(SHADOW_COMPARISONS.name, &labels).increment(questions);
    }

    fn skipped(&self, why: Skipped) {
        counter!(SHADOW_SKIPPED.name, "reason" => why.as_str()).increment(1);
    }

    fn told(&self, what: Written, took: bool) {
        let outcome = if took { "took" } else { "missed" };
        counter!(TOLD.name, "op" => what.as_str(), "outcome" => outcome).increment(1);
    }

    fn unroutable(&self) {
        counter!(UNROUTABLE.name).increment(1);
    }
}
