-- no-transaction
-- The latest checkpoint of a namespace, by the bytes of its id.
CREATE INDEX CONCURRENTLY IF NOT EXISTS checkpoints_latest_of_namespace
    ON checkpoints (thread_id, checkpoint_ns, checkpoint_id COLLATE "C" DESC);
