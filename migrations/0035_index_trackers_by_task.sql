-- no-transaction
-- The trackers of a task, which also go when it goes.
CREATE INDEX CONCURRENTLY IF NOT EXISTS agent_task_tracker_by_task
    ON agent_task_tracker (task_id);
