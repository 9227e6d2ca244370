-- What agents keep about tasks: one state for each agent on each task, gone when the agent no longer works
-- on it. As for messages, there is nothing to adopt.
CREATE TABLE task_states (
    id         varchar PRIMARY KEY,
    task_id    varchar NOT NULL,
    agent_id   varchar NOT NULL,
    state      jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT task_states_of_agent_on_task UNIQUE (task_id, agent_id),
    CONSTRAINT task_states_task_agent_fkey FOREIGN KEY (task_id, agent_id)
        REFERENCES task_agents (task_id, agent_id) ON DELETE CASCADE
);

-- Lists of states, whatever they are sorted by, and those of an agent.
CREATE INDEX task_states_by_id ON task_states (id COLLATE "C");
CREATE INDEX task_states_by_created_at ON task_states (created_at, id COLLATE "C");
CREATE INDEX task_states_by_updated_at ON task_states (updated_at, id COLLATE "C");
CREATE INDEX task_states_of_agent ON task_states (agent_id);
