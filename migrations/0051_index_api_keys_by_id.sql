-- no-transaction
-- Comparing rows with relationships reads all keys in the order of their ids, by their bytes. The primary key is
-- under the database's own collation.
CREATE INDEX CONCURRENTLY IF NOT EXISTS api_keys_by_id
    ON api_keys (id COLLATE "C");
