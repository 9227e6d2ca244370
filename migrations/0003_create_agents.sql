-- Agents, as in agentex. Ids are text, compared under the database's own collation here and by their
-- bytes in our own indexes.
CREATE TABLE IF NOT EXISTS agents (
    id                       varchar PRIMARY KEY,
    name                     varchar NOT NULL,
    description              text NOT NULL,
    docker_image             varchar,
    status                   agentstatus NOT NULL,
    status_reason            text,
    acp_url                  varchar,
    acp_type                 varchar NOT NULL DEFAULT 'async',
    created_at               timestamptz DEFAULT now(),
    updated_at               timestamptz DEFAULT now(),
    registration_metadata    jsonb,
    registered_at            timestamptz,
    agent_input_type         agentinputtype,
    production_deployment_id varchar
);
