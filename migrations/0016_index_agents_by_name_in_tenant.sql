-- no-transaction
-- A name is unique within its tenant, among the agents that are there; names are looked up by it.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS agents_name_in_tenant
    ON agents (tenant, name) WHERE status <> 'DELETED';
