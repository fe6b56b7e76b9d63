-- Schedules.

-- Versions rise over all schedules, so that nothing made of a deleted one fits a new one of its name.
CREATE SEQUENCE workmill.schedule_version;

CREATE TABLE workmill.schedule (
    name text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    is_declared boolean NOT NULL,
    is_active boolean NOT NULL,
    next_at bigint,
    last_at bigint,
    last_seq bigint,
    last_job text COLLATE "C",
    created_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    pause bigint,
    overlap text NOT NULL,
    args text NOT NULL,
    plan text NOT NULL,
    declared text
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX schedule_due ON workmill.schedule (next_at, name) WHERE next_at IS NOT NULL;

CREATE FUNCTION workmill.is_unfinished(wanted bigint) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (SELECT 1 FROM workmill.job WHERE job.seq = wanted)
    AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = wanted)
$$;

-- Lock the schedules of unfinished jobs, after these and before any lane.
CREATE FUNCTION workmill.lock_schedules(seqs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    names text[] := ARRAY(
        SELECT DISTINCT awaited.schedule FROM workmill.awaited
        WHERE awaited.seq = ANY (seqs) AND awaited.schedule IS NOT NULL
    );
BEGIN
    IF cardinality(names) > 0 THEN
        PERFORM 1 FROM workmill.schedule WHERE schedule.name = ANY (names) ORDER BY schedule.name FOR UPDATE;
    END IF;
END $$;

-- Store a change of a schedule whose row is locked: one that is not active has no next time, nor has a loop while its
-- last job has not ended; and one that has neither is not active.
CREATE FUNCTION workmill.write_schedule(s workmill.schedule, moment bigint) RETURNS workmill.schedule
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    is_under_way boolean := s.pause IS NOT NULL AND workmill.is_unfinished(s.last_seq);
BEGIN
    s.is_active := s.is_active AND (is_under_way OR s.next_at IS NOT NULL);
    IF is_under_way OR NOT s.is_active THEN
        s.next_at := NULL;
    END IF;
    s.version := nextval('workmill.schedule_version');
    s.changed_at := moment;
    UPDATE workmill.schedule SET
        version = s.version, is_declared = s.is_declared, is_active = s.is_active, next_at = s.next_at,
        last_at = s.last_at, last_seq = s.last_seq, last_job = s.last_job, changed_at = s.changed_at, pause = s.pause,
        overlap = s.overlap, args = s.args, plan = s.plan, declared = s.declared
    WHERE name = s.name;
    RETURN s;
END $$;

-- Let loops whose last job has just ended be due after their pause.
CREATE FUNCTION workmill.loop_on(schedules text[], ended bigint[], moment bigint) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s workmill.schedule;
    is_due boolean := false;
BEGIN
    -- Whether they are active or loops, too, is looked at only when nobody else changes it.
    PERFORM 1 FROM workmill.schedule WHERE name = ANY (schedules) ORDER BY name FOR UPDATE;
    FOR s IN
        SELECT * FROM workmill.schedule
        WHERE name = ANY (schedules) AND last_seq = ANY (ended) AND is_active AND pause IS NOT NULL ORDER BY name
    LOOP
        s.next_at := workmill.after(moment, s.pause);
        s := workmill.write_schedule(s, moment);
        is_due := true;
    END LOOP;
    RETURN is_due;
END $$;

-- Return a schedule with its row locked; where there is none of its name, a blank one is made.
CREATE FUNCTION workmill.made_schedule(of_name text, moment bigint) RETURNS workmill.schedule LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s workmill.schedule;
BEGIN
    INSERT INTO workmill.schedule (name, version, is_declared, is_active, created_at, changed_at, overlap, args, plan)
    VALUES (of_name, 0, false, false, moment, moment, '', '', '') ON CONFLICT DO NOTHING;
    SELECT * INTO s FROM workmill.schedule WHERE name = of_name FOR UPDATE;
    RETURN s;
END $$;

-- Store schedules or edit them, all or none; answers which one is another than it was taken for, if one is.
CREATE FUNCTION workmill.put_schedules(request text) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    moment bigint := workmill.clock();
    asked record;
    s workmill.schedule;
    changed text;
BEGIN
    FOR asked IN
        SELECT * FROM json_to_recordset(request::json) AS a (
            name text, plan text, args text, pause bigint, overlap text, next_at bigint, is_active boolean, version bigint
        ) ORDER BY name
    LOOP
        s := workmill.made_schedule(asked.name, moment);
        IF asked.version IS NOT NULL AND asked.version <> s.version THEN
            PERFORM workmill.refuse(json_build_object('name', asked.name, 'version', nullif(s.version, 0)));
        END IF;
        s.plan := asked.plan;
        s.args := asked.args;
        s.pause := asked.pause;
        s.overlap := asked.overlap;
        s.next_at := asked.next_at;
        s.is_active := asked.is_active;
        PERFORM workmill.write_schedule(s, moment);
    END LOOP;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'WM001' THEN
        GET STACKED DIAGNOSTICS changed = PG_EXCEPTION_DETAIL;
        RETURN changed;
END $$;

-- Note what code says of schedules, unless that is what it said before.
CREATE FUNCTION workmill.declare_schedules(request text) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    moment bigint := workmill.clock();
    asked record;
    s workmill.schedule;
    is_due boolean := false;
BEGIN
    FOR asked IN
        SELECT * FROM json_to_recordset(request::json) AS a (
            name text, plan text, args text, pause bigint, overlap text, next_at bigint, is_active boolean
        ) ORDER BY name
    LOOP
        -- Without a lock first: whoever starts up declares the same again.
        CONTINUE WHEN EXISTS (
            SELECT 1 FROM workmill.schedule WHERE schedule.name = asked.name AND schedule.declared = asked.plan
        );
        s := workmill.made_schedule(asked.name, moment);
        CONTINUE WHEN s.declared = asked.plan;
        IF s.version = 0 THEN
            s.is_active := asked.is_active;
        END IF;
        s.plan := asked.plan;
        s.args := asked.args;
        s.pause := asked.pause;
        s.overlap := asked.overlap;
        s.next_at := asked.next_at;
        s.is_declared := true;
        s.declared := asked.plan;
        s := workmill.write_schedule(s, moment);
        is_due := is_due OR s.next_at IS NOT NULL;
    END LOOP;
    RETURN is_due;
END $$;

-- Start a schedule; answers `started`, or `active` where it is already, or `none`.
CREATE FUNCTION workmill.start_schedule(of_name text, at bigint, with_args text) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s workmill.schedule;
BEGIN
    SELECT * INTO s FROM workmill.schedule WHERE name = of_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'none';
    ELSIF s.is_active THEN
        RETURN 'active';
    END IF;
    IF with_args IS NOT NULL THEN
        s.args := with_args;
    END IF;
    s.is_active := true;
    s.next_at := at;
    PERFORM workmill.write_schedule(s, workmill.clock());
    RETURN 'started';
END $$;

-- Stop schedules and cancel their jobs that do not run, or all of them; answers what is to be told. Those that are not
-- stored are passed over.
CREATE FUNCTION workmill.stop_schedules(
    names text[], is_whole boolean, forgets boolean, OUT stopped text[], OUT followed jsonb
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    moment bigint := workmill.clock();
    s workmill.schedule;
    told jsonb;
BEGIN
    -- Their jobs come first, as for whoever ends one of them; what is added meanwhile is seen with the schedules locked.
    PERFORM 1 FROM workmill.awaited AS a CROSS JOIN LATERAL (
        SELECT 1 FROM workmill.held WHERE held.seq = a.seq FOR UPDATE
    ) AS h WHERE a.schedule = ANY (names) AND is_whole;
    PERFORM 1 FROM (
        SELECT j.seq, j.id FROM workmill.awaited AS a JOIN workmill.job AS j ON j.seq = a.seq
        WHERE a.schedule = ANY (names) ORDER BY j.id
    ) AS mine CROSS JOIN LATERAL (SELECT 1 FROM workmill.job WHERE job.seq = mine.seq FOR UPDATE) AS j
    WHERE is_whole OR NOT EXISTS (SELECT 1 FROM workmill.held WHERE held.seq = mine.seq);
    FOR s IN SELECT * FROM workmill.schedule WHERE name = ANY (names) ORDER BY name FOR UPDATE LOOP
        stopped := stopped || s.name;
        IF s.is_active THEN
            s.is_active := false;
            PERFORM workmill.write_schedule(s, moment);
        END IF;
        told := workmill.cancel_of(s.name, is_whole, 'schedule ' || s.name || ' was stopped');
        followed := workmill.told(followed, told);
    END LOOP;
    IF forgets THEN
        DELETE FROM workmill.schedule WHERE name = ANY (names);
    END IF;
END $$;

-- The jobs of a schedule that have not ended, in the order of storing.
CREATE FUNCTION workmill.unfinished_of(of_schedule text) RETURNS bigint[] LANGUAGE sql VOLATILE AS $$
    SELECT ARRAY(
        SELECT awaited.seq FROM workmill.awaited WHERE awaited.schedule = of_schedule
        AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = awaited.seq) ORDER BY awaited.seq
    )
$$;

-- Cancel the jobs of a schedule that do not run, or all of them, for a reason; answers what is to be told.
CREATE FUNCTION workmill.cancel_of(of_schedule text, is_whole boolean, why text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    ids text[];
    keeps bigint[];
BEGIN
    SELECT array_agg(j.id ORDER BY j.id), array_agg(workmill.keep_of(j.policy) ORDER BY j.id) INTO ids, keeps
    FROM unnest(workmill.unfinished_of(of_schedule)) AS a (seq) JOIN workmill.job AS j ON j.seq = a.seq
    WHERE (is_whole OR NOT EXISTS (SELECT 1 FROM workmill.held WHERE held.seq = a.seq));
    IF ids IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN workmill.cancel_for(ids, keeps, why);
END $$;

-- Let a schedule make its jobs. The first row says what became of it: `fired`, `skipped` or `stale`, with what is to be
-- told beside; `refused`, and why; or there is none at all where others stored one of the jobs just now, so that the
-- caller asks again. Then come the jobs, and whether they were created.
CREATE FUNCTION workmill.fire(request text) RETURNS TABLE (
    said text, detail text, created boolean, seq bigint, id text, task text, queue text, priority integer, state text,
    args text, policy text, key text, attempt integer, deaths integer, token integer, version integer, progress text,
    result text, failure text, worker text, engine integer, created_at bigint, run_at bigint, started_at bigint,
    finished_at bigint, expires_at bigint, cancel_requested_at bigint, cancel_reason text, cancel_forced boolean,
    retry_of text, ties text
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    asked record;
    s workmill.schedule;
    moment bigint := workmill.clock();
    drafts workmill.draft[];
    d workmill.draft;
    one record;
    behind bigint[];
    seqs bigint[] := '{}';
    makes boolean[] := '{}';
    told jsonb;
    followed jsonb;
BEGIN
    SELECT * INTO asked FROM json_to_record(request::json) AS a (
        schedule text, version bigint, at bigint, next_at bigint, most_queued integer, jobs json
    );
    drafts := ARRAY(SELECT j FROM json_populate_recordset(NULL::workmill.draft, asked.jobs) AS j);
    -- The attempts that may have to make room first, as for whoever ends them.
    PERFORM 1 FROM workmill.awaited AS a JOIN workmill.held ON held.seq = a.seq
    WHERE a.schedule = asked.schedule AND EXISTS (
        SELECT 1 FROM workmill.schedule WHERE schedule.name = asked.schedule AND schedule.overlap = 'cancel'
    ) FOR UPDATE OF held;
    SELECT * INTO s FROM workmill.schedule WHERE name = asked.schedule FOR UPDATE;
    IF NOT FOUND
    OR asked.version IS NOT NULL AND (NOT s.is_active OR s.version <> asked.version)
    OR asked.version IS NULL AND EXISTS (
        SELECT 1 FROM unnest(drafts) AS n JOIN workmill.job AS j ON j.id = n.id
    ) THEN
        said := 'stale';
        RETURN NEXT;
        RETURN;
    END IF;
    BEGIN
        FOREACH d IN ARRAY drafts LOOP
            behind := workmill.unfinished_of(s.name);
            CONTINUE WHEN cardinality(behind) > 0 AND (s.pause IS NOT NULL OR s.overlap = 'skip')
            OR s.overlap = 'queue' AND cardinality(behind) >= asked.most_queued;
            IF s.overlap = 'allow' THEN
                behind := '{}';
            ELSIF s.overlap = 'cancel' THEN
                told := workmill.cancel_of(s.name, true, 'job ' || d.id || ' of its schedule is due');
                followed := workmill.told(followed, told);
                behind := workmill.unfinished_of(s.name);
            END IF;
            SELECT * INTO one FROM workmill.store(ARRAY[d], false, behind, moment);
            CONTINUE WHEN one.seqs[1] IS NULL;
            followed := workmill.told(followed, one.followed);
            seqs := seqs || one.seqs;
            makes := makes || one.created;
            SELECT j.seq, j.id INTO s.last_seq, s.last_job FROM workmill.job AS j WHERE j.seq = one.seqs[1];
        END LOOP;
        IF asked.version IS NOT NULL THEN
            s.last_at := asked.at;
            s.next_at := asked.next_at;
        END IF;
        IF s.pause IS NOT NULL AND s.is_active THEN
            s.next_at := workmill.after(moment, s.pause);
        END IF;
        IF asked.version IS NOT NULL OR cardinality(seqs) > 0 THEN
            PERFORM workmill.write_schedule(s, moment);
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'WM001' THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            said := 'refused';
            RETURN NEXT;
            RETURN;
        WHEN unique_violation THEN
            RETURN;
    END;
    said := CASE WHEN cardinality(drafts) > 0 AND cardinality(seqs) = 0 THEN 'skipped' ELSE 'fired' END;
    detail := followed;
    RETURN NEXT;
    RETURN QUERY SELECT 'job', NULL, n.created, r.*
    FROM unnest(seqs, makes) WITH ORDINALITY AS n (seq, created, place)
    JOIN workmill.job_row AS r ON r.seq = n.seq ORDER BY n.place;
END $$;
