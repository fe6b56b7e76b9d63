-- What is done in a transaction of a caller's, on a connection of a caller's, of which nothing is known: neither its
-- isolation level nor its settings nor its driver. So each verb is one function of one text, a JSON object.

CREATE TABLE workmill.identity (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);

INSERT INTO workmill.identity DEFAULT VALUES;

-- What tells this store from any other. A copy made on the same server bears the same number under another name.
CREATE FUNCTION workmill.store_name() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT identity.id || ' ' || current_database() FROM workmill.identity
$$;

-- Store jobs, all of them or, where one is known by its id or key, none. The first column says which: `stored`, and the
-- moment; `known`, and the jobs that are; nothing at all where others stored or pruned one of them just now, so that
-- the caller asks again; `ruled`, where a queue is bounded, so that they are to be stored in the way of ruled ones;
-- `elsewhere`, where this is not the store that was meant.
--
-- Nothing here fails because of what is stored: that would undo all that the caller has done so far. And nothing is
-- looked up in the table of lanes: a transaction may have begun before a lane was made, and never see it.
CREATE FUNCTION workmill.enqueue_within(request text) RETURNS TABLE (
    said text, moment bigint, seq bigint, id text, task text, queue text, priority integer, state text, args text,
    policy text, key text, attempt integer, deaths integer, token integer, version integer, progress text, result text,
    failure text, worker text, engine integer, created_at bigint, run_at bigint, started_at bigint, finished_at bigint,
    expires_at bigint, cancel_requested_at bigint, cancel_reason text, cancel_forced boolean, retry_of text, ties text
) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    asked json := request;
    ids text[];
    lanes integer[];
    tasks text[];
    arguments text[];
    policies text[];
    keys text[];
    delays bigint[];
    run_ats bigint[];
    retries_of text[];
    seqs bigint[];
    is_whole boolean;
BEGIN
    IF workmill.store_name() <> asked ->> 'store' THEN
        said := 'elsewhere';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT
        array_agg(n.id), array_agg(n.lane), array_agg(n.task), array_agg(n.args), array_agg(n.policy),
        array_agg(n.key), array_agg(n.delay), array_agg(n.run_at), array_agg(n.retry_of)
    INTO ids, lanes, tasks, arguments, policies, keys, delays, run_ats, retries_of
    FROM json_to_recordset(asked -> 'jobs') AS n (
        id text, lane integer, task text, args text, policy text, key text, delay bigint, run_at bigint,
        retry_of text
    );
    IF EXISTS (SELECT 1 FROM workmill.rule) AND EXISTS (
        SELECT 1 FROM unnest(lanes) AS l (lane) JOIN workmill.lane ON lane.lane = l.lane
        JOIN workmill.rule ON rule.scope = 'queue' AND rule.name = lane.queue AND rule.waiting IS NOT NULL
    ) THEN
        said := 'ruled';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT array_agg(known.seq) INTO seqs FROM (
        SELECT job.seq FROM unnest(ids) AS new (id) JOIN workmill.job ON job.id = new.id
        UNION
        SELECT named.seq FROM unnest(tasks, keys) AS new (task, key)
        JOIN workmill.key AS named ON named.task = new.task AND named.key = new.key
        WHERE new.key IS NOT NULL
    ) AS known;
    IF seqs IS NOT NULL THEN
        RETURN QUERY SELECT 'known', NULL::bigint, r.* FROM workmill.job_row AS r WHERE r.seq = ANY (seqs);
        IF NOT FOUND AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            RAISE EXCEPTION 'the transaction began before its job''s line of jobs was made; run it again'
                USING ERRCODE = 'serialization_failure';
        END IF;
        RETURN;
    END IF;
    moment := workmill.clock();
    WITH new AS MATERIALIZED (
        SELECT
            nextval('workmill.job_seq_seq') AS seq, n.id, n.lane, n.task, n.args, n.policy, n.key, n.retry_of,
            CASE WHEN n.delay > 0 THEN workmill.after(moment, n.delay) ELSE n.run_at END AS run_at
        FROM unnest(ids, lanes, tasks, arguments, policies, keys, delays, run_ats, retries_of)
            AS n (id, lane, task, args, policy, key, delay, run_at, retry_of)
    ), stored AS (
        INSERT INTO workmill.job (seq, id, lane, args, policy, key, retry_of, created_at, run_at, xid)
        SELECT
            new.seq, new.id, new.lane, new.args, new.policy, new.key, new.retry_of, moment, new.run_at,
            CASE WHEN new.run_at > moment THEN NULL ELSE pg_current_xact_id() END
        FROM new ORDER BY new.seq
        ON CONFLICT DO NOTHING RETURNING job.seq
    ), keyed AS (
        -- In one order everywhere, so that no two callers wait for each other.
        INSERT INTO workmill.key (task, key, seq)
        SELECT new.task, new.key, new.seq FROM new WHERE new.key IS NOT NULL ORDER BY new.task, new.key
        ON CONFLICT DO NOTHING RETURNING seq
    )
    SELECT
        array_agg(new.seq),
        count(*) = (SELECT count(*) FROM stored) AND count(new.key) = (SELECT count(*) FROM keyed)
    INTO seqs, is_whole FROM new;
    IF NOT is_whole THEN
        -- Another transaction, for whose end this one waited, was first; or the batch names one job twice.
        DELETE FROM workmill.key USING unnest(tasks, keys) AS new (task, key)
        WHERE key.task = new.task AND key.key = new.key AND key.seq = ANY (seqs);
        DELETE FROM workmill.job WHERE job.seq = ANY (seqs);
        RETURN;
    END IF;
    WITH stored AS MATERIALIZED (
        SELECT job.seq, job.lane, job.run_at, job.xid FROM workmill.job WHERE job.seq = ANY (seqs)
    ), waiting AS (
        INSERT INTO workmill.later (seq, run_at, lane, state)
        SELECT stored.seq, stored.run_at, stored.lane, 'scheduled' FROM stored WHERE stored.xid IS NULL
    )
    INSERT INTO workmill.tally_change (lane, state, jobs)
    SELECT stored.lane, CASE WHEN stored.xid IS NULL THEN 'scheduled' ELSE 'queued' END AS state, count(*)
    FROM stored GROUP BY 1, 2;
    PERFORM workmill.tell(asked -> 'notices');
    said := 'stored';
    RETURN NEXT;
