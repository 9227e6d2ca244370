-- no-transaction
-- Lists by the time of the last change. A row without one comes where 1970 would, so that it is not lost between pages.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_updated_at
    ON tasks ((COALESCE(updated_at, 'epoch'::timestamptz)), id COLLATE "C") WHERE status <> 'DELETED';
