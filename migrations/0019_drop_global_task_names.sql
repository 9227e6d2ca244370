-- no-transaction
-- A name that is taken must not tell that a foreign tenant has a task of that name.
DROP INDEX CONCURRENTLY IF EXISTS ix_tasks_name;
