-- Channels: messages, and who subscribes for good.

-- Numbered in the order of their commits: who publishes waits for who does, up to the end.
CREATE TABLE workmill.message (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    published_at bigint NOT NULL,
    id text COLLATE "C" NOT NULL UNIQUE,
    channel text COLLATE "C" NOT NULL,
    data text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX message_channel ON workmill.message (channel, number);
CREATE INDEX message_age ON workmill.message (published_at);

CREATE TABLE workmill.subscription (
    channel text COLLATE "C" NOT NULL,
    task text COLLATE "C" NOT NULL,
    queue text NOT NULL,
    priority integer NOT NULL,
    policy text NOT NULL,
    parameter text NOT NULL,
    PRIMARY KEY (channel, task)
);

CREATE FUNCTION workmill.declare_subscriptions(request text) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO workmill.subscription (channel, task, queue, priority, policy, parameter)
    SELECT a.channel, a.task, a.queue, a.priority, a.policy, a.parameter
    FROM json_to_recordset(request::json) AS a (
        channel text, task text, queue text, priority integer, policy text, parameter text
    ) ORDER BY a.channel, a.task
    ON CONFLICT (channel, task) DO UPDATE SET
        queue = excluded.queue, priority = excluded.priority, policy = excluded.policy, parameter = excluded.parameter
$$;

-- Store messages, and jobs with them, all or none. The first row is as for `enqueue_ruled`, then come the jobs; messages
-- come last, with their numbers, by places.
CREATE FUNCTION workmill.publish(request text) RETURNS TABLE (
    said text, detail text, number bigint, published_at bigint, id text, channel text, data text
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    asked json := request;
    moment bigint := workmill.clock();
    drafts workmill.draft[];
    stored record;
    followed jsonb;
BEGIN
    BEGIN
        drafts := ARRAY(SELECT j FROM json_populate_recordset(NULL::workmill.draft, asked -> 'jobs') AS j);
        IF cardinality(drafts) > 0 THEN
            SELECT * INTO stored FROM workmill.store(drafts, true, '{}', moment);
            followed := stored.followed;
        END IF;
        -- Last, and until the commit: what a reader sees is all there is before it.
        PERFORM pg_advisory_xact_lock(hashtext('workmill.message'), 0);
        INSERT INTO workmill.message (id, channel, data, published_at)
        SELECT m.id, m.channel, m.data, moment
        FROM json_array_elements(asked -> 'messages') WITH ORDINALITY AS e (message, place)
        CROSS JOIN LATERAL json_to_record(e.message) AS m (id text, channel text, data text)
        ORDER BY e.place
        ON CONFLICT DO NOTHING;
    EXCEPTION
        WHEN SQLSTATE 'WM001' THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            said := 'refused';
            RETURN NEXT;
            RETURN;
        WHEN unique_violation THEN
            RETURN;
    END;
    said := 'stored';
    detail := followed;
    RETURN NEXT;
    RETURN QUERY SELECT 'message', NULL, m.number, m.published_at, m.id, m.channel, m.data
    FROM json_array_elements(asked -> 'messages') WITH ORDINALITY AS e (message, place)
    JOIN workmill.message AS m ON m.id = e.message ->> 'id' ORDER BY e.place;
END $$;
