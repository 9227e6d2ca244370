//! What every store of switches must do, and what a ledger does where they are off. Each case has switches and
//! a ledger of its own.

mod owed;
mod turning;

use crate::{World, fresh};
use authz::Kind;
use dual_write::{Change, Mode, Order};
use std::sync::Arc;

suite! { $ switches(World) {
    turning: [
        nobody_has_turned_any,
        a_turned_switch_is_listed_and_its_change_is_kept,
        of_many_who_turn_one_switch_each_finds_what_another_left,
        whoever_listens_hears_a_turn,
    ],
    owed: [
        what_a_row_owes_is_noted_with_it,
        a_claim_of_what_is_owed_keeps_others_off,
        an_account_that_is_off_is_passed_over,
        a_task_that_goes_owes_nothing_and_goes_twice,
    ],
} }

/// Turns the switch of tasks.
async fn turn(world: &World, account: Option<&str>, mode: Mode) -> Change {
    let order = Order {
        kind: Kind::Task,
        account: account.map(Arc::from),
        mode,
        by: "user:operator".into(),
        reason: fresh("because"),
    };
    let change = world.switches.turn(&order).await.unwrap();
    assert_eq!((&change.switch.account, change.switch.mode), (&order.account, mode));
    assert_eq!((&change.switch.by, &change.switch.reason), (&order.by, &order.reason));
    change
}
