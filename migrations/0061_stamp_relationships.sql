-- A relationship says when its task or agent came into being, and the row says the same, whoever writes them and whichever is
-- there first: the last version does not know of this, and people write by hand. So triggers see to it. Making one takes a
-- lock that writers wait for, for a moment.

-- As the row says, or, where there is none yet, as the relationships do that were there first; the first of all says now.
CREATE FUNCTION stamp_relationship() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.resource_created_at := COALESCE(
        CASE NEW.resource_kind
            WHEN 'task' THEN (SELECT COALESCE(created_at, 'epoch') FROM tasks WHERE id = NEW.resource_id COLLATE "default")
            WHEN 'agent' THEN (SELECT COALESCE(created_at, 'epoch') FROM agents WHERE id = NEW.resource_id COLLATE "default")
        END,
        (SELECT resource_created_at FROM relationships
         WHERE resource_kind = NEW.resource_kind AND resource_id = NEW.resource_id AND resource_created_at IS NOT NULL
         LIMIT 1),
        now());
    RETURN NEW;
END
$$;

CREATE TRIGGER stamp_relationship BEFORE INSERT ON relationships
    FOR EACH ROW WHEN (NEW.resource_created_at IS NULL) EXECUTE FUNCTION stamp_relationship();

-- A row came into being when it was registered. What was only made has not changed since.
CREATE FUNCTION stamp_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    registered timestamptz := (SELECT resource_created_at FROM relationships
        WHERE resource_kind = TG_ARGV[0] AND resource_id = NEW.id AND resource_created_at IS NOT NULL LIMIT 1);
BEGIN
    IF registered IS NOT NULL THEN
        IF NEW.updated_at = NEW.created_at THEN
            NEW.updated_at := registered;
        END IF;
        NEW.created_at := registered;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER stamp_row BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION stamp_row('task');
CREATE TRIGGER stamp_row BEFORE INSERT ON agents FOR EACH ROW EXECUTE FUNCTION stamp_row('agent');

-- Whoever gives a row another time gives it to its relationships. No statement of ours does.
CREATE FUNCTION stamp_relationships_of_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE relationships SET resource_created_at = COALESCE(NEW.created_at, 'epoch')
    WHERE resource_kind = TG_ARGV[0] AND resource_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER stamp_relationships_of_row AFTER UPDATE OF created_at ON tasks
    FOR EACH ROW EXECUTE FUNCTION stamp_relationships_of_row('task');
CREATE TRIGGER stamp_relationships_of_row AFTER UPDATE OF created_at ON agents
    FOR EACH ROW EXECUTE FUNCTION stamp_relationships_of_row('agent');
