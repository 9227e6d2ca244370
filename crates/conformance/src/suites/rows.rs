//! What every store of rows must tell operators.

mod beside;
mod rows_of;

use crate::Scanned;
use authz::Kind;
use dual_write::Row;
use std::sync::Arc;

suite! { $ rows(Scanned) {
    rows_of: [
        a_row_says_what_its_registration_needs,
        what_an_agent_made_has_no_creator,
        pages_come_by_the_bytes_of_ids_behind_the_place,
        a_row_that_is_gone_is_not_told,
        what_has_no_rows_has_none,
    ],
    beside: [
        intents_are_found_by_what_they_are_on,
        the_oldest_intents_come_first,
        tallies_add_up,
    ],
} }

async fn row(scanned: &Scanned, kind: Kind, id: &Arc<str>) -> Option<Row> {
    let mut rows = scanned.rows.rows(kind, std::slice::from_ref(id)).await.unwrap();
    assert!(rows.len() < 2);
    rows.pop()
}
