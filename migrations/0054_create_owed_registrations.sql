-- Rows that stand without their relationships, because dual writes were off or only shadowed: what is to be registered.
-- The table is new, and empty while every switch is on.
CREATE TABLE owed_registrations (
    resource_kind text NOT NULL,
    resource_id   text COLLATE "C" NOT NULL,
    account       text COLLATE "C" NOT NULL,
    owner_kind    text NOT NULL,
    owner_id      text NOT NULL,
    parent_kind   text,
    parent_id     text,
    attempts      integer NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT owed_registrations_pkey PRIMARY KEY (resource_kind, resource_id)
);

-- Reconcilers take what is due of the accounts that are not off, and pass over the others as a whole.
CREATE INDEX owed_registrations_of_account ON owed_registrations (resource_kind, account, due_at);
