-- The credentials of agents' runtimes, gone with their agent. Agentex keeps its own in `agent_api_keys`, in
-- plain text: those are left alone, and a table of this name that is there already is somebody else's.
-- A key itself is nowhere: `digest` is its keyed hash, by which requests find it, and `prefix` its beginning,
-- by which people do. `zed_token` is how fresh an engine must be asked to know of the key, where engines say.
CREATE TABLE api_keys (
    id                         varchar PRIMARY KEY,
    agent_id                   varchar NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    name                       text NOT NULL,
    type                       text NOT NULL,
    prefix                     text NOT NULL,
    digest                     bytea NOT NULL,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    creator_user_id            text,
    creator_service_account_id text,
    zed_token                  text,
    CONSTRAINT ck_api_keys_type CHECK (type IN ('internal', 'external')),
    CONSTRAINT ck_api_keys_at_most_one_creator CHECK (creator_user_id IS NULL OR creator_service_account_id IS NULL),
    CONSTRAINT api_keys_digest UNIQUE (digest),
    CONSTRAINT api_keys_name_of_agent UNIQUE (agent_id, name, type)
);

-- Lists of keys, and those of an agent.
CREATE INDEX api_keys_by_created_at ON api_keys (created_at, id COLLATE "C");
CREATE INDEX api_keys_of_agent_by_created_at ON api_keys (agent_id, created_at, id COLLATE "C");

-- For operators: what somebody made. Partial, since a row has one creator at most.
CREATE INDEX api_keys_by_creator_user ON api_keys (creator_user_id) WHERE creator_user_id IS NOT NULL;
CREATE INDEX api_keys_by_creator_service_account
    ON api_keys (creator_service_account_id) WHERE creator_service_account_id IS NOT NULL;
