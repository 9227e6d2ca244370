-- When the task or agent of a relationship came into being: what lists are sorted by, so that the newest of what somebody
-- holds are found without looking at the rest. It is the same in all relationships of a resource, and in its row. Null in
-- older relationships; whoever holds one of those has lists weighed, as before. A nullable column is a change of the
-- catalogue only.
ALTER TABLE relationships ADD COLUMN IF NOT EXISTS resource_created_at timestamptz;
