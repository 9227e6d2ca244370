//! What every event store must do.

mod append;
mod list;

use crate::World;

suite! { $ events(World) {
    append: [
        what_was_given_comes_back,
        events_are_numbered_in_order,
        an_agent_that_does_not_work_on_the_task_gets_none,
        a_task_that_is_gone_gets_none,
        text_that_cannot_be_stored_is_refused,
        an_event_is_locked_under_its_task,
    ],
    list: [
        events_come_oldest_first_and_no_more_than_asked,
        events_come_strictly_behind_the_one_named,
        an_event_of_elsewhere_is_no_place_to_start,
        events_of_others_are_not_shown,
    ],
} }
