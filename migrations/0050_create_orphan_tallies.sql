-- How many orphans comparisons have found and repaired, whichever process made them: gateways expose these as
-- metrics, and a command that has ended cannot. The table is new, and has a row for each kind and direction.
CREATE TABLE orphan_tallies (
    resource_kind text NOT NULL,
    direction     text NOT NULL CHECK (direction IN ('row', 'registration')),
    found         bigint NOT NULL DEFAULT 0,
    repaired      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (resource_kind, direction)
);
