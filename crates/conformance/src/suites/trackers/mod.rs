//! What every tracker store must do.

mod commit;
mod list;

use crate::World;

suite! { $ trackers(World) {
    commit: [
        a_cursor_moves_forwards_or_stays,
        a_cursor_never_moves_backwards,
        an_event_of_elsewhere_is_unknown,
        a_cursor_whose_event_is_gone_accepts_any,
        absent_and_null_are_told_apart,
        a_refused_commit_changes_nothing,
        a_commit_that_changes_nothing_leaves_no_trace,
        a_tracker_of_another_task_is_not_there,
        of_many_commits_the_furthest_stays,
        a_tracker_is_locked_under_its_task,
    ],
    list: [
        every_order_is_the_same_in_pages_of_any_size,
        a_list_shows_the_trackers_of_tasks_in_scope,
        a_task_out_of_scope_has_none,
        trackers_are_filtered_by_task_and_agent,
        every_kind_of_extent_is_understood,
        trackers_of_tasks_come_by_task,
    ],
} }
