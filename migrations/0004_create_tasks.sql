-- Tasks, as in agentex. A task without a status is an old row: it can be fetched and is not listed.
CREATE TABLE IF NOT EXISTS tasks (
    id            varchar PRIMARY KEY,
    name          varchar,
    status        taskstatus,
    status_reason text,
    created_at    timestamptz DEFAULT now(),
    updated_at    timestamptz DEFAULT now(),
    cleaned_at    timestamptz,
    params        jsonb,
    task_metadata jsonb
);
