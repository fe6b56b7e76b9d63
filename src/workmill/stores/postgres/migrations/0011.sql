-- What follows from the ends of jobs.

-- Let follow what follows from the end of those of these jobs that have ended by an earlier statement: whoever stored a
-- follower meanwhile came before that, or sees them ended. Answers what is to be told.
--
-- Locks are taken in one order everywhere: attempts, jobs, schedules, rules, lanes, then the rows of what waits. So the
-- lanes of who claims afterwards are locked at once. And rows of ends, for which those wait who store followers, are
-- written before the lanes are locked, as far as it is known.
CREATE FUNCTION workmill.follow(
    seqs bigint[], moment bigint, from_queues text[] DEFAULT NULL, of_tasks text[] DEFAULT '{}'
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    ended bigint[];
    lanes integer[];
    touched bigint[];
    spoilt bigint[];
BEGIN
    SELECT array_agg(awaited.seq) INTO ended FROM workmill.awaited
    WHERE awaited.seq = ANY (seqs) AND EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = awaited.seq);
    IF ended IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT b.lanes, b.touched INTO lanes, touched FROM workmill.behind(ended) AS b;
    IF touched IS NOT NULL THEN
        PERFORM workmill.lock_jobs(touched);
    END IF;
    PERFORM workmill.lock_schedules(ended || touched);
    IF touched IS NOT NULL THEN
        spoilt := workmill.spoil_behind(ended, moment);
    END IF;
    IF lanes IS NOT NULL THEN
        PERFORM workmill.lock_rules();
        PERFORM workmill.lock_lanes(lanes || ARRAY(
            SELECT lane.lane FROM workmill.lane
            WHERE task = ANY (of_tasks) AND (from_queues IS NULL OR queue = ANY (from_queues))
        ));
    END IF;
    RETURN workmill.follow_all(ended, spoilt, moment, false);
END $$;

-- The same with the locks taken, and with those ended already that are spoilt by these. Jobs that are all stored in this
-- very transaction (`are_new`) are nobody else's business yet.
CREATE FUNCTION workmill.follow_all(
    ended bigint[], spoilt_by_them bigint[], moment bigint, are_new boolean
) RETURNS jsonb LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    front bigint[] := ended || spoilt_by_them;
    schedules text[];
    is_due boolean := false;
    freed bigint[];
    spoilt bigint[];
    fates text[];
    culprits text[];
    all_freed bigint[] := '{}';
    all_spoilt bigint[] := coalesce(spoilt_by_them, '{}');
BEGIN
    LOOP
        WITH gone AS (
            DELETE FROM workmill.awaited WHERE awaited.seq = ANY (front) RETURNING awaited.seq, awaited.schedule
        )
        SELECT array_agg(gone.seq), array_agg(gone.schedule) FILTER (WHERE gone.schedule IS NOT NULL)
        INTO front, schedules FROM gone;
        EXIT WHEN front IS NULL;
        IF schedules IS NOT NULL THEN
            is_due := workmill.loop_on(schedules, front, moment) OR is_due;
        END IF;
        WITH hit AS MATERIALIZED (
            SELECT
                b.seq, count(*) AS ends, count(*) FILTER (WHERE NOT b.is_rule) AS named,
                bool_or(b.state = 'failed' AND NOT b.is_rule) AS has_failure,
                (array_agg(b.state ORDER BY b.place)
                    FILTER (WHERE NOT b.is_rule AND b.state <> 'succeeded'))[1] AS culprit_state,
                (array_agg(b.parent_id ORDER BY b.place)
                    FILTER (WHERE NOT b.is_rule AND b.state <> 'succeeded'))[1] AS culprit
            FROM unnest(front) AS f (seq) CROSS JOIN LATERAL (
                SELECT bond.*, done.state FROM workmill.bond JOIN workmill.done ON done.seq = f.seq
                WHERE bond.parent = f.seq OFFSET 0
            ) AS b
            GROUP BY b.seq ORDER BY b.seq
        ), counted AS (
            UPDATE workmill.waiting AS w SET
                missing = w.missing - hit.ends, named_missing = w.named_missing - hit.named,
                has_failure = w.has_failure OR hit.has_failure
            FROM hit WHERE w.seq = hit.seq
            RETURNING w.seq, hit.culprit,
                workmill.fate(w.needs, w.missing, w.named_missing, w.has_failure, hit.culprit_state) AS fate
        )
        SELECT
            array_agg(counted.seq) FILTER (WHERE counted.fate = 'free'),
            array_agg(counted.seq) FILTER (WHERE counted.fate <> 'free'),
            array_agg(counted.fate) FILTER (WHERE counted.fate <> 'free'),
            array_agg(counted.culprit) FILTER (WHERE counted.fate <> 'free')
        INTO freed, spoilt, fates, culprits FROM counted;
        all_freed := all_freed || freed;
        EXIT WHEN spoilt IS NULL;
        PERFORM workmill.spoil(spoilt, fates, culprits, moment);
        front := spoilt || workmill.spoil_behind(spoilt, moment);
        all_spoilt := all_spoilt || front;
    END LOOP;
    RETURN workmill.told(
        workmill.release(all_freed, moment, are_new),
        CASE WHEN is_due OR cardinality(all_spoilt) > 0 THEN jsonb_build_object(
            'queues', '[]'::jsonb, 'scheduled', is_due,
            'ids', (
                SELECT coalesce(jsonb_agg(j.id), '[]')
                FROM unnest(all_spoilt) AS s (seq) JOIN workmill.job AS j ON j.seq = s.seq
            )
        ) END
    );
