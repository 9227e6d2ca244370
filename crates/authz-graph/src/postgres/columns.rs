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
    pub(super) fn of(rows: impl IntoIterator<Item = [&'a str; 5]>) -> Self {
        let [resource_kinds, resource_ids, relations, subject_kinds, subject_ids] = columns(rows);
        Self { resource_kinds, resource_ids, relations, subject_kinds, subject_ids }
    }

    /// The columns of relationships to be written, sorted by the primary key, so that concurrent
    /// writers of the same relationships lock them in the same order. Each once.
    pub(super) fn of_relationships(relationships: &'a [Relationship]) -> Self {
        let row = |edge: &'a Relationship| {
            let ResourceRef { kind, id } = &edge.resource;
            [kind.as_str(), id, edge.relation.as_str(), &edge.subject_kind, &edge.subject_id]
        };
        let mut rows: Vec<_> = relationships.iter().map(row).collect();
        rows.sort_unstable();
        rows.dedup();
        Self::of(rows)
    }
}

/// The columns of rows, in their order.
pub(super) fn columns<'a, const N: usize>(rows: impl IntoIterator<Item = [&'a str; N]>) -> [Vec<&'a str>; N] {
    let mut columns = [const { Vec::new() }; N];
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns
}

/// The id as PostgreSQL can be asked for it. Text with U+0000 would fail the whole statement, and
/// whoever shares it; no row has such an id, and none has the empty one that stands for it.
pub(super) fn storable(id: &str) -> &str {
    if id.contains('\0') { "" } else { id }
}
