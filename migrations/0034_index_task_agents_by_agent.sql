-- no-transaction
-- The tasks of an agent. The primary key finds the agents of a task.
CREATE INDEX CONCURRENTLY IF NOT EXISTS task_agents_by_agent
    ON task_agents (agent_id, task_id);
