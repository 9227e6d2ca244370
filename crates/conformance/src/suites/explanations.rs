//! What operators are told of why: the same as what the engine decides.

mod readings;
mod verdicts;

pub use verdicts::verdicts;

use crate::fresh;
use authz::{Explainer, Kind, Principal, ResourceRef};

suite! { $ explanations(Explainer) {
    verdicts: [explanations_and_decisions_agree],
    readings: [
        what_a_principal_is_to_a_resource_is_read_with_its_links,
        what_others_are_to_it_is_left_out,
        the_unheard_of_and_the_odd_are_read_as_nothing,
    ],
} }

fn somebody() -> Principal {
    Principal::user(fresh("user"))
}

fn something(kind: Kind) -> ResourceRef {
    ResourceRef { kind, id: fresh(kind.as_str()).into() }
}
