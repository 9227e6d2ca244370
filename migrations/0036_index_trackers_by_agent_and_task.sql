-- no-transaction
-- The trackers of an agent. Named as in agentex, which may have it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_agent_task_tracker_agent_task
    ON agent_task_tracker (agent_id, task_id);
