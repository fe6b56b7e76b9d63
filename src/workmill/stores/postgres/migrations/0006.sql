-- How attempts end, and jobs that nobody runs.

-- End attempts, then claim. The first row bears the verdicts that are not `stale`, by the places of the transitions,
-- or none where all were applied; the others bear the claimed jobs.
--
-- Where all transitions say the same of a column that is a number, it may be given once. Where no state is given, the
-- attempt succeeded and there is nothing else to say; those come last. Where no seq is given, the id is looked up.
CREATE FUNCTION workmill.settle(
    seqs bigint[], ids text[], tokens integer[], attempts integer[], deaths_then integer[], keeps bigint[],
    results text[], states text[], endings text[], delays bigint[], failures text[], reasons text[],
    by_worker text, by_engine integer, from_queues text[], of_tasks text[], wanted integer
) RETURNS TABLE (
    places bigint[], verdicts text[], is_live boolean, moment bigint, seq bigint, id text, lane integer, args text,
    policy text, key text, attempt integer, deaths integer, token integer, version integer, progress text,
    failure text, created_at bigint, run_at bigint, cancel_requested_at bigint, cancel_reason text,
    retry_of text, ties text, followed jsonb, has_rated boolean, has_expired boolean
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    present bigint := workmill.clock();
    taken bigint[];
    ended bigint[];
    has_more boolean;
BEGIN
    moment := present;
    IF cardinality(tokens) > 0 THEN
        ended := workmill.succeed(seqs, tokens, attempts, deaths_then, keeps, results, states, present);
        IF cardinality(ended) < greatest(cardinality(seqs), cardinality(ids)) THEN
            SELECT judged.places, judged.verdicts INTO places, verdicts FROM workmill.judge(
                ended, seqs, ids, tokens, attempts, deaths_then, keeps, results, states, endings, delays, failures,
                reasons, present
            ) AS judged;
        END IF;
        IF cardinality(ids) > 0 THEN
            SELECT array_agg(j.seq) INTO seqs FROM unnest(ids) AS u (id) JOIN workmill.job AS j ON j.id = u.id;
        END IF;
    END IF;
    -- In a statement of its own: what others have stored or set meanwhile must be seen.
    SELECT
        EXISTS (SELECT 1 FROM workmill.worker WHERE worker.id = by_worker AND worker.lease_ends_at > present),
        EXISTS (SELECT 1 FROM workmill.uncommon)
    INTO is_live, has_more;
    IF has_more AND cardinality(tokens) > 0 AND workmill.has_news(seqs) THEN
        followed := workmill.told(workmill.follow(seqs, present, from_queues, of_tasks), workmill.free(seqs));
    END IF;
    is_live := is_live AND wanted >= 0;
    IF is_live THEN
        SELECT t.moment, t.taken, t.has_rated, t.has_expired INTO moment, taken, has_rated, has_expired
        FROM workmill.take(by_worker, by_engine, from_queues, of_tasks, wanted, has_more, present) AS t;
    END IF;
    RETURN NEXT;
    IF cardinality(taken) > 0 THEN
        RETURN QUERY SELECT
            NULL::bigint[], NULL::text[], NULL::boolean, NULL::bigint, j.seq, j.id, j.lane, j.args, j.policy,
            j.key, j.attempt + 1, j.deaths, j.token + 1, j.version + 1, j.progress, j.failure, j.created_at,
            j.run_at, j.cancel_requested_at, j.cancel_reason, j.retry_of, j.ties, NULL::jsonb, NULL::boolean,
            NULL::boolean
        FROM unnest(taken) WITH ORDINALITY AS s (seq, place) JOIN workmill.job AS j ON j.seq = s.seq
        ORDER BY s.place;
    END IF;
END $$;

-- End what succeeded, and return its places. The plans of this and of `judge` are pinned by who calls them.
CREATE FUNCTION workmill.succeed(
    seqs bigint[], tokens integer[], attempts integer[], deaths_then integer[], keeps bigint[], results text[],
    states text[], moment bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    ended bigint[];
    numbers bigint[];
    workers text[];
    engines integer[];
    starts bigint[];
BEGIN
    -- First the attempts, then a look at their jobs: what others did to them meanwhile must be seen.
    WITH gone AS (
        DELETE FROM workmill.held USING unnest(seqs, tokens, states) WITH ORDINALITY AS s (seq, token, state, place)
        WHERE s.state IS NULL AND held.seq = s.seq AND held.token = coalesce(s.token, tokens[1])
        RETURNING s.place, held.*
    )
    SELECT array_agg(gone.seq), array_agg(gone.worker), array_agg(gone.engine), array_agg(gone.started_at),
        array_agg(gone.place)
    INTO numbers, workers, engines, starts, ended FROM gone;
    IF ended IS NULL THEN
        RETURN '{}';
    END IF;
    WITH finished AS (
        INSERT INTO workmill.done (
            seq, finished_at, expires_at, started_at, cancel_requested_at, lane, attempt, deaths, token, version,
            engine, state, worker, result, cancel_reason
        )
        SELECT
            j.seq, moment, workmill.after(moment, coalesce(keeps[e.place], keeps[1])), e.started_at,
            j.cancel_requested_at, j.lane, coalesce(attempts[e.place], attempts[1]),
            coalesce(deaths_then[e.place], deaths_then[1]), j.token + 1, j.version + 2, e.engine, 'succeeded',
            e.worker, results[e.place], j.cancel_reason
        FROM unnest(ended, numbers, workers, engines, starts) AS e (place, seq, worker, engine, started_at)
        JOIN workmill.job AS j ON j.seq = e.seq
        RETURNING done.lane
    )
    INSERT INTO workmill.tally_change (lane, state, jobs)
    SELECT by_lane.lane, change.state, change.sign * by_lane.jobs
    FROM (SELECT finished.lane, count(*) AS jobs FROM finished GROUP BY finished.lane) AS by_lane
    CROSS JOIN (VALUES ('running', -1), ('succeeded', 1)) AS change (state, sign);
    RETURN ended;
END $$;

-- End whatever else may be ended than what has the places `ended`; answers the places and verdicts of all these.
CREATE FUNCTION workmill.judge(
    ended bigint[], seqs bigint[], ids text[], tokens integer[], attempts integer[], deaths_then integer[],
    keeps bigint[], results text[], states text[], endings text[], delays bigint[], failures text[], reasons text[],
    moment bigint, OUT places bigint[], OUT verdicts text[]
) LANGUAGE plpgsql AS $$
DECLARE
    holds bigint[];
    workers text[];
    engines integer[];
    starts bigint[];
    gated bigint[];
BEGIN
    -- First lock the attempts, then look: what others did to their jobs meanwhile must be seen.
    SELECT array_agg(h.seq), array_agg(h.worker), array_agg(h.engine), array_agg(h.started_at)
    INTO holds, workers, engines, starts
    FROM (
        SELECT h.* FROM (
            SELECT
                u.place, coalesce(u.seq, (SELECT j.seq FROM workmill.job AS j WHERE j.id = u.id)) AS seq,
                coalesce(u.token, tokens[1]) AS token
            FROM unnest(seqs, ids, tokens) WITH ORDINALITY AS u (seq, id, token, place)
        ) AS s
        LEFT JOIN LATERAL (
            SELECT held.* FROM workmill.held WHERE held.seq = s.seq AND held.token = s.token FOR UPDATE
        ) AS h ON true
        ORDER BY s.place
    ) AS h;
    IF 'queued' = ANY (states) THEN
        -- What goes back, and then a claim, need locks of lanes, and all must be taken in one order. It happens seldom.
        PERFORM workmill.lock_rules();
        PERFORM workmill.lock_lanes(array_agg(lane.lane)) FROM workmill.lane;
    END IF;
    WITH judged AS MATERIALIZED (
        SELECT
            s.*, j.lane, j.gates, j.attempt + 1 AS number, j.version + 2 AS version,
            coalesce(s.failure, j.failure) AS kept_failure, j.cancel_requested_at,
            coalesce(s.reason, j.cancel_reason) AS kept_reason,
            min(s.place) FILTER (WHERE s.is_final OR j.cancel_requested_at IS NULL)
                OVER (PARTITION BY s.seq) AS applied
        FROM (
            SELECT
                u.place, u.seq, u.worker, u.engine, u.started_at, u.result, u.delay, u.failure, u.reason,
                coalesce(u.token, tokens[1]) AS token, coalesce(u.attempt, attempts[1]) AS attempt,
                coalesce(u.deaths, deaths_then[1]) AS deaths, coalesce(u.keep, keeps[1]) AS keep,
                coalesce(u.state, 'succeeded') AS state, coalesce(u.ending, 'succeeded') AS ending,
                u.state IS NULL OR u.state IN ('succeeded', 'failed', 'cancelled') AS is_final
            FROM unnest(
                holds, workers, engines, starts, tokens, attempts, deaths_then, keeps, results, states, endings,
                delays, failures, reasons
            ) WITH ORDINALITY AS u (
                seq, worker, engine, started_at, token, attempt, deaths, keep, result, state, ending, delay, failure,
                reason, place
            )
            WHERE u.seq IS NOT NULL
        ) AS s JOIN workmill.job AS j ON j.seq = s.seq
    ), ending AS MATERIALIZED (
        SELECT * FROM judged WHERE judged.place = judged.applied
    ), released AS (
        DELETE FROM workmill.held USING ending WHERE held.seq = ending.seq
    ), finished AS (
        INSERT INTO workmill.done (
            seq, finished_at, expires_at, started_at, cancel_requested_at, lane, attempt, deaths, token, version,
            engine, state, worker, result, failure, cancel_reason
        )
        SELECT
            ending.seq, moment, workmill.after(moment, ending.keep), ending.started_at, ending.cancel_requested_at,
            ending.lane, ending.attempt, ending.deaths, ending.token, ending.version, ending.engine, ending.state,
            ending.worker, ending.result,
            CASE WHEN ending.state = 'succeeded' THEN NULL ELSE ending.kept_failure END, ending.kept_reason
        FROM ending WHERE ending.is_final
    ), returned AS (
        UPDATE workmill.job AS j SET
            attempt = ending.attempt, deaths = ending.deaths, token = ending.token, version = ending.version,
            engine = ending.engine, worker = ending.worker, started_at = ending.started_at,
            failure = ending.kept_failure, cancel_reason = ending.kept_reason,
            run_at = CASE WHEN ending.state = 'queued' THEN j.run_at
                ELSE workmill.after(moment, coalesce(ending.delay, 0)) END
        FROM ending WHERE NOT ending.is_final AND j.seq = ending.seq
    ), waiting AS (
        INSERT INTO workmill.later (seq, run_at, lane, state)
        SELECT ending.seq, workmill.after(moment, coalesce(ending.delay, 0)), ending.lane, ending.state
        FROM ending WHERE NOT ending.is_final AND ending.state <> 'queued'
    ), queued AS (
        INSERT INTO workmill.again (lane, seq)
        SELECT ending.lane, ending.seq FROM ending WHERE ending.state = 'queued' AND ending.gates IS NULL
    ), recorded AS (
        INSERT INTO workmill.attempt (seq, token, number, started_at, ended_at, ending, worker, failure)
        SELECT
            ending.seq, ending.token, ending.number, ending.started_at, moment, ending.ending, ending.worker,
            ending.failure
        FROM ending WHERE ending.ending <> 'succeeded'
    ), counted AS (
        INSERT INTO workmill.tally_change (lane, state, jobs)
        SELECT ending.lane, change.state, sum(change.jobs) FROM ending
        CROSS JOIN LATERAL (VALUES ('running', -1), (ending.state, 1)) AS change (state, jobs)
        GROUP BY ending.lane, change.state
    )
    SELECT
        ended || array_agg(judged.place),
        array_fill('applied'::text, ARRAY[cardinality(ended)]) || array_agg(
            CASE
                WHEN judged.place = judged.applied THEN 'applied'
                WHEN judged.place > judged.applied THEN 'stale'
                ELSE 'cancel_requested'
            END
        ),
        array_agg(judged.seq) FILTER (
            WHERE judged.place = judged.applied AND judged.state = 'queued' AND judged.gates IS NOT NULL
        )
    INTO places, verdicts, gated FROM judged;
    IF gated IS NOT NULL THEN
        PERFORM workmill.line_up(gated);
    END IF;
END $$;

-- Cancel at once what does not run, and request it of what does; the last row says what is to be told beside. What
-- others do to these jobs at the same time comes first or waits: their attempts are locked, then their rows and schedules,
-- then their lanes, as a settle does.
CREATE FUNCTION workmill.cancel(
    ids text[], keeps bigint[], why text, forced boolean
) RETURNS TABLE (id text, is_running boolean, followed jsonb)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment bigint := workmill.clock();
    lanes integer[];
    seqs bigint[];
    lanes_behind integer[];
    touched bigint[];
BEGIN
    PERFORM 1 FROM unnest(ids) AS s (id) CROSS JOIN LATERAL (
        SELECT 1 FROM workmill.job AS j JOIN workmill.held ON held.seq = j.seq WHERE j.id = s.id FOR UPDATE OF held
    ) AS h;
    SELECT array_agg(j.lane), array_agg(j.seq) INTO lanes, seqs
    FROM unnest(ids) AS s (id) JOIN workmill.job AS j ON j.id = s.id;
    SELECT b.lanes, b.touched INTO lanes_behind, touched FROM workmill.behind(seqs) AS b;
    PERFORM workmill.lock_jobs(seqs || touched);
    PERFORM workmill.lock_schedules(seqs || touched);
    IF lanes_behind IS NOT NULL THEN
        PERFORM workmill.lock_rules();
    END IF;
    PERFORM workmill.lock_lanes(lanes || lanes_behind);
    PERFORM 1 FROM unnest(ids) AS s (id) CROSS JOIN LATERAL (
        SELECT 1 FROM workmill.job AS j JOIN workmill.held ON held.seq = j.seq WHERE j.id = s.id FOR UPDATE OF held
    ) AS h;
    RETURN QUERY WITH open AS MATERIALIZED (
        SELECT r.seq, r.id, j.lane, r.state, s.keep, r.attempt, r.deaths, r.token, r.version, r.engine, r.worker,
            r.started_at, r.failure, r.cancel_requested_at IS NOT NULL AS is_requested
        FROM unnest(ids, keeps) AS s (id, keep)
        JOIN workmill.job AS j ON j.id = s.id
        JOIN workmill.job_row AS r ON r.seq = j.seq
        WHERE r.state NOT IN ('succeeded', 'failed', 'cancelled')
        AND (r.cancel_requested_at IS NULL OR (forced AND NOT r.cancel_forced))
    ), asked AS (
        UPDATE workmill.job AS j SET
            cancel_requested_at = coalesce(j.cancel_requested_at, moment),
            cancel_reason = CASE WHEN open.is_requested THEN j.cancel_reason ELSE why END,
            cancel_forced = nullif(forced, false),
            version = j.version + 1
        FROM open WHERE open.state = 'running' AND j.seq = open.seq
    ), finished AS (
        INSERT INTO workmill.done (
            seq, finished_at, expires_at, started_at, cancel_requested_at, lane, attempt, deaths, token, version,
            engine, state, worker, failure, cancel_reason, cancel_forced
        )
        SELECT
            open.seq, moment, workmill.after(moment, open.keep), open.started_at, moment, open.lane, open.attempt,
            open.deaths, open.token, open.version + 1, open.engine, 'cancelled', open.worker, open.failure, why,
            nullif(forced, false)
        FROM open WHERE open.state <> 'running'
    ), unlined AS (
        UPDATE workmill.job AS j SET xid = NULL FROM open
        WHERE open.state = 'queued' AND j.seq = open.seq AND j.xid IS NOT NULL
    ), unpointed AS (
        DELETE FROM workmill.again USING open
        WHERE open.state = 'queued' AND again.lane = open.lane AND again.seq = open.seq
    ), unscheduled AS (
        DELETE FROM workmill.later USING open WHERE later.seq = open.seq
    ), awaiting AS (
        DELETE FROM workmill.waiting USING open WHERE open.state = 'waiting' AND waiting.seq = open.seq
    ), unparted AS (
        DELETE FROM workmill.apart USING open WHERE open.state = 'queued' AND apart.seq = open.seq
    ), unexpired AS (
        DELETE FROM workmill.expiry USING open WHERE open.state <> 'running' AND expiry.seq = open.seq
    ), counted AS (
        INSERT INTO workmill.tally_change (lane, state, jobs)
        SELECT open.lane, change.state, sum(change.jobs) FROM open
        CROSS JOIN LATERAL (VALUES (open.state, -1), ('cancelled', 1)) AS change (state, jobs)
        WHERE open.state <> 'running'
        GROUP BY open.lane, change.state
    )
    SELECT open.id, open.state = 'running', NULL::jsonb FROM open;
    RETURN QUERY SELECT NULL, NULL::boolean, workmill.follow(seqs, moment);
END $$;

-- Fail a job that cannot be read, with what stands in for what is damaged; answers what is to be told beside.
CREATE FUNCTION workmill.mend(
    wanted text, new_failure text, new_policy text, new_args text, new_progress text, keep bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment bigint := workmill.clock();
    r record;
BEGIN
    PERFORM 1 FROM workmill.job AS j JOIN workmill.held ON held.seq = j.seq WHERE j.id = wanted FOR UPDATE OF held;
    PERFORM workmill.lock_lanes(array_agg(h.lane)) FROM (
        SELECT j.lane FROM workmill.job AS j WHERE j.id = wanted FOR UPDATE
    ) AS h;
    PERFORM 1 FROM workmill.job AS j JOIN workmill.held ON held.seq = j.seq WHERE j.id = wanted FOR UPDATE OF held;
    SELECT known.*, j.lane INTO r
    FROM workmill.job AS j JOIN workmill.job_row AS known ON known.seq = j.seq WHERE j.id = wanted;
    IF NOT FOUND OR r.state IN ('succeeded', 'failed', 'cancelled') THEN
        RETURN NULL;
    END IF;
    UPDATE workmill.job SET xid = NULL, policy = new_policy, args = new_args, progress = new_progress WHERE seq = r.seq;
    INSERT INTO workmill.done (
        seq, finished_at, expires_at, started_at, cancel_requested_at, lane, attempt, deaths, token, version, engine,
        state, worker, failure, cancel_reason
    ) VALUES (
        r.seq, moment, workmill.after(moment, keep), r.started_at, r.cancel_requested_at, r.lane, r.attempt, r.deaths,
        r.token, r.version + 1, r.engine, 'failed', r.worker, new_failure, r.cancel_reason
    );
    IF r.state = 'running' THEN
        INSERT INTO workmill.attempt (seq, token, number, started_at, ended_at, ending, worker, failure)
        VALUES (r.seq, r.token, r.attempt, r.started_at, moment, 'failed', r.worker, new_failure);
    END IF;
    DELETE FROM workmill.held WHERE held.seq = r.seq;
    DELETE FROM workmill.later WHERE later.seq = r.seq;
    DELETE FROM workmill.waiting WHERE waiting.seq = r.seq;
    DELETE FROM workmill.again WHERE again.lane = r.lane AND again.seq = r.seq;
    DELETE FROM workmill.apart WHERE apart.seq = r.seq;
    DELETE FROM workmill.expiry WHERE expiry.seq = r.seq;
    INSERT INTO workmill.tally_change (lane, state, jobs) VALUES (r.lane, r.state, -1), (r.lane, 'failed', 1);
    RETURN workmill.told(workmill.follow(ARRAY[r.seq], moment), workmill.free(ARRAY[r.seq]));
END $$;

-- Store progress of running jobs; answers the places of the reports that were stored.
CREATE FUNCTION workmill.report(ids text[], tokens integer[], progresses text[]) RETURNS TABLE (place bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    seqs bigint[];
BEGIN
    SELECT array_agg(h.seq ORDER BY s.place) INTO seqs
    FROM unnest(ids, tokens) WITH ORDINALITY AS s (id, token, place)
    LEFT JOIN LATERAL (
        SELECT held.seq FROM workmill.job AS j JOIN workmill.held ON held.seq = j.seq
        WHERE j.id = s.id AND held.token = s.token FOR SHARE OF held
    ) AS h ON true;
    -- Of several about one job the last is the newest.
    WITH newest AS (
        SELECT DISTINCT ON (s.seq) s.seq, s.progress
        FROM unnest(seqs, progresses) WITH ORDINALITY AS s (seq, progress, place)
        WHERE s.seq IS NOT NULL ORDER BY s.seq, s.place DESC
    )
    UPDATE workmill.job AS j SET progress = newest.progress, version = j.version + 1
    FROM newest WHERE j.seq = newest.seq;
    RETURN QUERY SELECT s.place FROM unnest(seqs) WITH ORDINALITY AS s (seq, place) WHERE s.seq IS NOT NULL;
END $$;
