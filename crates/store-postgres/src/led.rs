//! Lists in the order in which things came into being, led by the relationships of whoever lists.
//!
//! A relationship says when its resource came into being, and an index has all that somebody holds in that order. So
//! the newest of what they hold is one run there, however much they hold and wherever in the list it stands: nothing
//! has to be weighed.

use crate::{
    held::{Sql, one_of, subject},
    list::{Item, Key, List, Narrowed, WALK, bind},
};
use authz::{Beside, Start};

impl<T: Item + Send> List<'_, T> {
    /// Whether what `beside` finds is found in the list's order.
    pub(crate) fn can_be_led(&self, beside: &Beside) -> bool {
        matches!(self.key, Key::Birth(_))
            && self.narrowed == Narrowed::Little
            && beside.gated.is_empty()
            && beside.parent.is_none()
    }

    /// Writes the parts `led`, which is the page if nothing is in its way, and `enough`, which says whether it is: when
    /// many of the first [`WALK`] that are held meet no condition, or some do not say when they came into being, it is
    /// not.
    ///
    /// `DISTINCT ON` is planned as a pass over what is sorted, and a lateral subquery with `OFFSET 0` as one look-up for
    /// each of its rows, so no more is read than the page needs.
    pub(crate) fn led(&self, sql: &mut Sql, beside: &Beside) {
        let order = format!(" ORDER BY resource_created_at{way}, resource_id{way}", way = self.way());
        sql.push("led AS MATERIALIZED (SELECT ").push(self.table.columns);
        sql.push(", placed.resource_created_at AS sort_key, placed.resource_id AS sort_id FROM (");
        sql.push("SELECT DISTINCT ON (resource_created_at, resource_id) resource_created_at, resource_id FROM (");
        sql.push("SELECT resource_created_at, resource_id");
        self.edges(sql, beside);
        sql.push(&order).push(" LIMIT ").push(WALK).push(") AS edge").push(&order).push(") AS placed");
        sql.push(" CROSS JOIN LATERAL (SELECT * FROM ").push(self.table.name).push(" AS item WHERE ");
        sql.push(self.table.resource).push(" = placed.resource_id COLLATE \"default\" AND ").push(self.table.present);
        (self.filter)(sql);
        sql.push(" OFFSET 0) AS item");
        self.cut(sql, &self.window.start, self.fetched());
        sql.push("), enough AS MATERIALIZED (SELECT NOT EXISTS (SELECT FROM relationships AS edge WHERE");
        self.of_holder(sql, beside);
        sql.push(" AND edge.resource_created_at IS NULL) AND ((SELECT count(*) FROM led) = ").push(self.fetched());
        sql.push(" OR (SELECT count(*) FROM (SELECT");
        self.edges(sql, beside);
        sql.push(&order).push(" LIMIT ").push(WALK).push(") AS counted) < ").push(WALK).push(") AS it)");
    }

    /// What is held, behind the start.
    fn edges(&self, sql: &mut Sql, beside: &Beside) {
        sql.push(" FROM relationships AS edge WHERE");
        self.of_holder(sql, beside);
        sql.push(" AND edge.relation = ").push(one_of(&beside.free));
        if let Start::After(after) = &self.window.start {
            sql.push(" AND (edge.resource_created_at, edge.resource_id) ").push(self.beyond()).push(" (");
            bind(sql, &after.key);
            sql.push(", (SELECT ").push_bind(after.id.as_ref()).push("::text))");
        }
    }

    fn of_holder(&self, sql: &mut Sql, beside: &Beside) {
        sql.push(" edge.resource_kind = '").push(self.table.kind).push("'");
        subject(sql, "edge", &beside.principal);
    }
}
