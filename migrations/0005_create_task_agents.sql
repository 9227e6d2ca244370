-- Which agents work on which tasks, as in agentex.
CREATE TABLE IF NOT EXISTS task_agents (
    task_id    varchar NOT NULL REFERENCES tasks (id),
    agent_id   varchar NOT NULL REFERENCES agents (id),
    created_at timestamptz DEFAULT now(),
    PRIMARY KEY (task_id, agent_id)
);
