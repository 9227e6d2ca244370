-- Says of each new relationship when its resource came into being: as its row says, or, where the row is not there yet, as
-- the relationships do that were there first; the first of all says now, and the row takes it from there. Whoever writes
-- relationships need not know. A trigger takes a lock that writers wait for, for a moment.
CREATE FUNCTION stamp_relationship() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.resource_created_at := COALESCE(
        CASE NEW.resource_kind
            WHEN 'task' THEN (SELECT COALESCE(created_at, 'epoch') FROM tasks WHERE id = NEW.resource_id COLLATE "default")
            WHEN 'agent' THEN (SELECT COALESCE(created_at, 'epoch') FROM agents WHERE id = NEW.resource_id COLLATE "default")
        END,
        (SELECT resource_created_at FROM relationships
         WHERE resource_kind = NEW.resource_kind AND resource_id = NEW.resource_id LIMIT 1),
        now());
    RETURN NEW;
END
$$;

CREATE TRIGGER stamp_relationship BEFORE INSERT ON relationships
    FOR EACH ROW WHEN (NEW.resource_created_at IS NULL) EXECUTE FUNCTION stamp_relationship();
