-- no-transaction
-- All that a subject holds of a kind, in the order in which it came into being: a page of the newest is one run in this
-- index, however much is held. Tenants hold everything, and nobody lists what they hold.
CREATE INDEX CONCURRENTLY IF NOT EXISTS relationships_by_age
    ON relationships (subject_kind, subject_id, resource_kind, resource_created_at, resource_id, relation)
    WHERE subject_kind <> 'tenant';
