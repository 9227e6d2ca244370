-- For which account a dual write is, by which it is switched, and the version of what intents mean: a gateway leaves
-- those of a newer version alone. Older gateways write neither, and mean version 1. A nullable column and a constant
-- default are changes of the catalogue only.
ALTER TABLE intents
    ADD COLUMN account text COLLATE "C",
    ADD COLUMN schema_version integer NOT NULL DEFAULT 1;
