-- What is one too many, how rules are made and changed, and what they say of one job.

-- Find the job that a new one may not stand beside, and let the next find the new one; what is to be rejected is refused.
-- Answers `new`, where there is none, or what is to become of the new one and who is in its way; a holder that waits for
-- the end of another that it has replaced has that one before it still.
CREATE FUNCTION workmill.meet(
    for_task text, for_name text, states text[], within bigint, on_conflict text, new_seq bigint, new_id text,
    moment bigint, OUT said text, OUT holder bigint, OUT behind bigint
) LANGUAGE plpgsql AS $$
DECLARE
    last record;
    h record;
BEGIN
    INSERT INTO workmill.latest AS l (task, name, seq) VALUES (for_task, for_name, new_seq)
    ON CONFLICT (task, name) DO UPDATE SET seq = l.seq RETURNING l.seq, l.behind INTO last;
    -- Who has it locked looks afresh. Of the last one and the one before it, the first that conflicts counts.
    SELECT r.seq, r.id, r.state INTO h
    FROM unnest(ARRAY[last.seq, last.behind]) WITH ORDINALITY AS one (seq, place)
    JOIN workmill.job_row AS r ON r.seq = one.seq
    WHERE r.seq <> new_seq AND r.state = ANY (states)
    AND (within IS NULL OR moment < workmill.after(r.created_at, within))
    ORDER BY one.place LIMIT 1;
    said := CASE WHEN h.seq IS NULL THEN 'new' ELSE on_conflict END;
    IF said = 'reject' THEN
        PERFORM workmill.refuse(json_build_object('error', 'unique', 'id', h.id, 'task', for_task, 'state', h.state));
    END IF;
    holder := h.seq;
    IF said IN ('return', 'skip') THEN
        RETURN;
    END IF;
    IF said = 'replace' AND h.state NOT IN ('succeeded', 'failed', 'cancelled') THEN
        IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            RAISE EXCEPTION 'a job is replaced at the isolation level read committed only'
                USING ERRCODE = 'feature_not_supported';
        END IF;
        behind := CASE WHEN h.state = 'running' THEN h.seq ELSE (
            SELECT held.seq FROM workmill.held WHERE held.seq = last.behind
        ) END;
    END IF;
    UPDATE workmill.latest SET seq = new_seq, behind = meet.behind
    WHERE latest.task = for_task AND latest.name = for_name;
END $$;

