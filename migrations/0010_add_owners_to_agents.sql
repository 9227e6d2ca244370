-- Whose an agent is: its tenant, and who made it. Null in the rows of older systems, and who made a row
-- stays null when it was not a person or a service account. Nullable columns without a default are a change
-- of the catalogue only.
ALTER TABLE agents
    ADD COLUMN IF NOT EXISTS tenant text,
    ADD COLUMN IF NOT EXISTS creator_user_id text,
    ADD COLUMN IF NOT EXISTS creator_service_account_id text;
