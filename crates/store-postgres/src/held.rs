//! Which resources a principal holds, as SQL over the relationships that stand beside the rows.
//!
//! Relationships are collated by byte and rows by the database, and an index serves only comparisons
//! under its own collation. So [`held`] hands out ids under the rows' collation, to find rows by, and
//! [`is_held`] compares by byte, to find relationships by.

use authz::{Beside, Kind, Principal, Relation, schema::INSIDE};
use sqlx::{Postgres, QueryBuilder};

/// A statement under construction.
pub(crate) type Sql = QueryBuilder<Postgres>;

/// Writes a query for the ids of the resources of `kind` that `beside` finds. An id may come more than once.
pub(crate) fn held(sql: &mut Sql, kind: Kind, beside: &Beside) {
    sql.push("SELECT edge.resource_id COLLATE \"default\" AS id FROM relationships AS edge");
    sql.push(" WHERE edge.resource_kind = '").push(kind).push("'");
    subject(sql, "edge", &beside.principal);
    sql.push(" AND (edge.relation = ").push(one_of(&beside.free));
    if !beside.gated.is_empty() {
        sql.push(" OR edge.relation = ").push(one_of(&beside.gated)).push(" AND ");
        is_inside(sql, kind, "edge.resource_id", &beside.principal);
    }
    sql.push(")");
    if let Some(parent) = &beside.parent {
        sql.push(" UNION ALL SELECT child.resource_id COLLATE \"default\" AS id FROM relationships AS child");
        sql.push(" WHERE child.relation = 'parent_agent' AND child.subject_kind = 'agent' AND child.resource_kind = '");
        sql.push(kind).push("' AND child.subject_id = ANY(ARRAY(SELECT parent.id COLLATE \"C\" FROM (");
        held(sql, Kind::Agent, parent);
        sql.push(") AS parent))");
    }
}

/// Writes whether `beside` finds the resource of `kind` whose id is `id`, an expression over an outer row.
pub(crate) fn is_held(sql: &mut Sql, kind: Kind, id: &str, beside: &Beside) {
    sql.push("(");
    is_related(sql, kind, id, &beside.free, &beside.principal);
    if !beside.gated.is_empty() {
        sql.push(" OR ");
        is_related(sql, kind, id, &beside.gated, &beside.principal);
        sql.push(" AND ");
        is_inside(sql, kind, id, &beside.principal);
    }
    if let Some(parent) = &beside.parent {
        sql.push(" OR EXISTS (SELECT FROM relationships AS up WHERE up.relation = 'parent_agent'");
        sql.push(" AND up.subject_kind = 'agent' AND up.resource_kind = '").push(kind);
        sql.push("' AND up.resource_id = ").push(id).push(" COLLATE \"C\" AND ");
        is_held(sql, Kind::Agent, "up.subject_id", parent);
        sql.push(" OFFSET 0)");
    }
    sql.push(")");
}

/// Writes whether `principal` has one of `relations` to the resource: one place in the index by holder, however
/// much the principal holds and however many hold the resource. `OFFSET 0` keeps the planner from turning the
/// question around.
fn is_related(sql: &mut Sql, kind: Kind, id: &str, relations: &[Relation], principal: &Principal) {
    if relations.is_empty() {
        sql.push("false");
        return;
    }
    sql.push("EXISTS (SELECT FROM relationships AS edge WHERE edge.relation = ").push(one_of(relations));
    sql.push(" AND edge.resource_kind = '").push(kind).push("' AND edge.resource_id = ").push(id);
    sql.push(" COLLATE \"C\"");
    subject(sql, "edge", principal);
    sql.push(" OFFSET 0)");
}

/// Writes whether `principal` is inside the tenant of the resource.
fn is_inside(sql: &mut Sql, kind: Kind, id: &str, principal: &Principal) {
    sql.push(
        "EXISTS (SELECT FROM relationships AS home WHERE home.relation = 'tenant' AND home.subject_kind = 'tenant'",
    );
    sql.push(" AND home.resource_kind = '").push(kind).push("' AND home.resource_id = ").push(id);
    sql.push(" COLLATE \"C\" AND ");
    is_related(sql, Kind::Tenant, "home.subject_id", INSIDE, principal);
    sql.push(" OFFSET 0)");
}

/// The id is read through a subquery, which hides it from the planner: a statement planned for this
/// principal costs it what one planned for anybody does, and PostgreSQL keeps the latter. Planning took
/// longer than finding what little is held.
pub(crate) fn subject(sql: &mut Sql, edge: &str, principal: &Principal) {
    sql.push(" AND ").push(edge).push(".subject_kind = '").push(principal.kind().as_str()).push("'");
    sql.push(" AND ").push(edge).push(".subject_id = (SELECT ").push_bind(principal.id()).push("::text)");
}

pub(crate) fn one_of(relations: &[Relation]) -> String {
    let words: Vec<_> = relations.iter().map(|relation| relation.as_str()).collect();
    format!("ANY ('{{{}}}')", words.join(","))
}
