-- no-transaction
-- Lists by the word of the status. A cast from enum to text is not immutable, so the words are spelt out.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_status
    ON tasks (
        (CASE status
            WHEN 'CANCELED' THEN 'CANCELED' WHEN 'COMPLETED' THEN 'COMPLETED' WHEN 'FAILED' THEN 'FAILED'
            WHEN 'INTERRUPTED' THEN 'INTERRUPTED' WHEN 'RUNNING' THEN 'RUNNING' WHEN 'TERMINATED' THEN 'TERMINATED'
            WHEN 'TIMED_OUT' THEN 'TIMED_OUT' ELSE '' END) COLLATE "C",
        id COLLATE "C"
    ) WHERE status <> 'DELETED';
