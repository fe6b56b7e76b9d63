-- What a claim looks at where rules hold.

-- The lanes that a claim may take from and where there is something to take, or was: without any lock.
CREATE FUNCTION workmill.busy_lanes(from_queues text[], of_tasks text[], moment bigint) RETURNS integer[]
LANGUAGE sql STABLE AS $$
    SELECT array_agg(lane.lane)
    FROM workmill.lane
    LEFT JOIN LATERAL (
        SELECT mark.xid, mark.seq, mark.watched, mark.again_from FROM workmill.mark
        WHERE mark.lane = lane.lane ORDER BY mark.number DESC LIMIT 1
    ) AS newest ON true
    WHERE lane.task = ANY (of_tasks) AND (from_queues IS NULL OR lane.queue = ANY (from_queues))
    AND NOT EXISTS (SELECT 1 FROM workmill.pause WHERE pause.queue = lane.queue)
    AND (
        EXISTS (
            SELECT 1 FROM unnest(newest.watched) AS w (xid)
            WHERE pg_visible_in_snapshot(w.xid, (SELECT pg_current_snapshot()))
        )
        OR EXISTS (
            SELECT 1 FROM workmill.again
            WHERE again.lane = lane.lane AND again.seq >= coalesce(newest.again_from, 0)
        )
        OR EXISTS (
            SELECT 1 FROM workmill.job
            WHERE job.lane = lane.lane AND job.xid IS NOT NULL
            AND (job.xid, job.seq) > (coalesce(newest.xid, '0'), coalesce(newest.seq, 0))
        )
        OR EXISTS (SELECT 1 FROM workmill.strand WHERE strand.lane = lane.lane AND strand.shut_name IS NULL)
        OR EXISTS (
            SELECT 1 FROM workmill.opened
            JOIN workmill.strand ON strand.shut_name = opened.name AND strand.shut_key = opened.key
            WHERE strand.lane = lane.lane
        )
        OR EXISTS (
            SELECT 1 FROM workmill.strand WHERE strand.opens_at <= moment AND strand.lane = lane.lane
        )
    )
$$;

-- The rules under which the jobs of a lane begin that pass some gates, those about keys last.
CREATE FUNCTION workmill.rules_on(of_lane integer, gates text[]) RETURNS TABLE (scope text, name text, key text)
LANGUAGE sql STABLE AS $$
    SELECT rule.scope, rule.name, ''
    FROM workmill.lane JOIN workmill.rule
    ON (rule.scope = 'task' AND rule.name = lane.task) OR (rule.scope = 'queue' AND rule.name = lane.queue)
    WHERE lane.lane = of_lane AND (rule.running IS NOT NULL OR rule.rate_count IS NOT NULL)
    UNION ALL
    SELECT rule.scope, rule.name, gates[2 * gate.number]
    FROM generate_series(1, cardinality(gates) / 2) AS gate (number)
    JOIN workmill.rule ON rule.scope = 'key' AND rule.name = gates[2 * gate.number - 1]
    WHERE rule.running IS NOT NULL OR rule.rate_count IS NOT NULL
$$;

-- How many more may begin under one rule, and, where it is a rate that lets none, when it does.
CREATE FUNCTION workmill.room_at(
    of_scope text, of_name text, of_key text, moment bigint, OUT room bigint, OUT opens_at bigint
) LANGUAGE plpgsql AS $$
DECLARE
    r workmill.rule;
    begun bigint;
BEGIN
    SELECT * INTO r FROM workmill.rule WHERE rule.scope = of_scope AND rule.name = of_name;
    IF r.running IS NOT NULL THEN
        room := greatest(r.running - CASE of_scope
            WHEN 'key' THEN (
                SELECT count(*) FROM workmill.passed WHERE passed.name = of_name AND passed.key = of_key
            )
            WHEN 'task' THEN (
                SELECT count(*) FROM workmill.held JOIN workmill.job ON job.seq = held.seq
                JOIN workmill.lane ON lane.lane = job.lane WHERE lane.task = of_name
            )
            ELSE (
                SELECT count(*) FROM workmill.held JOIN workmill.job ON job.seq = held.seq
                JOIN workmill.lane ON lane.lane = job.lane WHERE lane.queue = of_name
            )
        END, 0);
    END IF;
    IF r.rate_count IS NOT NULL THEN
        SELECT count(*) INTO begun FROM workmill.start
        WHERE start.scope = of_scope AND start.name = of_name AND start.key = of_key
        AND start.started_at > moment - r.rate_per;
        room := least(room, greatest(r.rate_count - begun, 0));
        IF begun >= r.rate_count THEN
            -- It lets one begin when so many of the newest are left that there is one less than it allows.
            SELECT workmill.after(start.started_at, r.rate_per) INTO opens_at FROM workmill.start
            WHERE start.scope = of_scope AND start.name = of_name AND start.key = of_key
            ORDER BY start.started_at DESC OFFSET r.rate_count - 1 LIMIT 1;
        END IF;
    END IF;
