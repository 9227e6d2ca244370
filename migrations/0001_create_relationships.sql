-- The authorization graph: each row says that a subject stands in a relation to a resource.
--
-- It lives beside the rows it protects, so that one statement can answer a check and a list can be
-- filtered by a join. The words are those of `authz::schema`; what they allow is decided there, not here.
-- The collation is "C": ids are opaque, and are compared and sorted by their bytes.
CREATE TABLE relationships (
    resource_kind text COLLATE "C" NOT NULL,
    resource_id   text COLLATE "C" NOT NULL,
    relation      text COLLATE "C" NOT NULL,
    subject_kind  text COLLATE "C" NOT NULL,
    subject_id    text COLLATE "C" NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    -- Checks start at the resource.
    CONSTRAINT relationships_pkey PRIMARY KEY (resource_kind, resource_id, relation, subject_kind, subject_id),
    CONSTRAINT relationships_resource_id_not_empty CHECK (resource_id <> ''),
    CONSTRAINT relationships_subject_id_not_empty CHECK (subject_id <> '')
);

-- Lists start at the subject.
CREATE INDEX relationships_by_subject
    ON relationships (subject_kind, subject_id, resource_kind, relation, resource_id);