-- Refuse what makes a bounded queue hold more than it may. What was stored is counted already.
CREATE FUNCTION workmill.check_bounds(lanes integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    full_queue record;
BEGIN
    -- In one order everywhere. Whoever sees the queue as it was before another stored there fails here.
    INSERT INTO workmill.bound AS b (queue, stored)
    SELECT DISTINCT lane.queue, 1 FROM workmill.lane JOIN workmill.rule
    ON rule.scope = 'queue' AND rule.name = lane.queue AND rule.waiting IS NOT NULL
    WHERE lane.lane = ANY (lanes) ORDER BY lane.queue
    ON CONFLICT (queue) DO UPDATE SET stored = (b.stored + 1) % 1000000;
    SELECT rule.name, rule.waiting INTO full_queue
    FROM workmill.rule CROSS JOIN LATERAL (
        SELECT sum(counted.jobs) AS jobs FROM workmill.lane CROSS JOIN LATERAL (
            SELECT tally.jobs, tally.state FROM workmill.tally WHERE tally.lane = lane.lane
            UNION ALL
            SELECT change.jobs, change.state FROM workmill.tally_change AS change WHERE change.lane = lane.lane
        ) AS counted
        WHERE lane.queue = rule.name AND counted.state IN ('scheduled', 'waiting', 'queued', 'retrying')
    ) AS unbegun
    WHERE rule.scope = 'queue' AND rule.waiting < unbegun.jobs
    AND rule.name IN (SELECT lane.queue FROM workmill.lane WHERE lane.lane = ANY (lanes))
    ORDER BY rule.name LIMIT 1;
    IF FOUND THEN
        PERFORM workmill.refuse(
            json_build_object('error', 'full', 'queue', full_queue.name, 'waiting', full_queue.waiting)
        );
    END IF;
END $$;

-- Refuse it as `check_bounds` does, and also where somebody who has stored there keeps his transaction open: others wait
-- together with this one.
CREATE FUNCTION workmill.check_bounds_briefly(lanes integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', '100ms', true) WHERE current_setting('lock_timeout') = '0';
    PERFORM workmill.check_bounds(lanes);
EXCEPTION WHEN lock_not_available THEN
    PERFORM workmill.refuse(json_build_object('error', 'kept', 'queues', array_agg(DISTINCT lane.queue)))
    FROM workmill.lane WHERE lane.lane = ANY (lanes);
END $$;

-- Let what was changed about rules hold for all claims from now on: those under way come before. Who calls this holds the
-- lock on rules.
CREATE FUNCTION workmill.rules_changed(scopes text[], names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- No lane is made meanwhile that nobody has locked.
    LOCK TABLE workmill.lane IN SHARE ROW EXCLUSIVE MODE;
    PERFORM workmill.lock_lanes(array_agg(lane.lane)) FROM workmill.lane JOIN unnest(scopes, names) AS r (scope, name)
    ON (r.scope = 'task' AND r.name = lane.task) OR (r.scope = 'queue' AND r.name = lane.queue);
    -- A lane without a mark is looked at when it gets one.
    INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from, again_from, is_ruled)
    SELECT
        newest.lane, newest.number + 1, newest.xid, newest.seq, newest.watched, newest.watched_from, newest.again_from,
        NOT newest.is_ruled
    FROM workmill.lane CROSS JOIN LATERAL (
        SELECT * FROM workmill.mark WHERE mark.lane = lane.lane ORDER BY mark.number DESC LIMIT 1
    ) AS newest
    WHERE EXISTS (
        SELECT 1 FROM unnest(scopes, names) AS r (scope, name)
        WHERE (r.scope = 'task' AND r.name = lane.task) OR (r.scope = 'queue' AND r.name = lane.queue)
    ) AND newest.is_ruled <> EXISTS (SELECT 1 FROM workmill.ruled_lane WHERE ruled_lane.lane = lane.lane);
    UPDATE workmill.strand SET shut_name = NULL, shut_key = NULL, opens_at = NULL
    FROM unnest(scopes, names) AS r (scope, name) WHERE r.scope = 'key' AND strand.shut_name = r.name;
    DELETE FROM workmill.ajar USING unnest(scopes, names) AS r (scope, name)
    WHERE ajar.scope = r.scope AND ajar.name = r.name;
    DELETE FROM workmill.start USING unnest(scopes, names) AS r (scope, name)
    WHERE start.scope = r.scope AND start.name = r.name AND NOT EXISTS (
        SELECT 1 FROM workmill.rule WHERE rule.scope = r.scope AND rule.name = r.name AND rule.rate_count IS NOT NULL
    );
END $$;

-- Set rules by hand, or note what code declares; answers whether anything that is in force has changed.
CREATE FUNCTION workmill.put_rules(
    scopes text[], names text[], runnings bigint[], rate_counts bigint[], rate_pers bigint[], waitings bigint[],
    by_hand boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    has_changed boolean;
BEGIN
    PERFORM workmill.lock_rules();
    WITH said AS MATERIALIZED (
        SELECT DISTINCT ON (r.scope, r.name) r.* FROM unnest(
            scopes, names, runnings, rate_counts, rate_pers, waitings
        ) WITH ORDINALITY AS r (scope, name, running, rate_count, rate_per, waiting, place)
        ORDER BY r.scope, r.name, r.place DESC
    ), put AS (
        INSERT INTO workmill.rule AS known (
            scope, name, running, rate_count, rate_per, waiting, is_set, is_declared, declared_running,
            declared_rate_count, declared_rate_per, declared_waiting
        )
        SELECT
            said.scope, said.name, said.running, said.rate_count, said.rate_per, said.waiting, by_hand, NOT by_hand,
            CASE WHEN NOT by_hand THEN said.running END, CASE WHEN NOT by_hand THEN said.rate_count END,
            CASE WHEN NOT by_hand THEN said.rate_per END, CASE WHEN NOT by_hand THEN said.waiting END
        FROM said
        ON CONFLICT (scope, name) DO UPDATE SET
            is_set = known.is_set OR by_hand,
            is_declared = known.is_declared OR NOT by_hand,
            running = CASE WHEN known.is_set AND NOT by_hand THEN known.running ELSE excluded.running END,
            rate_count = CASE WHEN known.is_set AND NOT by_hand THEN known.rate_count ELSE excluded.rate_count END,
            rate_per = CASE WHEN known.is_set AND NOT by_hand THEN known.rate_per ELSE excluded.rate_per END,
            waiting = CASE WHEN known.is_set AND NOT by_hand THEN known.waiting ELSE excluded.waiting END,
            declared_running = CASE WHEN by_hand THEN known.declared_running ELSE excluded.running END,
            declared_rate_count = CASE WHEN by_hand THEN known.declared_rate_count ELSE excluded.rate_count END,
            declared_rate_per = CASE WHEN by_hand THEN known.declared_rate_per ELSE excluded.rate_per END,
            declared_waiting = CASE WHEN by_hand THEN known.declared_waiting ELSE excluded.waiting END
        RETURNING known.*
    )
    SELECT bool_or(
        former.scope IS NULL OR (former.running, former.rate_count, former.rate_per, former.waiting)
        IS DISTINCT FROM (put.running, put.rate_count, put.rate_per, put.waiting)
    ) INTO has_changed
    -- What is read here is as it was before.
    FROM put LEFT JOIN workmill.rule AS former ON former.scope = put.scope AND former.name = put.name;
    IF has_changed THEN
        PERFORM workmill.rules_changed(scopes, names);
    END IF;
    RETURN coalesce(has_changed, false);
END $$;

-- Let what code declares be in force again, or nothing.
CREATE FUNCTION workmill.reset_rules(scopes text[], names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workmill.lock_rules();
    DELETE FROM workmill.rule USING unnest(scopes, names) AS r (scope, name)
    WHERE rule.scope = r.scope AND rule.name = r.name AND NOT rule.is_declared;
    UPDATE workmill.rule SET
        is_set = false, running = declared_running, rate_count = declared_rate_count, rate_per = declared_rate_per,
        waiting = declared_waiting
    FROM unnest(scopes, names) AS r (scope, name)
    WHERE rule.scope = r.scope AND rule.name = r.name AND rule.is_set;
    PERFORM workmill.rules_changed(scopes, names);
END $$;

CREATE FUNCTION workmill.pause_queues(queues text[], who text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workmill.lock_rules();
    INSERT INTO workmill.pause (queue, since, by_whom)
    SELECT DISTINCT q.queue, workmill.clock(), who FROM unnest(queues) AS q (queue)
    ON CONFLICT DO NOTHING;
    PERFORM workmill.rules_changed(array_fill('queue'::text, ARRAY[cardinality(queues)]), queues);
END $$;

CREATE FUNCTION workmill.resume_queues(queues text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workmill.lock_rules();
    DELETE FROM workmill.pause WHERE pause.queue = ANY (queues);
    PERFORM workmill.rules_changed(array_fill('queue'::text, ARRAY[cardinality(queues)]), queues);
END $$;

-- How many queued jobs on the queue of one are taken before it, counted to `most`.
CREATE FUNCTION workmill.ahead_of(of_seq bigint, most integer) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM (
        SELECT 1 FROM workmill.job AS mine
        JOIN workmill.lane AS own ON own.lane = mine.lane
        JOIN workmill.lane ON lane.queue = own.queue AND lane.priority >= own.priority
        LEFT JOIN LATERAL (
            SELECT * FROM workmill.mark WHERE mark.lane = lane.lane ORDER BY mark.number DESC LIMIT 1
        ) AS newest ON true
        CROSS JOIN LATERAL (
            (
                SELECT job.seq FROM workmill.job
                WHERE job.lane = lane.lane AND job.xid IS NOT NULL
                AND (job.xid, job.seq) > (coalesce(newest.xid, '0'), coalesce(newest.seq, 0))
                ORDER BY job.xid, job.seq LIMIT most
            )
            UNION ALL
            SELECT job.seq FROM unnest(newest.watched, newest.watched_from) AS watched (xid, seq)
            JOIN workmill.job ON job.lane = lane.lane AND job.xid = watched.xid AND job.seq > watched.seq
            UNION ALL
            (
                SELECT again.seq FROM workmill.again
                WHERE again.lane = lane.lane AND again.seq >= coalesce(newest.again_from, 0)
                ORDER BY again.seq LIMIT most
            )
            UNION ALL
            SELECT apart.seq FROM workmill.strand JOIN workmill.apart ON apart.strand = strand.strand
            WHERE strand.lane = lane.lane AND apart.seq >= strand.head
            AND (lane.priority > own.priority OR apart.seq < of_seq)
        ) AS line
        WHERE mine.seq = of_seq AND (lane.priority > own.priority OR line.seq < of_seq) LIMIT most
    ) AS counted
$$;

-- What holds one job back; NULL where it is not stored.
CREATE FUNCTION workmill.obstacles(wanted text, most_named integer, most_ahead integer) RETURNS jsonb
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment bigint := workmill.clock();
    j record;
BEGIN
    SELECT r.seq, r.state, r.queue, job.lane, job.gates INTO j
    FROM workmill.job_row AS r JOIN workmill.job ON job.seq = r.seq WHERE r.id = wanted;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF j.state NOT IN ('waiting', 'queued') THEN
        RETURN '{}';
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'paused', (
                SELECT jsonb_build_array(pause.queue, pause.since, pause.by_whom)
                FROM workmill.pause WHERE pause.queue = j.queue
            ),
            'parents', missing.ids,
            'missing', missing.jobs,
            'rules', (
                SELECT jsonb_agg(jsonb_build_array(
                    rule.scope, rule.name, rule.running, rule.rate_count, rule.rate_per, rule.waiting, r.key,
                    inside.jobs, inside.ids, inside.since, at.opens_at
                ) ORDER BY rule.scope, rule.name)
                FROM workmill.rules_on(j.lane, j.gates) AS r
                JOIN workmill.rule ON rule.scope = r.scope AND rule.name = r.name
                CROSS JOIN LATERAL workmill.inside(r.scope, r.name, r.key, most_named) AS inside
                CROSS JOIN LATERAL workmill.room_at(r.scope, r.name, r.key, moment) AS at
            ),
            'ahead', workmill.ahead_of(j.seq, most_ahead)
        )
        FROM (
            SELECT
                count(*) AS jobs,
                (SELECT jsonb_agg(named.parent_id ORDER BY named.place) FROM (
                    SELECT bond.parent_id, bond.place FROM workmill.bond
                    WHERE bond.seq = j.seq AND NOT EXISTS (
                        SELECT 1 FROM workmill.done WHERE done.seq = bond.parent
                    ) ORDER BY bond.place LIMIT most_named
                ) AS named) AS ids
            FROM workmill.bond WHERE bond.seq = j.seq AND j.state = 'waiting'
            AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = bond.parent)
        ) AS missing
    );
END $$;

-- The running jobs that a rule counts: how many, the first of them, and since when that runs.
CREATE FUNCTION workmill.inside(
    of_scope text, of_name text, of_key text, most_named integer, OUT jobs bigint, OUT ids jsonb, OUT since bigint
) LANGUAGE sql STABLE AS $$
    WITH counted AS MATERIALIZED (
        SELECT job.id, held.started_at, held.seq FROM workmill.held JOIN workmill.job ON job.seq = held.seq
        JOIN workmill.lane ON lane.lane = job.lane
        WHERE CASE of_scope
            WHEN 'task' THEN lane.task = of_name
            WHEN 'queue' THEN lane.queue = of_name
            ELSE EXISTS (
                SELECT 1 FROM workmill.passed
                WHERE passed.name = of_name AND (of_key IS NULL OR passed.key = of_key) AND passed.seq = held.seq
            )
        END
    )
    SELECT
        (SELECT count(*) FROM counted),
        (SELECT jsonb_agg(first.id ORDER BY first.started_at, first.seq) FROM (
            SELECT * FROM counted ORDER BY counted.started_at, counted.seq LIMIT most_named
        ) AS first),
        (SELECT min(counted.started_at) FROM counted)
$$;

-- Forget what was kept for rules about jobs that are gone, and beginnings that no rate counts any more.
CREATE FUNCTION workmill.forget_rules(gone bigint[], moment bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- A name that somebody stores a job under just now stays: it will name that one.
    DELETE FROM workmill.latest USING (
        SELECT known.task, known.name FROM workmill.latest AS known WHERE known.seq = ANY (gone) FOR UPDATE SKIP LOCKED
    ) AS old
    WHERE latest.task = old.task AND latest.name = old.name
    AND NOT EXISTS (SELECT 1 FROM workmill.job WHERE job.seq = latest.seq);
    DELETE FROM workmill.start WHERE NOT EXISTS (
        SELECT 1 FROM workmill.rule WHERE rule.scope = start.scope AND rule.name = start.name
        AND rule.rate_count IS NOT NULL AND start.started_at > moment - rule.rate_per
    );
END $$;
