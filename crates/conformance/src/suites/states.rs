//! What every state store must do.

mod keeping;
mod list;

use crate::{Cast, World, fresh, may, world::object};
use conversations::{NewState, State};
use serde_json::{Value, json};
use tasks::TaskId;

suite! { $ states(World) {
    keeping: [
        what_is_kept_comes_back,
        an_agent_keeps_one_state_on_a_task,
        an_agent_that_does_not_work_on_the_task_keeps_none,
        a_task_that_is_gone_keeps_none,
        text_that_cannot_be_stored_is_refused,
        a_state_is_locked_under_its_task,
        what_is_kept_is_replaced_and_dated,
        a_state_of_another_task_is_not_there,
        a_deleted_state_makes_room_for_another,
        a_deleted_task_takes_its_states_along,
    ],
    list: [
        every_order_is_the_same_in_pages_of_any_size,
        a_list_shows_the_states_of_tasks_in_scope,
        states_are_filtered_by_task_and_agent,
        every_kind_of_extent_is_understood,
    ],
} }

fn new_state(cast: &Cast<'_>, state: Value) -> NewState {
    NewState { id: fresh("state"), agent: cast.agent.clone(), state: object(state) }
}

/// A state of the cast's agent on the task.
async fn keep(cast: &Cast<'_>, task: &TaskId) -> State {
    let new = new_state(cast, json!({"kept": true}));
    cast.world.states.create(&may(&cast.editor, task).await, new).await.unwrap()
}
