-- A row has at most one creator. NOT VALID holds new rows to it without reading the old ones under the lock;
-- a later file validates.
ALTER TABLE tasks
    ADD CONSTRAINT ck_tasks_at_most_one_creator
    CHECK (creator_user_id IS NULL OR creator_service_account_id IS NULL) NOT VALID;
