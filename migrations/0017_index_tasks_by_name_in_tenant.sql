-- no-transaction
-- A name is unique within its tenant, among the tasks that are there; names are looked up by it.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS tasks_name_in_tenant
    ON tasks (tenant, name) WHERE status IS DISTINCT FROM 'DELETED';
