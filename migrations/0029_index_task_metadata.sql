-- no-transaction
-- Finds tasks by what their metadata contains. Named as in agentex, which may have it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_tasks_metadata_gin
    ON tasks USING gin (task_metadata jsonb_path_ops);
