//! Edges as the columns that statements take.

use authz::{Relationship, ResourceRef};

/// The five columns of the primary key of `relationships`.
pub(super) struct Columns<'a> {
    pub(super) resource_kinds: Vec<&'a str>,
    pub(super) resource_ids: Vec<&'a str>,
    pub(super) relations: Vec<&'a str>,
    pub(super) subject_kinds: Vec<&'a str>,
    pub(super) subject_ids: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    /// The columns of rows, in their order.
    pub(super) fn of(rows: &[[&'a str; 5]]) -> Self {
        let column = |of: fn(&[&'a str; 5]) -> &'a str| rows.iter().map(of).collect();
        Self {
            resource_kinds: column(|[kind, ..]| kind),
            resource_ids: column(|[_, id, ..]| id),
            relations: column(|[_, _, relation, ..]| relation),
            subject_kinds: column(|[.., kind, _]| kind),
            subject_ids: column(|[.., id]| id),
        }
    }

    /// The columns of relationships to be written, sorted by the primary key, so that concurrent
    /// writers of the same relationships lock them in the same order.
    pub(super) fn of_relationships(relationships: &'a [Relationship]) -> Self {
        let row = |edge: &'a Relationship| {
            let ResourceRef { kind, id } = &edge.resource;
            [kind.as_str(), id, edge.relation.as_str(), &edge.subject_kind, &edge.subject_id]
        };
        let mut rows: Vec<_> = relationships.iter().map(row).collect();
        rows.sort_unstable();
        Self::of(&rows)
    }
}

/// The id as PostgreSQL can be asked for it. Text with U+0000 would fail the whole statement, and
/// whoever shares it; no row has such an id, and none has the empty one that stands for it.
pub(super) fn storable(id: &str) -> &str {
    if id.contains('\0') { "" } else { id }
}
