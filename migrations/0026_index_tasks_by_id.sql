-- no-transaction
-- Lists by id, by its bytes. The primary key is under the database's own collation.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_id
    ON tasks (id COLLATE "C") WHERE status <> 'DELETED';
