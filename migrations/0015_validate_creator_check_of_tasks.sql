-- no-transaction
-- Reads every row under a lock that neither readers nor writers notice, for as long as it takes.
ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_at_most_one_creator;
