-- no-transaction
-- For operators: what a service account made. Partial, since most rows have no such creator.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_creator_service_account
    ON tasks (creator_service_account_id) WHERE creator_service_account_id IS NOT NULL;
