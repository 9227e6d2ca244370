//! What every ledger of intents must do. Each case has a ledger of its own.

mod claims;
mod life;

use crate::fresh;
use authz::{Kind, Principal, Registration, ResourceRef};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use dual_write::{Intent, Ledger};
use std::sync::Arc;

suite! { $ ledger(Arc<dyn Ledger>) {
    life: [
        opening_twice_is_opening_once,
        only_an_open_intent_is_closed_and_only_once,
        settling_forgets_and_may_be_repeated,
        of_many_who_close_one_does,
        the_backlog_counts_what_is_not_settled,
    ],
    claims: [
        what_is_due_is_claimed_as_it_was_written,
        a_claim_keeps_others_off_for_its_lease,
        the_longest_overdue_come_first_and_no_more_than_asked,
        what_is_postponed_comes_back_when_it_is_due,
        of_many_claimers_no_two_get_the_same,
    ],
} }

/// Now, as precisely as every ledger keeps it.
fn now() -> DateTime<Utc> {
    Utc::now().duration_trunc(TimeDelta::microseconds(1)).unwrap()
}

/// The intent to make a task, due `seconds` from now.
fn due_in(seconds: i64) -> Intent {
    let registration = Registration {
        resource: ResourceRef { kind: Kind::Task, id: fresh("task").into() },
        owner: Principal::user("alice"),
        tenant: "acme".into(),
        parent: None,
    };
    Intent::register(&registration, now(), now() + TimeDelta::seconds(seconds))
}

/// An intent that is written down, due `seconds` from now.
async fn opened(ledger: &Arc<dyn Ledger>, seconds: i64) -> Intent {
    let intent = due_in(seconds);
    ledger.open(&intent).await.unwrap();
    intent
}

/// Everything that is due, for a minute.
async fn claim(ledger: &Arc<dyn Ledger>, limit: u32) -> Vec<Intent> {
    ledger.claim(limit, TimeDelta::minutes(1)).await.unwrap()
}