END $$;

-- What comes first on all roads to the jobs of some locked lanes, see `take`: at most `most` on each road to a line, and
-- of the strands given as many of each. `edge` is the place behind which others may come that were not looked at.
CREATE FUNCTION workmill.heads(lanes integer[], strands bigint[], strand_edge bigint, most integer, moment bigint)
RETURNS SETOF workmill.head LANGUAGE sql STABLE AS $$
    WITH newest AS MATERIALIZED (
        SELECT
            l.lane,
            coalesce(m.xid, '0') AS xid,
            coalesce(m.seq, 0) AS seq,
            coalesce(m.watched, '{}') AS watched,
            coalesce(m.watched_from, '{}') AS watched_from,
            coalesce(m.again_from, 0) AS again_from
        FROM unnest(lanes) AS l (lane)
        LEFT JOIN LATERAL (
            SELECT * FROM workmill.mark WHERE mark.lane = l.lane ORDER BY mark.number DESC LIMIT 1
        ) AS m ON true
    ), few AS MATERIALIZED (
        SELECT most / greatest(cardinality(strands), 1) + 1 AS jobs
    ), head AS MATERIALIZED (
        SELECT
            'again' AS road, newest.lane, NULL::bigint AS strand, NULL::xid8 AS xid, a.seq, a.seq AS place, a.token,
            NULL::text[] AS gates
        FROM newest CROSS JOIN LATERAL (
            SELECT again.seq, job.token
            FROM workmill.again JOIN workmill.job ON job.seq = again.seq
            WHERE again.lane = newest.lane AND again.seq >= newest.again_from
            ORDER BY again.seq LIMIT most
        ) AS a
        UNION ALL
        SELECT 'late', newest.lane, NULL, w.xid, j.seq, j.seq, j.token, NULL
        FROM newest CROSS JOIN LATERAL unnest(newest.watched, newest.watched_from) AS w (xid, seq)
        CROSS JOIN LATERAL (
            SELECT job.seq, job.token FROM workmill.job
            WHERE job.lane = newest.lane AND job.xid = w.xid AND job.seq > w.seq
            ORDER BY job.seq LIMIT most
        ) AS j
        WHERE pg_visible_in_snapshot(w.xid, (SELECT pg_current_snapshot()))
        UNION ALL
        SELECT
            'mark', newest.lane, NULL, j.xid, j.seq,
            max(j.seq) OVER (PARTITION BY newest.lane ORDER BY j.xid, j.seq), j.token, NULL
        FROM newest CROSS JOIN LATERAL (
            SELECT job.xid, job.seq, job.token FROM workmill.job
            WHERE job.lane = newest.lane AND job.xid IS NOT NULL
            AND (job.xid, job.seq) > (newest.xid, newest.seq)
            ORDER BY job.xid, job.seq LIMIT most
        ) AS j
        UNION ALL
        SELECT 'apart', strand.lane, strand.strand, NULL, j.seq, j.seq, j.token, strand.gates
        FROM unnest(strands) AS s (strand) JOIN workmill.strand ON strand.strand = s.strand CROSS JOIN few
        CROSS JOIN LATERAL (
            SELECT apart.seq, job.token FROM workmill.apart JOIN workmill.job ON job.seq = apart.seq
            WHERE apart.strand = strand.strand AND apart.seq >= strand.head
            AND NOT EXISTS (
                SELECT 1 FROM workmill.expiry WHERE expiry.seq = apart.seq AND expiry.begins_by <= moment
            )
            ORDER BY apart.seq LIMIT few.jobs
        ) AS j
    ), edge AS MATERIALIZED (
        -- Behind the end of a road that goes on, others of that road may come before.
        SELECT least(min(road.last), strand_edge) AS place FROM (
            SELECT max(head.place) AS last FROM head CROSS JOIN few
            GROUP BY head.road, head.lane, head.strand, CASE WHEN head.road = 'late' THEN head.xid END
            HAVING count(*) = max(CASE WHEN head.road = 'apart' THEN few.jobs ELSE most END)
        ) AS road
    )
    SELECT head.road, head.lane, head.strand, head.xid, head.seq, head.place, head.token, head.gates, edge.place
    FROM head CROSS JOIN edge
$$;