END $$;

-- What is told within a transaction is heard after its commit.
CREATE FUNCTION workmill.tell(notices json) RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_notify(told.channel, told.payload)
    FROM json_to_recordset(notices) AS told (channel text, payload text)
$$;

-- How long the lease goes on under which a claim was made; NULL where there is no such claim or its lease has ended.
--
-- A transaction that sees the tables as they were when it began does not see a lease prolonged since. There it counts
-- whether the lease lived then: it goes on for at most its length.
CREATE FUNCTION workmill.lease_left(wanted text, with_token integer) RETURNS bigint LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    -- In this order: the beginning must not seem to be earlier than it was, when a lease may still have lived.
    age bigint := extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000000;
    moment bigint := workmill.clock();
    began bigint := moment;
    w record;
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        began := moment - age;
    END IF;
    SELECT worker.lease, worker.lease_ends_at INTO w
    FROM workmill.job JOIN workmill.held ON held.seq = job.seq JOIN workmill.worker ON worker.id = held.worker
    WHERE job.id = wanted AND held.token = with_token;
    RETURN CASE
        WHEN w.lease_ends_at > moment THEN w.lease_ends_at - moment
        WHEN w.lease_ends_at > began THEN w.lease
    END;
END $$;

-- End one attempt; answers the verdict, or `elsewhere` where this is not the store that was meant.
CREATE FUNCTION workmill.settle_within(request text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t record;
    time_left bigint;
    verdict text;
    followed jsonb;
BEGIN
    SELECT * INTO t FROM json_to_record(request::json) AS asked (
        store text, id text, token integer, state text, ending text, attempt integer, deaths integer, keep bigint,
        delay bigint, result text, failure text, reason text, notices json, followed json
    );
    IF workmill.store_name() <> t.store THEN
        RETURN 'elsewhere';
    END IF;
    -- Without a lock first: a claim that is none any more must not be kept from who takes the job.
    IF workmill.lease_left(t.id, t.token) IS NULL THEN
        RETURN 'stale';
    END IF;
    PERFORM 1 FROM workmill.job JOIN workmill.held ON held.seq = job.seq
    WHERE job.id = t.id AND held.token = t.token FOR UPDATE OF held;
    -- Locking may have meant waiting.
    time_left := workmill.lease_left(t.id, t.token);
    PERFORM workmill.end_when_idle(coalesce(time_left, 1000000));
    IF time_left IS NULL THEN
        RETURN 'stale';
    END IF;
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        -- Who follows it since this transaction began is not seen. But that there is one shows: then it must run again.
        INSERT INTO workmill.awaited (seq) SELECT job.seq FROM workmill.job WHERE job.id = t.id ON CONFLICT DO NOTHING;
    END IF;
    SELECT settled.verdicts[1], settled.followed INTO verdict, followed FROM workmill.settle(
        '{}', ARRAY[t.id], ARRAY[t.token], ARRAY[t.attempt], ARRAY[t.deaths], ARRAY[t.keep], ARRAY[t.result],
        ARRAY[t.state], ARRAY[t.ending], ARRAY[t.delay], ARRAY[t.failure], ARRAY[t.reason], '', 0, '{}', '{}', -1
    ) AS settled;
    IF verdict = 'applied' THEN
        PERFORM workmill.tell(t.notices);
    END IF;
    IF followed IS NOT NULL THEN
        PERFORM workmill.tell(t.followed);
    END IF;
    RETURN coalesce(verdict, 'stale');
END $$;

-- Let the server end this session when its transaction stays idle for so many microseconds: a client that was stopped
-- in the middle of it would hold its locks for as long as it is stopped. A shorter time that is set already stays.
CREATE FUNCTION workmill.end_when_idle(wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    setting text := 'idle_in_transaction_session_timeout';
    given bigint := extract(epoch FROM current_setting(setting)::interval) * 1000;
    most bigint := least(greatest(wanted / 1000, 1), 2147483647);
BEGIN
    IF given = 0 OR given > most THEN
        PERFORM set_config(setting, most::text, true);
    END IF;
END $$;
