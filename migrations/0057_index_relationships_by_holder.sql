-- no-transaction
-- Whether a subject stands in any of some relations to a resource is one place in this index, and all that it holds of
-- a kind is one run. The older index by subject says the relation first, so it takes a look for each.
CREATE INDEX CONCURRENTLY IF NOT EXISTS relationships_by_holder
    ON relationships (subject_kind, subject_id, resource_kind, resource_id, relation);
