-- The duties that keep the tables in order, and the leases of workers.

-- Queue what is due, looking from a moment on, and what rates held back; answers the ids and queues, how long until the
-- next is due, and the moment before which nothing is left. What may not begin any more is left alone.
CREATE FUNCTION workmill.promote(wanted integer, since bigint)
RETURNS TABLE (ids text[], queues text[], next_in bigint, reached bigint) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment bigint := workmill.clock();
    next_at bigint;
    seqs bigint[];
BEGIN
    WITH due AS MATERIALIZED (
        SELECT later.seq, later.run_at FROM workmill.later
        WHERE later.run_at >= since AND later.run_at <= moment AND NOT EXISTS (
            SELECT 1 FROM workmill.expiry WHERE expiry.seq = later.seq AND expiry.begins_by <= moment
        )
        ORDER BY later.run_at, later.seq LIMIT wanted
    ), locked AS MATERIALIZED (
        SELECT j.seq, j.id, j.lane FROM due JOIN workmill.job AS j ON j.seq = due.seq FOR UPDATE OF j SKIP LOCKED
    ), promoted AS (
        DELETE FROM workmill.later USING locked WHERE later.seq = locked.seq
        RETURNING later.seq, later.state, locked.id, locked.lane
    ), changed AS (
        UPDATE workmill.job AS j SET version = j.version + 1 FROM promoted WHERE j.seq = promoted.seq
    ), counted AS (
        INSERT INTO workmill.tally_change (lane, state, jobs)
        SELECT promoted.lane, change.state, sum(change.jobs) FROM promoted
        CROSS JOIN LATERAL (VALUES (promoted.state, -1), ('queued', 1)) AS change (state, jobs)
        GROUP BY promoted.lane, change.state
    )
    SELECT array_agg(promoted.id), array_agg(promoted.seq), array_agg(DISTINCT lane.queue), (
        SELECT coalesce(
            min(due.run_at) FILTER (WHERE locked.seq IS NULL),
            CASE WHEN count(*) < wanted THEN moment ELSE max(due.run_at) END
        ) FROM due LEFT JOIN locked ON locked.seq = due.seq
    )
    INTO ids, seqs, queues, reached
    FROM promoted JOIN workmill.lane ON lane.lane = promoted.lane;
    IF seqs IS NOT NULL THEN
        PERFORM workmill.line_up(seqs);
    END IF;
    SELECT promote.queues || rates.queues, rates.next_at INTO queues, next_at FROM workmill.open_rates(moment) AS rates;
    next_at := least(
        next_at,
        (
            SELECT later.run_at FROM workmill.later
            WHERE later.run_at >= since AND later.run_at < 9223372036854775807 ORDER BY later.run_at LIMIT 1
        ),
        (SELECT expiry.begins_by FROM workmill.expiry ORDER BY expiry.begins_by LIMIT 1)
    );
    next_in := CASE WHEN next_at IS NOT NULL THEN greatest(next_at - moment, 0) END;
    RETURN NEXT;
END $$;

