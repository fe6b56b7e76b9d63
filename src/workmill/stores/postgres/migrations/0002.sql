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
