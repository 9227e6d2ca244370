-- no-transaction
-- Lists by the time of making. A row without one comes where 1970 would, so that it is not lost between pages.
CREATE INDEX CONCURRENTLY IF NOT EXISTS agents_by_created_at
    ON agents ((COALESCE(created_at, 'epoch'::timestamptz)), id COLLATE "C") WHERE status <> 'DELETED';
