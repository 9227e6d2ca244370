-- Which engines elsewhere have their lists found in the relationships here, and how that stands: up to which moment of the
-- engine they know of everything, and whether all from before is in them. A new table, which the last version does not know.
CREATE TABLE IF NOT EXISTS relationship_indexes (
    engine     text        PRIMARY KEY,
    epoch      bigint      GENERATED ALWAYS AS IDENTITY,
    reached    text        NOT NULL,
    complete   boolean     NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT now()
);
