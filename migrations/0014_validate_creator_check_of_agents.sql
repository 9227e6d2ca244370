-- no-transaction
-- Reads every row under a lock that neither readers nor writers notice, for as long as it takes.
ALTER TABLE agents VALIDATE CONSTRAINT ck_agents_at_most_one_creator;
