-- no-transaction
-- Lists by name; tasks without one come where the empty name would.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_name
    ON tasks ((COALESCE(name, '')) COLLATE "C", id COLLATE "C") WHERE status <> 'DELETED';
