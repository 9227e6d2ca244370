-- no-transaction
-- Comparing rows with relationships reads all tasks in the order of their ids. Those of older systems without a
-- status are in no other index by id; they are few, or none.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_without_status_by_id
    ON tasks (id COLLATE "C") WHERE status IS NULL;
