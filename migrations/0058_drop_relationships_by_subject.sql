-- no-transaction
-- What it was asked is asked of relationships_by_holder, by the last version's statements, too.
DROP INDEX CONCURRENTLY IF EXISTS relationships_by_subject;
