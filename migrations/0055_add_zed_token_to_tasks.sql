-- How fresh one must ask the authorization engine to know of the task: what it said when the task was registered. Null when
-- the engine says nothing of the kind, and in older rows. A nullable column is a change of the catalogue only.
ALTER TABLE tasks ADD COLUMN IF NOT EXISTS zed_token text;
