-- no-transaction
-- Lists by id, by its bytes.
CREATE INDEX CONCURRENTLY IF NOT EXISTS agents_by_id
    ON agents (id COLLATE "C") WHERE status <> 'DELETED';
