-- no-transaction
-- A name that is taken must not tell that a foreign tenant has an agent of that name.
DROP INDEX CONCURRENTLY IF EXISTS ix_agents_name;
