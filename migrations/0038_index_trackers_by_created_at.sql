-- no-transaction
-- Lists by the time of making. As for tasks.
CREATE INDEX CONCURRENTLY IF NOT EXISTS agent_task_tracker_by_created_at
    ON agent_task_tracker ((COALESCE(created_at, 'epoch'::timestamptz)), id COLLATE "C");
