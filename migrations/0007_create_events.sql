-- What asynchronous agents read, as in agentex: one sequence over all tasks.
CREATE TABLE IF NOT EXISTS events (
    id          varchar NOT NULL UNIQUE,
    sequence_id bigserial PRIMARY KEY,
    task_id     varchar NOT NULL REFERENCES tasks (id),
    agent_id    varchar NOT NULL REFERENCES agents (id),
    content     jsonb,
    created_at  timestamptz NOT NULL DEFAULT now()
);
