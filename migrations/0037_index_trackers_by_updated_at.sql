-- no-transaction
-- Lists by the time of the last change. As for tasks.
CREATE INDEX CONCURRENTLY IF NOT EXISTS agent_task_tracker_by_updated_at
    ON agent_task_tracker ((COALESCE(updated_at, 'epoch'::timestamptz)), id COLLATE "C");
