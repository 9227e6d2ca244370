-- no-transaction
-- For operators: what a person made. Partial, since most old rows have no creator.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_creator_user
    ON tasks (creator_user_id) WHERE creator_user_id IS NOT NULL;
