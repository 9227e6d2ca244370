-- How far an agent has read a task's events, as in agentex. The cursor has no foreign key: retention
-- removes events that cursors stand on.
CREATE TABLE IF NOT EXISTS agent_task_tracker (
    id                      varchar NOT NULL,
    agent_id                varchar NOT NULL REFERENCES agents (id),
    task_id                 varchar NOT NULL REFERENCES tasks (id),
    created_at              timestamptz DEFAULT now(),
    updated_at              timestamptz DEFAULT now(),
    status                  text,
    status_reason           text,
    last_processed_event_id varchar,
    PRIMARY KEY (id, agent_id, task_id)
);
