//! What every task store must do.

mod change;
mod create;
mod delete;
mod filters;
mod page;
mod scopes;
mod transitions;

use crate::{Cast, World, pages::walk, world::object};
use authz::{Direction, Scope, Start, Task, Window, action::Read};
use serde_json::Value;
use tasks::{NewTask, Order, Patch, Query, TaskId};

suite! { $ tasks(World) {
    create: [
        a_new_task_is_running_with_one_tracker,
        what_was_given_comes_back,
        creators_that_are_people_or_bots_are_kept,
        a_name_is_taken_in_its_tenant_only,
        of_many_creates_of_one_name_one_wins,
        an_agent_of_another_tenant_is_refused,
        an_agent_that_is_gone_is_refused,
        text_that_cannot_be_stored_is_refused,
        only_permitted_tasks_that_exist_are_got,
        a_name_leads_to_an_id_within_its_tenant,
        a_name_says_how_fresh_to_ask_about_what_it_leads_to,
        without_an_open_intent_there_is_no_task,
    ],
    change: [
        params_are_merged_at_the_top,
        params_that_are_null_are_taken_as_empty,
        metadata_is_replaced,
        both_change_in_one_step,
        a_patch_that_changes_nothing_leaves_no_trace,
        of_many_merges_none_is_lost,
        a_refused_patch_changes_nothing,
        a_task_that_is_gone_is_not_changed,
    ],
    transitions: [
        the_whole_status_machine,
        reasons_are_kept_or_supplied,
        of_many_transitions_one_wins,
        a_task_that_is_gone_does_not_move,
    ],
    delete: [deleting_removes_the_task_and_all_it_owns, deleting_leaves_the_rest_alone],
    page: [
        every_order_is_the_same_in_pages_of_any_size,
        pages_can_be_counted_instead,
        hidden_tasks_leave_no_holes,
        rows_that_go_between_pages_are_not_missed,
        no_page_is_longer_than_asked,
    ],
    filters: [
        tasks_are_filtered_by_agent,
        tasks_are_filtered_by_status,
        metadata_is_filtered_by_containment,
        conditions_add_up,
    ],
    scopes: [
        what_is_too_much_to_be_named_is_asked_page_by_page,
        a_list_shows_what_the_caller_may_read,
        every_kind_of_extent_is_understood,
        lists_agree_with_checks,
    ],
} }

/// Every task in scope, sorted by id.
fn every_task() -> Query {
    sorted(Order::Id, Direction::Ascending)
}

fn sorted(order: Order, direction: Direction) -> Query {
    let window = Window { limit: 1000, start: Start::First, direction };
    Query { agent: None, agent_name: None, status: None, metadata: None, order, window }
}

fn merge(params: Value) -> Patch {
    Patch { merge_params: Some(object(params)), metadata: None }
}

fn replace(metadata: Value) -> Patch {
    Patch { merge_params: None, metadata: Some(object(metadata)) }
}

/// The ids that a query finds in one page.
async fn listed(world: &World, scope: &Scope<Task, Read>, query: &Query) -> Vec<TaskId> {
    let page = world.tasks.page(scope, query).await.unwrap();
    assert!(!page.more);
    page.rows.into_iter().map(|task| task.id).collect()
}

/// The ids that a query finds in pages of a size.
async fn walked(world: &World, scope: &Scope<Task, Read>, query: Query, limit: u32) -> Vec<TaskId> {
    let page = async |window: &Window| {
        world.tasks.page(scope, &Query { window: window.clone(), ..query.clone() }).await.unwrap()
    };
    let rows = walk(Window { limit, ..query.window.clone() }, page, |task| query.order.after(task)).await;
    rows.into_iter().map(|task| task.id).collect()
}

/// Makes as many tasks of the cast's owner, with no roles for others.
async fn private_tasks(cast: &Cast<'_>, count: usize, new: impl Fn(usize, &mut NewTask)) -> Vec<TaskId> {
    let mut ids = Vec::new();
    for place in 0..count {
        let mut task = cast.new_task();
        new(place, &mut task);
        ids.push(cast.world.create_task(&cast.owner, &cast.agent, task).await.unwrap().id);
    }
    ids
}
