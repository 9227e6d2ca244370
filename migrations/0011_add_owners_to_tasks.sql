-- Whose a task is: its tenant, and who made it. As for agents.
ALTER TABLE tasks
    ADD COLUMN IF NOT EXISTS tenant text,
    ADD COLUMN IF NOT EXISTS creator_user_id text,
    ADD COLUMN IF NOT EXISTS creator_service_account_id text;
