-- Labels that agentex gained over time, for a database that stopped at an older revision.
--
-- Adding a label takes no lock on any table. No file that uses one may stand in the same transaction,
-- which is why these are not in 0002.
ALTER TYPE agentstatus ADD VALUE IF NOT EXISTS 'DELETED';
ALTER TYPE agentstatus ADD VALUE IF NOT EXISTS 'UNHEALTHY';
ALTER TYPE agentstatus ADD VALUE IF NOT EXISTS 'BUILD_ONLY';
ALTER TYPE taskstatus ADD VALUE IF NOT EXISTS 'DELETED';
ALTER TYPE taskstatus ADD VALUE IF NOT EXISTS 'INTERRUPTED';
