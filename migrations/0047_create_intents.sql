-- Dual writes that have begun and are not settled: rows and relationships change in two places, and an intent
-- says which of the two may be ahead. The table is new, and small at all times.
CREATE TABLE intents (
    id            text COLLATE "C" PRIMARY KEY,
    op            text NOT NULL CHECK (op IN ('register', 'deregister')),
    resource_kind text NOT NULL,
    resource_id   text COLLATE "C" NOT NULL,
    stage         text NOT NULL CHECK (stage IN ('open', 'undoing', 'undone')),
    twice         boolean NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    opened_at     timestamptz NOT NULL,
    due_at        timestamptz NOT NULL
);

-- The reconciler takes what is due, oldest first.
CREATE INDEX intents_by_due_at ON intents (due_at);