-- Hold what was chosen of the heads of some locked lanes, and let the marks of their lines know. What
-- had ended when the heads were looked at counts, and nothing that has ended since: nobody has seen its jobs.
CREATE FUNCTION workmill.advance(
    lanes integer[], heads workmill.head[], seen_in pg_snapshot, chosen bigint[], most integer, by_worker text,
    by_engine integer, moment bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH newest AS MATERIALIZED (
        SELECT
            l.lane,
            coalesce(m.number, 0) AS number,
            coalesce(m.xid, '0') AS xid,
            coalesce(m.seq, 0) AS seq,
            coalesce(m.watched, '{}') AS watched,
            coalesce(m.watched_from, '{}') AS watched_from,
            coalesce(m.again_from, 0) AS again_from,
            coalesce(m.is_ruled, l.lane IN (SELECT ruled_lane.lane FROM workmill.ruled_lane)) AS is_ruled
        FROM unnest(lanes) AS l (lane)
        LEFT JOIN LATERAL (
            SELECT * FROM workmill.mark WHERE mark.lane = l.lane ORDER BY mark.number DESC LIMIT 1
        ) AS m ON true
    ), watched AS MATERIALIZED (
        SELECT
            newest.lane, w.xid, w.seq, pg_visible_in_snapshot(w.xid, seen_in) AS has_ended
        FROM newest CROSS JOIN LATERAL unnest(newest.watched, newest.watched_from) AS w (xid, seq)
    ), head AS MATERIALIZED (
        SELECT * FROM unnest(heads)
    ), first AS MATERIALIZED (
        SELECT head.* FROM unnest(chosen) AS c (seq) JOIN head ON head.seq = c.seq
    ), hold AS (
        INSERT INTO workmill.held (seq, token, worker, engine, started_at)
        SELECT first.seq, first.token + 1, by_worker, by_engine, moment FROM first
    ), pointed AS (
        DELETE FROM workmill.again USING first
        WHERE first.road = 'again' AND again.lane = first.lane AND again.seq = first.seq
    ), parted AS (
        DELETE FROM workmill.apart USING first
        WHERE first.road = 'apart' AND apart.strand = first.strand AND apart.seq = first.seq
    ), begun AS (
        DELETE FROM workmill.expiry USING first WHERE first.road = 'apart' AND expiry.seq = first.seq
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
    )
    INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from, again_from, is_ruled)
    SELECT
        newest.lane, newest.number + 1, coalesce(reached.xid, newest.xid), coalesce(reached.seq, newest.seq),
        still.xids, still.seqs, left_over.again_from, newest.is_ruled
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
            SELECT x.xid, 0 FROM pg_snapshot_xip(seen_in) AS x (xid)
            WHERE x.xid > newest.xid AND x.xid < reached.xid
        ) AS w
    ) AS still
    WHERE reached.lane IS NOT NULL OR left_over.again_from > newest.again_from OR EXISTS (
        SELECT 1 FROM watched WHERE watched.lane = newest.lane AND watched.has_ended
    );
END $$;

-- Open the strands whose gates jobs have left, or whose time has come, for claims to look at again; answers whether a
-- time has. That is left for whoever promotes to see, who tells of it: claims may come before that, and for other lanes.
CREATE FUNCTION workmill.open_strands(moment bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM workmill.opened RETURNING opened.name, opened.key
    )
    UPDATE workmill.strand SET shut_name = NULL, shut_key = NULL, opens_at = NULL
    FROM (SELECT DISTINCT gone.name, gone.key FROM gone) AS gate
    WHERE strand.shut_name = gate.name AND strand.shut_key = gate.key;
    UPDATE workmill.strand SET shut_name = NULL, shut_key = NULL
    WHERE strand.opens_at <= moment AND strand.shut_name IS NOT NULL;
    RETURN FOUND;
END $$;

-- Let strands begin where their first job is, and drop empty ones, but for those that somebody is adding to.
CREATE FUNCTION workmill.tidy_strands(strands bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    free bigint[];
BEGIN
    SELECT array_agg(s.strand) INTO free FROM (
        SELECT strand.strand FROM workmill.strand WHERE strand.strand = ANY (strands)
        ORDER BY strand.strand FOR UPDATE SKIP LOCKED
    ) AS s;
    -- A statement of its own: whoever has added to one of these has committed.
    WITH looked AS MATERIALIZED (
        SELECT s.strand, strand.head, (
            SELECT apart.seq FROM workmill.apart
            WHERE apart.strand = s.strand AND apart.seq >= strand.head ORDER BY apart.seq LIMIT 1
        ) AS first
        FROM unnest(free) AS s (strand) JOIN workmill.strand ON strand.strand = s.strand
    ), dropped AS (
        DELETE FROM workmill.strand USING looked WHERE looked.first IS NULL AND strand.strand = looked.strand
    )
    UPDATE workmill.strand SET head = looked.first FROM looked
    WHERE strand.strand = looked.strand AND looked.first > looked.head;
END $$;
