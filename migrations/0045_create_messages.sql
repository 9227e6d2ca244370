-- What is said on tasks. Messages go with their task. Agentex keeps them elsewhere, so there is nothing
-- to adopt, and a table of this name that is there already is somebody else's.
CREATE TABLE messages (
    id               varchar PRIMARY KEY,
    task_id          varchar NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    content          jsonb NOT NULL,
    streaming_status text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT ck_messages_streaming_status CHECK (streaming_status IN ('IN_PROGRESS', 'DONE'))
);

-- The messages of a task in the order they were said.
CREATE INDEX messages_of_task_by_created_at ON messages (task_id, created_at, id COLLATE "C");
