//! What every store of API keys must do.

mod create;
mod delete;
mod list;

use crate::World;

suite! { $ api_keys(World) {
    create: [
        a_new_key_is_as_given_and_lets_its_agent_in,
        a_key_nobody_has_lets_nobody_in,
        a_name_is_taken_among_the_keys_of_its_agent_and_type_only,
        a_key_is_one_agents_only,
        of_many_creates_of_one_name_one_wins,
        an_agent_that_is_not_there_has_no_keys,
        text_that_cannot_be_stored_is_refused,
        without_an_open_intent_there_is_no_key,
        only_a_permitted_key_that_exists_is_got,
        a_name_leads_to_an_id_by_either_key_of_the_agent,
    ],
    delete: [
        a_deleted_key_lets_nobody_in_and_frees_its_name,
        deleting_twice_is_deleting_once,
    ],
    list: [
        keys_come_in_the_order_they_were_made_in_pages_of_any_size,
        a_list_shows_what_the_caller_may_read,
        every_kind_of_extent_is_understood,
        agents_lead_to_their_keys,
    ],
} }
