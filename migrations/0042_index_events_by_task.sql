-- no-transaction
-- The events of a task, which go when it goes; the foreign key looks for them too.
CREATE INDEX CONCURRENTLY IF NOT EXISTS events_by_task
    ON events (task_id);