END $$;

-- All who need the success of these, which have ended, or of one another, and will not get it: locked, and what becomes
-- of each by whom.
CREATE FUNCTION workmill.spoilt_by(
    ended bigint[], OUT seqs bigint[], OUT fates text[], OUT culprits text[]
) LANGUAGE plpgsql AS $$
BEGIN
    WITH RECURSIVE spoilt (seq, fate, place, culprit, is_near) AS (
        SELECT b.seq, done.state, b.place, b.parent_id, true
        FROM unnest(ended) AS e (seq)
        JOIN workmill.done ON done.seq = e.seq AND done.state <> 'succeeded'
        CROSS JOIN LATERAL (SELECT * FROM workmill.needy(e.seq) OFFSET 0) AS b
        UNION
        SELECT b.seq, spoilt.fate, b.place, b.parent_id, false
        FROM spoilt CROSS JOIN LATERAL (SELECT * FROM workmill.needy(spoilt.seq) OFFSET 0) AS b
    )
    SELECT array_agg(one.seq), array_agg(one.fate), array_agg(one.culprit) INTO seqs, fates, culprits
    FROM (
        SELECT DISTINCT ON (spoilt.seq) * FROM spoilt
        -- Where some fail and some are cancelled, one at a time: what becomes of the next is not certain yet.
        WHERE spoilt.is_near OR (SELECT count(DISTINCT kind.fate) FROM spoilt AS kind) = 1
        ORDER BY spoilt.seq, spoilt.place
    ) AS one
    CROSS JOIN LATERAL (SELECT 1 FROM workmill.waiting WHERE waiting.seq = one.seq FOR UPDATE) AS locked;
END $$;

-- Who waits for the success of a job.
CREATE FUNCTION workmill.needy(of_seq bigint) RETURNS SETOF workmill.bond LANGUAGE sql STABLE AS $$
    SELECT bond.* FROM workmill.bond
    CROSS JOIN LATERAL (SELECT waiting.needs FROM workmill.waiting WHERE waiting.seq = bond.seq OFFSET 0) AS w
    WHERE bond.parent = of_seq AND NOT bond.is_rule AND w.needs = 'success'
$$;

