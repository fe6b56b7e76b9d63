-- The verbs that many call at once. Their plans are pinned: the tables grow and shrink faster than statistics follow.

-- Store new jobs and return the moment. A lane or policy that all of them have may be given once; a column where
-- nothing is said may be left out.
CREATE FUNCTION workmill.enqueue(
    ids text[], lanes integer[], args text[], policies text[], keys text[], delays bigint[], run_ats bigint[],
    retries_of text[], channels text[], payloads text[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    moment bigint := workmill.clock();
BEGIN
    IF cardinality(keys) = 0 AND cardinality(delays) = 0 AND cardinality(run_ats) = 0 AND cardinality(lanes) = 1
    AND cardinality(retries_of) = 0 THEN
        INSERT INTO workmill.job (id, lane, args, policy, created_at, xid)
        SELECT n.id, lanes[1], n.args, coalesce(n.policy, policies[1]), moment, pg_current_xact_id()
        FROM unnest(ids, args, policies) AS n (id, args, policy);
        INSERT INTO workmill.tally_change (lane, state, jobs) VALUES (lanes[1], 'queued', cardinality(ids));
    ELSE
        PERFORM workmill.enqueue_any(ids, lanes, args, policies, keys, delays, run_ats, retries_of, moment);
    END IF;
    IF EXISTS (SELECT 1 FROM workmill.rule) AND EXISTS (SELECT 1 FROM workmill.rule WHERE waiting IS NOT NULL) THEN
        PERFORM workmill.check_bounds_briefly(lanes);
    END IF;
    IF cardinality(channels) > 0 THEN
        PERFORM pg_notify(told.channel, told.payload) FROM unnest(channels, payloads) AS told (channel, payload);
    END IF;
    RETURN moment;
END $$;

CREATE FUNCTION workmill.enqueue_any(
    ids text[], lanes integer[], args text[], policies text[], keys text[], delays bigint[], run_ats bigint[],
    retries_of text[], moment bigint
) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    WITH new AS (
        SELECT
            n.id, coalesce(n.lane, lanes[1]) AS lane, n.args, coalesce(n.policy, policies[1]) AS policy, n.key,
            n.retry_of, n.place,
            CASE WHEN n.delay > 0 THEN workmill.after(moment, n.delay) ELSE n.run_at END AS run_at
        FROM unnest(ids, lanes, args, policies, keys, delays, run_ats, retries_of)
            WITH ORDINALITY AS n (id, lane, args, policy, key, delay, run_at, retry_of, place)
    ), stored AS (
        INSERT INTO workmill.job (id, lane, args, policy, key, retry_of, created_at, run_at, xid)
        SELECT
            new.id, new.lane, new.args, new.policy, new.key, new.retry_of, moment, new.run_at,
            CASE WHEN new.run_at > moment THEN NULL ELSE pg_current_xact_id() END
        FROM new ORDER BY new.place
        RETURNING job.seq, job.id, job.lane, job.run_at, job.key, job.xid
    ), waiting AS (
        INSERT INTO workmill.later (seq, run_at, lane, state)
        SELECT stored.seq, stored.run_at, stored.lane, 'scheduled' FROM stored WHERE stored.xid IS NULL
    ), keyed AS (
        INSERT INTO workmill.key (task, key, seq)
        SELECT lane.task, stored.key, stored.seq
        FROM stored JOIN workmill.lane ON lane.lane = stored.lane
        WHERE stored.key IS NOT NULL
    )
    INSERT INTO workmill.tally_change (lane, state, jobs)
    SELECT stored.lane, CASE WHEN stored.xid IS NULL THEN 'scheduled' ELSE 'queued' END AS state, count(*)
    FROM stored GROUP BY 1, 2;
END $$;

CREATE FUNCTION workmill.lock_lanes(lanes integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one integer;
BEGIN
    -- Everybody locks in this order, the highest priority first.
    FOR one IN SELECT lane.lane FROM workmill.lane WHERE lane.lane = ANY (lanes) ORDER BY priority DESC, lane.lane LOOP
        PERFORM pg_advisory_xact_lock(hashtext('workmill.lane'), one);
    END LOOP;
END $$;

-- Whatever queues jobs again lets the marks of their lanes know, at the end of its statement.
CREATE FUNCTION workmill.lower_marks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lanes integer[];
    lows bigint[];
BEGIN
    SELECT array_agg(low.lane), array_agg(low.seq) INTO lanes, lows
    FROM (SELECT queued.lane, min(queued.seq) AS seq FROM queued GROUP BY queued.lane) AS low;
    IF lanes IS NULL THEN
        RETURN NULL;
    END IF;
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'a job goes back to its line at the isolation level read committed only'
            USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM workmill.lock_lanes(lanes);
    -- A lane without a mark is read from its beginning.
    INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from, again_from, is_ruled)
    SELECT
        low.lane, newest.number + 1, newest.xid, newest.seq, newest.watched, newest.watched_from, low.seq,
        newest.is_ruled
    FROM unnest(lanes, lows) AS low (lane, seq)
    CROSS JOIN LATERAL (
        SELECT * FROM workmill.mark WHERE mark.lane = low.lane ORDER BY mark.number DESC LIMIT 1
    ) AS newest
    WHERE newest.again_from > low.seq;
    RETURN NULL;
END $$;

CREATE TRIGGER lower_marks AFTER INSERT ON workmill.again
REFERENCING NEW TABLE AS queued FOR EACH STATEMENT EXECUTE FUNCTION workmill.lower_marks();

-- Take what lies behind the mark of one locked lane, where that is all there is to take; else nothing. The common case
-- of `take`, in a fraction of its time, also while others hold transactions open.
CREATE FUNCTION workmill.take_in_line(
    by_worker text, by_engine integer, from_lane integer, wanted integer, moment bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    taken bigint[];
BEGIN
    WITH newest AS MATERIALIZED (
        SELECT * FROM workmill.mark WHERE mark.lane = from_lane ORDER BY mark.number DESC LIMIT 1
    ), watched AS MATERIALIZED (
        SELECT w.xid, w.seq, pg_visible_in_snapshot(w.xid, (SELECT pg_current_snapshot())) AS has_ended
        FROM newest CROSS JOIN LATERAL unnest(newest.watched, newest.watched_from) AS w (xid, seq)
    ), first AS MATERIALIZED (
        SELECT j.* FROM newest CROSS JOIN LATERAL (
            SELECT job.xid, job.seq, job.token FROM workmill.job
            WHERE job.lane = from_lane AND job.xid IS NOT NULL AND (job.xid, job.seq) > (newest.xid, newest.seq)
            ORDER BY job.xid, job.seq LIMIT wanted
        ) AS j
        WHERE NOT newest.is_ruled AND NOT EXISTS (
            SELECT 1 FROM workmill.again WHERE again.lane = from_lane AND again.seq >= newest.again_from
        ) AND NOT EXISTS (
            SELECT 1 FROM watched CROSS JOIN LATERAL (
                SELECT 1 FROM workmill.job
                WHERE job.lane = from_lane AND job.xid = watched.xid AND job.seq > watched.seq LIMIT 1
            ) AS late
            WHERE watched.has_ended
        )
    ), hold AS (
        INSERT INTO workmill.held (seq, token, worker, engine, started_at)
        SELECT first.seq, first.token + 1, by_worker, by_engine, moment FROM first
    ), reached AS MATERIALIZED (
        SELECT newest.number + 1 AS number, newest.xid AS since, last.xid, last.seq
        FROM newest CROSS JOIN (SELECT first.xid, first.seq FROM first ORDER BY 1 DESC, 2 DESC LIMIT 1) AS last
    ), marked AS (
        INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from, again_from)
        SELECT
            from_lane, reached.number, reached.xid, reached.seq, still.xids, still.seqs, 9223372036854775807
        FROM reached CROSS JOIN LATERAL (
            SELECT
                coalesce(array_agg(w.xid ORDER BY w.xid), '{}') AS xids,
                coalesce(array_agg(w.seq ORDER BY w.xid), '{}') AS seqs
            FROM (
                SELECT watched.xid, watched.seq FROM watched WHERE NOT watched.has_ended
                UNION ALL
                SELECT x.xid, 0 FROM pg_snapshot_xip(pg_current_snapshot()) AS x (xid)
                WHERE x.xid > reached.since AND x.xid < reached.xid
            ) AS w
        ) AS still
    )
    SELECT array_agg(first.seq ORDER BY first.xid, first.seq) INTO taken FROM first;
    IF taken IS NOT NULL THEN
        INSERT INTO workmill.tally_change (lane, state, jobs)
        VALUES (from_lane, 'queued', -cardinality(taken)), (from_lane, 'running', cardinality(taken));
    END IF;
    RETURN coalesce(taken, '{}');
END $$;

-- Take up to `wanted` jobs that are next in line; answer their places in the order of the line and, where another claim
-- was waited for, the moment after: no attempt begins before the one that it follows has ended.
--
-- Of each lane three roads lead to a job: behind the mark, in the order of the transactions; in transactions that the
-- mark has passed and that have ended since; and those that are queued again. The road behind the mark is only ever
-- taken as far as a place, so a job there is as old as the youngest before it. The plans are pinned by who calls this.
--
-- Where rules say how much may be taken, or jobs stand apart, there is another way. `has_rated` says whether jobs were
-- found to wait for a rate, `has_expired` whether there is a job that may not begin any more.
CREATE FUNCTION workmill.take(
    by_worker text, by_engine integer, from_queues text[], of_tasks text[], wanted integer, may_be_ruled boolean,
    INOUT moment bigint, OUT taken bigint[], OUT has_rated boolean, OUT has_expired boolean
) LANGUAGE plpgsql AS $$
DECLARE
    got bigint[];
    busy integer[];
    lanes integer[];
    need integer;
    most integer;
    goes_on boolean;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'claims need the level read committed: ALTER ROLE ... RESET default_transaction_isolation';
    END IF;
    taken := '{}';
    IF may_be_ruled AND workmill.are_ruled(from_queues, of_tasks) THEN
        SELECT t.moment, t.taken, t.has_rated INTO moment, taken, has_rated FROM workmill.take_by_rules(
            by_worker, by_engine, from_queues, of_tasks, wanted, moment
        ) AS t;
        has_expired := EXISTS (SELECT 1 FROM workmill.expiry WHERE expiry.begins_by <= moment);
        RETURN;
    END IF;
    FOR lanes IN
        SELECT array_agg(lane.lane ORDER BY lane.lane) FROM workmill.lane
        WHERE task = ANY (of_tasks) AND (from_queues IS NULL OR queue = ANY (from_queues))
        GROUP BY priority ORDER BY priority DESC
    LOOP
        LOOP
            need := wanted - cardinality(taken);
            EXIT WHEN need <= 0;
            -- Without a lock first: an idle worker must not keep others waiting.
            SELECT array_agg(l.lane) INTO busy
            FROM unnest(lanes) AS l (lane)
            LEFT JOIN LATERAL (
                SELECT mark.xid, mark.seq, mark.watched, mark.again_from FROM workmill.mark
                WHERE mark.lane = l.lane ORDER BY mark.number DESC LIMIT 1
            ) AS newest ON true
            WHERE EXISTS (
                SELECT 1 FROM unnest(newest.watched) AS w (xid)
                WHERE pg_visible_in_snapshot(w.xid, (SELECT pg_current_snapshot()))
            )
            OR EXISTS (
                SELECT 1 FROM workmill.again
                WHERE again.lane = l.lane AND again.seq >= coalesce(newest.again_from, 0)
            )
            OR EXISTS (
                SELECT 1 FROM workmill.job
                WHERE job.lane = l.lane AND job.xid IS NOT NULL
                AND (job.xid, job.seq) > (coalesce(newest.xid, '0'), coalesce(newest.seq, 0))
            );
            EXIT WHEN busy IS NULL;
            PERFORM workmill.lock_lanes(busy);
            IF taken = '{}' THEN
                moment := workmill.clock();
            END IF;
            lanes := busy; -- Another round must not lock what comes before these.
            IF cardinality(busy) = 1 THEN
                got := workmill.take_in_line(by_worker, by_engine, busy[1], need, moment);
                taken := taken || got;
                EXIT WHEN cardinality(got) > 0;
            END IF;
            -- Of each lane no more is looked at than its share; where that was too little, there is another round.
            most := need / cardinality(busy) + 1;
            WITH newest AS MATERIALIZED (
                SELECT
                    l.lane,
                    coalesce(m.number, 0) AS number,
                    coalesce(m.xid, '0') AS xid,
                    coalesce(m.seq, 0) AS seq,
                    coalesce(m.watched, '{}') AS watched,
                    coalesce(m.watched_from, '{}') AS watched_from,
                    coalesce(m.again_from, 0) AS again_from
                FROM unnest(busy) AS l (lane)
                LEFT JOIN LATERAL (
                    SELECT * FROM workmill.mark WHERE mark.lane = l.lane ORDER BY mark.number DESC LIMIT 1
                ) AS m ON true
                -- Whoever sets a rule waits for all who hold the lane, and marks it for those who come after.
                WHERE NOT coalesce(m.is_ruled, l.lane IN (SELECT ruled_lane.lane FROM workmill.ruled_lane))
            ), watched AS MATERIALIZED (
                SELECT
                    newest.lane, w.xid, w.seq,
                    pg_visible_in_snapshot(w.xid, (SELECT pg_current_snapshot())) AS has_ended
                FROM newest CROSS JOIN LATERAL unnest(newest.watched, newest.watched_from) AS w (xid, seq)
            ), head AS MATERIALIZED (
                SELECT 'again' AS road, newest.lane, NULL::xid8 AS xid, a.seq, a.seq AS place, a.token
                FROM newest CROSS JOIN LATERAL (
                    SELECT again.seq, job.token
                    FROM workmill.again JOIN workmill.job ON job.seq = again.seq
                    WHERE again.lane = newest.lane AND again.seq >= newest.again_from
                    ORDER BY again.seq LIMIT most
                ) AS a
                UNION ALL
                SELECT 'late', watched.lane, watched.xid, j.seq, j.seq, j.token
                FROM watched CROSS JOIN LATERAL (
                    SELECT job.seq, job.token FROM workmill.job
                    WHERE job.lane = watched.lane AND job.xid = watched.xid AND job.seq > watched.seq
                    ORDER BY job.seq LIMIT most
                ) AS j
                WHERE watched.has_ended
                UNION ALL
                SELECT
                    'mark', newest.lane, j.xid, j.seq,
                    max(j.seq) OVER (PARTITION BY newest.lane ORDER BY j.xid, j.seq), j.token
                FROM newest CROSS JOIN LATERAL (
                    SELECT job.xid, job.seq, job.token FROM workmill.job
                    WHERE job.lane = newest.lane AND job.xid IS NOT NULL
                    AND (job.xid, job.seq) > (newest.xid, newest.seq)
                    ORDER BY job.xid, job.seq LIMIT most
                ) AS j
            ), edge AS MATERIALIZED (
                -- Behind the end of a road that goes on, others of that road may come before.
                SELECT min(road.last) AS place FROM (
                    SELECT max(head.place) AS last FROM head
                    GROUP BY head.road, head.lane, CASE WHEN head.road = 'late' THEN head.xid END
                    HAVING count(*) = most
                ) AS road
            ), first AS MATERIALIZED (
                SELECT head.* FROM head CROSS JOIN edge
                WHERE edge.place IS NULL OR head.place <= edge.place
                ORDER BY head.place, head.xid, head.seq LIMIT need
            ), hold AS (
                INSERT INTO workmill.held (seq, token, worker, engine, started_at)
                SELECT first.seq, first.token + 1, by_worker, by_engine, moment FROM first
            ), pointed AS (
                DELETE FROM workmill.again USING first
                WHERE first.road = 'again' AND again.lane = first.lane AND again.seq = first.seq
            ), counted AS (
                INSERT INTO workmill.tally_change (lane, state, jobs)
                SELECT first.lane, change.state, change.sign * count(*)
                FROM first CROSS JOIN (VALUES ('queued', -1), ('running', 1)) AS change (state, sign)
                GROUP BY first.lane, change.state, change.sign
            ), reached AS MATERIALIZED (
                SELECT DISTINCT ON (first.lane) first.lane, first.xid, first.seq FROM first
                WHERE first.road = 'mark' ORDER BY first.lane, first.xid DESC, first.seq DESC
            ), left_over AS MATERIALIZED (
                -- The first that is queued again and was not taken; behind the last that was seen nobody has looked.
                SELECT
                    newest.lane,
                    coalesce(
                        min(head.seq) FILTER (WHERE first.seq IS NULL),
                        CASE WHEN count(head.seq) = most THEN max(head.seq) + 1 ELSE 9223372036854775807 END
                    ) AS again_from
                FROM newest
                LEFT JOIN head ON head.road = 'again' AND head.lane = newest.lane
                LEFT JOIN first ON first.seq = head.seq
                GROUP BY newest.lane
            ), marked AS (
                INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from, again_from)
                SELECT
                    newest.lane, newest.number + 1, coalesce(reached.xid, newest.xid),
                    coalesce(reached.seq, newest.seq),
                    still.xids, still.seqs, left_over.again_from
                FROM newest JOIN left_over ON left_over.lane = newest.lane
                LEFT JOIN reached ON reached.lane = newest.lane
                CROSS JOIN LATERAL (
                    SELECT
                        coalesce(array_agg(w.xid ORDER BY w.xid), '{}') AS xids,
                        coalesce(array_agg(w.seq ORDER BY w.xid), '{}') AS seqs
                    FROM (
                        SELECT watched.xid, coalesce(share.last, watched.seq) AS seq
                        FROM watched CROSS JOIN LATERAL (
                            SELECT max(first.seq) AS last, count(*) AS jobs FROM first
                            WHERE first.road = 'late' AND first.lane = watched.lane AND first.xid = watched.xid
                        ) AS share CROSS JOIN LATERAL (
                            SELECT count(*) AS jobs FROM head
                            WHERE head.road = 'late' AND head.lane = watched.lane AND head.xid = watched.xid
                        ) AS seen
                        -- One that has ended is watched until all of it was seen and taken.
                        WHERE watched.lane = newest.lane
                        AND (NOT watched.has_ended OR seen.jobs > share.jobs OR seen.jobs = most)
                        UNION ALL
                        SELECT x.xid, 0 FROM pg_snapshot_xip(pg_current_snapshot()) AS x (xid)
                        WHERE x.xid > newest.xid AND x.xid < reached.xid
                    ) AS w
                ) AS still
                WHERE reached.lane IS NOT NULL OR left_over.again_from > newest.again_from OR EXISTS (
                    SELECT 1 FROM watched WHERE watched.lane = newest.lane AND watched.has_ended
                )
            )
            SELECT array_agg(first.seq ORDER BY first.place, first.xid, first.seq), (SELECT place IS NOT NULL FROM edge)
            INTO got, goes_on FROM first;
            taken := taken || coalesce(got, '{}');
            EXIT WHEN NOT goes_on;
        END LOOP;
        EXIT WHEN cardinality(taken) >= wanted;
    END LOOP;
END $$;

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
