-- no-transaction
-- Lists by name, and finds agents of a name in whatever tenant.
CREATE INDEX CONCURRENTLY IF NOT EXISTS agents_by_name
    ON agents (name COLLATE "C", id COLLATE "C") WHERE status <> 'DELETED';
