-- no-transaction
-- The events of an agent in order. Named as in agentex, which may have it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_events_agent_order
    ON events (agent_id, sequence_id);