-- End at once whatever fails or is cancelled with jobs that have ended, however long the chain; answers what did.
CREATE FUNCTION workmill.spoil_behind(ended bigint[], moment bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    s record;
BEGIN
    SELECT * INTO s FROM workmill.spoilt_by(ended);
    IF s.seqs IS NOT NULL THEN
        PERFORM workmill.spoil(s.seqs, s.fates, s.culprits, moment);
    END IF;
    RETURN s.seqs;
END $$;

-- End jobs because of those that they follow.
CREATE FUNCTION workmill.spoil(
    seqs bigint[], fates text[], culprits text[], moment bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workmill.end_unstarted(
        array_agg(s.seq), array_agg(CASE s.fate WHEN 'failed' THEN 'failed' ELSE 'cancelled' END),
        array_agg(CASE s.fate WHEN 'failed' THEN workmill.failure_by(s.culprit) END),
        array_agg(workmill.reason_of(s.fate, s.culprit)), moment
    ) FROM unnest(seqs, fates, culprits) AS s (seq, fate, culprit);
END $$;

-- End jobs that do not run, each for a reason of its own; what follows from that is for the caller, in a statement after.
CREATE FUNCTION workmill.end_unstarted(
    seqs bigint[], states text[], failures text[], reasons text[], moment bigint
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    WITH gone AS MATERIALIZED (
        SELECT
            r.seq, j.lane, r.state AS was, r.attempt, r.deaths, r.token, r.version, r.engine, r.worker, r.started_at,
            r.cancel_requested_at, r.policy, coalesce(e.failure, r.failure) AS failure, e.state, e.reason
        FROM unnest(seqs, states, failures, reasons) AS e (seq, state, failure, reason)
        JOIN workmill.job AS j ON j.seq = e.seq
        JOIN workmill.job_row AS r ON r.seq = e.seq
    ), finished AS (
        INSERT INTO workmill.done (
            seq, finished_at, expires_at, started_at, cancel_requested_at, lane, attempt, deaths, token, version,
            engine, state, worker, failure, cancel_reason
        )
        SELECT
            gone.seq, moment, workmill.after(moment, workmill.keep_of(gone.policy)), gone.started_at,
            gone.cancel_requested_at, gone.lane, gone.attempt, gone.deaths, gone.token, gone.version + 1, gone.engine,
            gone.state, gone.worker, gone.failure, gone.reason
        FROM gone
    ), unlined AS (
        UPDATE workmill.job AS j SET xid = NULL FROM gone
        WHERE gone.was = 'queued' AND j.seq = gone.seq AND j.xid IS NOT NULL
    ), unpointed AS (
        DELETE FROM workmill.again USING gone
        WHERE gone.was = 'queued' AND again.lane = gone.lane AND again.seq = gone.seq
    ), unscheduled AS (
        DELETE FROM workmill.later USING gone WHERE later.seq = gone.seq
    ), awaiting AS (
        DELETE FROM workmill.waiting USING gone WHERE gone.was = 'waiting' AND waiting.seq = gone.seq
    ), unparted AS (
        DELETE FROM workmill.apart USING gone WHERE gone.was = 'queued' AND apart.seq = gone.seq
    ), unexpired AS (
        DELETE FROM workmill.expiry USING gone WHERE expiry.seq = gone.seq
    )
    INSERT INTO workmill.tally_change (lane, state, jobs)
    SELECT gone.lane, change.state, sum(change.jobs) FROM gone
    CROSS JOIN LATERAL (VALUES (gone.was, -1), (gone.state, 1)) AS change (state, jobs)
    GROUP BY gone.lane, change.state;
END $$;

-- Let waiting jobs go on; answers what is to be told.
CREATE FUNCTION workmill.release(seqs bigint[], moment bigint, are_new boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    -- Where the tables are seen as they were, marks cannot be lowered: the next promotion brings the jobs to their lines.
    is_fixed boolean := NOT are_new AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable');
    queued bigint[];
    told jsonb;
BEGIN
    IF cardinality(seqs) = 0 THEN
        RETURN NULL;
    END IF;
    WITH freed AS (
        DELETE FROM workmill.waiting WHERE waiting.seq = ANY (seqs) RETURNING waiting.seq, waiting.delay
    ), timed AS (
        UPDATE workmill.job AS j SET
            version = j.version + 1,
            run_at = CASE WHEN freed.delay > 0 THEN workmill.after(moment, freed.delay) ELSE j.run_at END,
            xid = CASE WHEN are_new AND j.gates IS NULL AND NOT (freed.delay > 0 OR j.run_at > moment) IS TRUE
                THEN pg_current_xact_id() END
        FROM freed WHERE j.seq = freed.seq RETURNING j.seq, j.id, j.lane, j.run_at, j.created_at, j.xid, freed.delay
    ), deferred AS (
        -- Until now it counted from the storing.
        UPDATE workmill.expiry
        SET begins_by = workmill.after(timed.run_at, expiry.begins_by - timed.created_at)
        FROM timed WHERE timed.delay > 0 AND expiry.seq = timed.seq
    ), placed AS MATERIALIZED (
        SELECT timed.*, timed.run_at > moment IS TRUE OR is_fixed AS is_scheduled FROM timed
    ), scheduled AS (
        UPDATE workmill.later SET state = 'scheduled', run_at = greatest(placed.run_at, moment)
        FROM placed WHERE placed.is_scheduled AND later.seq = placed.seq
    ), unscheduled AS (
        DELETE FROM workmill.later USING placed WHERE NOT placed.is_scheduled AND later.seq = placed.seq
    ), counted AS (
        INSERT INTO workmill.tally_change (lane, state, jobs)
        SELECT placed.lane, change.state, sum(change.jobs) FROM placed
        CROSS JOIN LATERAL (
            VALUES ('waiting', -1), (CASE WHEN placed.is_scheduled THEN 'scheduled' ELSE 'queued' END, 1)
        ) AS change (state, jobs)
        GROUP BY placed.lane, change.state
    )
    SELECT
        array_agg(placed.seq) FILTER (WHERE NOT placed.is_scheduled AND placed.xid IS NULL),
        jsonb_build_object(
            'queues', coalesce(jsonb_agg(DISTINCT lane.queue) FILTER (WHERE NOT placed.is_scheduled), '[]'),
            'scheduled', bool_or(placed.is_scheduled), 'ids', jsonb_agg(placed.id)
        )
    INTO queued, told FROM placed JOIN workmill.lane ON lane.lane = placed.lane;
    IF queued IS NOT NULL THEN
        PERFORM workmill.line_up(queued);
    END IF;
    RETURN told;
END $$;
