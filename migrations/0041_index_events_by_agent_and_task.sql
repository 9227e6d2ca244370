-- no-transaction
-- The events of a task for an agent in order. Named as in agentex, which may have it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_events_agent_task_order
    ON events (agent_id, task_id, sequence_id);
