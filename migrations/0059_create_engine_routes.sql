-- Which authorization engine answers: per kind of resource and per account, changed while gateways run. The tables are new.
--
-- An empty account is every account without a route of its own. What nobody has routed goes to the configured engine.
CREATE TABLE engine_routes (
    resource_kind text NOT NULL,
    account       text COLLATE "C" NOT NULL,
    engine        text NOT NULL,
    shadow        text,
    routed_at     timestamptz NOT NULL,
    routed_by     text NOT NULL,
    reason        text NOT NULL,
    CONSTRAINT engine_routes_pkey PRIMARY KEY (resource_kind, account)
);

-- Who changed which, when, and why; without an engine after it, a route was taken away. Nothing is ever taken out of here.
CREATE TABLE engine_route_changes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resource_kind text NOT NULL,
    account       text COLLATE "C" NOT NULL,
    from_engine   text,
    from_shadow   text,
    to_engine     text,
    to_shadow     text,
    routed_at     timestamptz NOT NULL,
    routed_by     text NOT NULL,
    reason        text NOT NULL
);
