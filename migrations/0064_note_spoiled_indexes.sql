-- An index of relationships that something was missed for while it was made never becomes complete: it has to be made anew.
-- The last version does not know the column, and leaves it as it is.
ALTER TABLE relationship_indexes ADD COLUMN IF NOT EXISTS spoiled boolean NOT NULL DEFAULT false;