-- Delete final jobs past their keep time, looking from a moment on, with all that was kept about them, and tidy up;
-- answers how many, and the moment before which nothing is left. A job that one follows which has not ended is looked at
-- again after an hour.
CREATE FUNCTION workmill.prune(wanted integer, since bigint) RETURNS TABLE (pruned integer, reached bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment bigint := workmill.clock();
    seqs bigint[];
    flows text[];
BEGIN
    SELECT array_agg(due.seq), CASE WHEN count(*) < wanted THEN moment ELSE max(due.expires_at) END INTO seqs, reached
    FROM (
        SELECT done.seq, done.expires_at FROM workmill.done
        WHERE done.expires_at >= since AND done.expires_at <= moment
        ORDER BY done.expires_at LIMIT wanted FOR UPDATE SKIP LOCKED
    ) AS due;
    -- By a statement of its own: who follows one of them has locked it until then.
    IF EXISTS (SELECT 1 FROM workmill.bond WHERE bond.parent = ANY (seqs)) THEN
        UPDATE workmill.done SET expires_at = workmill.after(moment, 3600000000)
        WHERE done.seq = ANY (seqs) AND EXISTS (
            SELECT 1 FROM workmill.bond WHERE bond.parent = done.seq
            AND NOT EXISTS (SELECT 1 FROM workmill.done AS child WHERE child.seq = bond.seq)
        );
    END IF;
    WITH gone AS (
        DELETE FROM workmill.done WHERE done.seq = ANY (seqs) AND done.expires_at <= moment
        RETURNING done.seq, done.lane, done.state
    ), attempts AS (
        DELETE FROM workmill.attempt USING gone WHERE attempt.seq = gone.seq
    ), bonds AS (
        DELETE FROM workmill.bond USING gone WHERE bond.seq = gone.seq
    ), jobs AS (
        DELETE FROM workmill.job USING gone WHERE job.seq = gone.seq RETURNING job.lane, job.key, job.flow
    ), keys AS (
        DELETE FROM workmill.key USING jobs JOIN workmill.lane ON lane.lane = jobs.lane
        WHERE key.task = lane.task AND key.key = jobs.key
    ), counted AS (
        INSERT INTO workmill.tally_change (lane, state, jobs)
        SELECT gone.lane, gone.state, -count(*) FROM gone GROUP BY gone.lane, gone.state
    )
    SELECT count(*), array_agg(DISTINCT jobs.flow) FILTER (WHERE jobs.flow IS NOT NULL) INTO pruned, flows FROM jobs;
    IF flows IS NOT NULL THEN
        PERFORM workmill.forget_flows(flows);
    END IF;
    DELETE FROM workmill.message WHERE message.published_at <= moment - 3600000000;
    DELETE FROM workmill.worker WHERE worker.lease_ends_at <= moment - 86400000000
    AND NOT EXISTS (SELECT 1 FROM workmill.held WHERE held.worker = worker.id);
    DELETE FROM workmill.mark USING workmill.lane
    WHERE mark.lane = lane.lane AND mark.number < (
        SELECT newest.number FROM workmill.mark AS newest WHERE newest.lane = lane.lane
        ORDER BY newest.number DESC LIMIT 1
    );
    PERFORM workmill.forget_rules(seqs, moment);
    RETURN NEXT;
END $$;

-- Add changes of the tally up, and answer how many.
CREATE FUNCTION workmill.add_up(most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    added integer;
BEGIN
    -- One at a time: two that add up at once would only wait for each other.
    IF NOT pg_try_advisory_xact_lock(hashtext('workmill.tally'), 0) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM workmill.tally_change WHERE ctid = ANY (ARRAY(SELECT ctid FROM workmill.tally_change LIMIT most))
        RETURNING lane, state, jobs
    ), summed AS (
        INSERT INTO workmill.tally AS t (lane, state, jobs)
        SELECT gone.lane, gone.state, sum(gone.jobs) FROM gone GROUP BY gone.lane, gone.state ORDER BY 1, 2
        ON CONFLICT (lane, state) DO UPDATE SET jobs = t.jobs + excluded.jobs
    )
    SELECT count(*) INTO added FROM gone;
    RETURN added;
END $$;

-- Prolong a live lease; where nobody leads, this worker does from now on.
CREATE FUNCTION workmill.renew(
    wanted text, OUT is_live boolean, OUT is_leader boolean, OUT told text
) LANGUAGE plpgsql AS $$
DECLARE
    moment bigint := workmill.clock();
    leader text;
BEGIN
    UPDATE workmill.worker SET lease_ends_at = greatest(lease_ends_at, workmill.after(moment, lease))
    WHERE id = wanted AND lease_ends_at > moment RETURNING worker.ordered INTO told;
    is_live := FOUND;
    is_leader := false;
    IF is_live THEN
        SELECT id INTO leader FROM workmill.worker WHERE leads AND lease_ends_at > moment;
        IF leader IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('workmill.leader'), 0);
            SELECT id INTO leader FROM workmill.worker WHERE leads AND lease_ends_at > moment;
        END IF;
        IF leader IS NULL THEN
            -- The old leader's mark goes first: no two rows may bear it.
            UPDATE workmill.worker SET leads = false WHERE leads;
            UPDATE workmill.worker SET leads = true WHERE id = wanted;
            leader := wanted;
        END IF;
        is_leader := leader = wanted;
    END IF;
END $$;

-- Note an order for workers; answers those that live. One that was told to stop keeps that order.
CREATE FUNCTION workmill.give_order(wanted text[], what text) RETURNS TABLE (id text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    moment bigint := workmill.clock();
BEGIN
    -- In one order, so that no two who give orders wait for each other.
    PERFORM 1 FROM workmill.worker WHERE id = ANY (wanted) ORDER BY seq FOR UPDATE;
    RETURN QUERY UPDATE workmill.worker AS w SET ordered = CASE WHEN ordered = 'stop' THEN ordered ELSE what END
    WHERE w.id = ANY (wanted) AND w.lease_ends_at > moment RETURNING w.id;
END $$;

-- A dump that is loaded into another server brings transaction numbers that this server has not reached: marks would
-- pass over all that is stored from now on. Then all queued jobs are pointed to by place, and the marks begin anew.
CREATE FUNCTION workmill.adopt() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    -- Each look compares with its own snapshot: what it sees of this server's own is always before that.
    IF NOT EXISTS (SELECT 1 FROM workmill.mark WHERE mark.xid >= pg_snapshot_xmax(pg_current_snapshot()))
    AND NOT EXISTS (
        SELECT 1 FROM workmill.lane CROSS JOIN LATERAL (
            SELECT job.xid FROM workmill.job WHERE job.lane = lane.lane AND job.xid IS NOT NULL
            ORDER BY job.xid DESC LIMIT 1
        ) AS last WHERE last.xid >= pg_snapshot_xmax(pg_current_snapshot())
    ) THEN
        RETURN false;
    END IF;
    PERFORM workmill.lock_lanes(array_agg(lane.lane)) FROM workmill.lane;
    -- Whoever waited for the locks finds it done.
    IF NOT EXISTS (SELECT 1 FROM workmill.mark WHERE mark.xid >= pg_snapshot_xmax(pg_current_snapshot()))
    AND NOT EXISTS (SELECT 1 FROM workmill.job WHERE job.xid >= pg_snapshot_xmax(pg_current_snapshot())) THEN
        RETURN false;
    END IF;
    INSERT INTO workmill.again (lane, seq)
    SELECT job.lane, job.seq FROM workmill.job
    WHERE NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = job.seq)
    AND NOT EXISTS (SELECT 1 FROM workmill.held WHERE held.seq = job.seq)
    AND NOT EXISTS (SELECT 1 FROM workmill.later WHERE later.seq = job.seq)
    AND job.gates IS NULL
    ON CONFLICT DO NOTHING;
    UPDATE workmill.job SET xid = NULL WHERE xid IS NOT NULL;
    DELETE FROM workmill.mark;
    RETURN true;
END $$;
