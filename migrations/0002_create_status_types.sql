-- The words of statuses and input types, with the labels agentex uses, so that its database can be adopted.
--
-- PostgreSQL has no CREATE TYPE IF NOT EXISTS: where the type is there already, it is left as it is.
DO $$ BEGIN
    CREATE TYPE agentstatus AS ENUM
        ('PENDING', 'BUILDING', 'READY', 'FAILED', 'UNKNOWN', 'DELETED', 'UNHEALTHY', 'BUILD_ONLY');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    CREATE TYPE taskstatus AS ENUM
        ('CANCELED', 'COMPLETED', 'FAILED', 'RUNNING', 'TERMINATED', 'TIMED_OUT', 'DELETED', 'INTERRUPTED');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    CREATE TYPE agentinputtype AS ENUM ('TEXT', 'JSON');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
