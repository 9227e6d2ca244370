-- Whether there are dual writes: per kind of resource and per account, turned while gateways run. The tables are new.
--
-- An empty account is every account without a switch of its own. What nobody has turned is on.
CREATE TABLE dual_write_switches (
    resource_kind text NOT NULL,
    account       text COLLATE "C" NOT NULL,
    mode          text NOT NULL CHECK (mode IN ('off', 'shadow', 'on')),
    turned_at     timestamptz NOT NULL,
    turned_by     text NOT NULL,
    reason        text NOT NULL,
    CONSTRAINT dual_write_switches_pkey PRIMARY KEY (resource_kind, account)
);

-- Who turned which, when, and why. Nothing is ever taken out of here.
CREATE TABLE dual_write_switch_changes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resource_kind text NOT NULL,
    account       text COLLATE "C" NOT NULL,
    from_mode     text,
    to_mode       text NOT NULL,
    turned_at     timestamptz NOT NULL,
    turned_by     text NOT NULL,
    reason        text NOT NULL
);

-- How the switch stands: the account's own, else the one for all, else on.
CREATE FUNCTION dual_write_mode(of_kind text, of_account text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT COALESCE(
        (SELECT mode FROM dual_write_switches WHERE resource_kind = of_kind AND account = of_account),
        (SELECT mode FROM dual_write_switches WHERE resource_kind = of_kind AND account = ''),
        'on')
$$;
