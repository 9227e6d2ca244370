-- no-transaction
-- The checkpoints of a thread over all namespaces, latest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS checkpoints_latest_of_thread
    ON checkpoints (thread_id, checkpoint_id COLLATE "C" DESC, checkpoint_ns COLLATE "C");
