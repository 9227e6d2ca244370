-- no-transaction
-- Lists by id, by its bytes.
CREATE INDEX CONCURRENTLY IF NOT EXISTS agent_task_tracker_by_id
    ON agent_task_tracker (id COLLATE "C");
