//! What every agent store must do.

mod create;
mod delete;
mod list;

use crate::World;

suite! { $ agents(World) {
    create: [
        a_new_agent_is_ready_and_as_given,
        a_name_is_taken_in_its_tenant_only,
        of_many_creates_of_one_name_one_wins,
        text_that_cannot_be_stored_is_refused,
        only_permitted_agents_that_exist_are_got,
        a_name_leads_to_an_id_within_its_tenant,
        a_name_says_how_fresh_to_ask_about_what_it_leads_to,
        without_an_open_intent_there_is_no_agent,
    ],
    delete: [
        deleting_ends_the_agent_and_its_keys_and_frees_its_name,
        the_tasks_of_a_deleted_agent_stay_with_all_they_own,
        deleting_twice_is_deleting_once,
        of_a_delete_and_the_making_of_a_key_nothing_is_left,
    ],
    list: [
        every_order_is_the_same_in_pages_of_any_size,
        agents_are_filtered_by_task,
        a_list_shows_what_the_caller_may_read,
        every_kind_of_extent_is_understood,
        tasks_lead_to_their_agents,
    ],
} }
