-- :name place
-- The first place that a job of this moment can have, found by halving: later places are of later moments, nearly.
WITH RECURSIVE search (low, high) AS (
    SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) + 1 FROM workmill.job
    UNION ALL
    SELECT
        CASE WHEN probe.created_at < %(moment)s THEN probe.seq + 1 ELSE search.low END,
        CASE WHEN probe.created_at < %(moment)s THEN search.high ELSE (search.low + search.high) / 2 END
    FROM search CROSS JOIN LATERAL (
        SELECT job.seq, job.created_at FROM workmill.job
        WHERE job.seq >= (search.low + search.high) / 2 ORDER BY job.seq LIMIT 1
    ) AS probe
    WHERE search.low < search.high
)
SELECT low FROM search ORDER BY high - low LIMIT 1;

-- :name all
SELECT seq FROM workmill.job
WHERE seq < %(below)s AND seq >= %(above)s AND created_at > %(after)s AND created_at < %(before)s
ORDER BY seq DESC LIMIT %(limit)s;

-- :name tied
-- Those of flows or of schedules; each has an index of its own.
SELECT job.seq FROM workmill.job
JOIN workmill.lane USING (lane)
JOIN workmill.job_row AS r ON r.seq = job.seq
WHERE (%(flows)s::text[] IS NULL OR job.flow = ANY (%(flows)s::text[]))
AND (%(schedules)s::text[] IS NULL OR job.schedule = ANY (%(schedules)s::text[]))
AND (%(tasks)s::text[] IS NULL OR lane.task = ANY (%(tasks)s::text[]))
AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
AND job.seq < %(below)s AND job.seq >= %(above)s
AND job.created_at > %(after)s AND job.created_at < %(before)s
AND r.state = ANY (%(states)s::text[])
ORDER BY job.seq DESC LIMIT %(limit)s;

-- :name near
-- How far down the newest so many jobs reach; nothing where these are all.
SELECT min(seq) FROM (
    SELECT seq FROM workmill.job WHERE seq < %(below)s AND seq >= %(above)s ORDER BY seq DESC LIMIT %(window)s
) AS newest HAVING count(*) = %(window)s;

-- :name some
-- Each kind of state is looked for where it is kept, newest first, and no kind further than the page goes. Queued jobs
-- are looked for among the newest jobs, down to `near`; where `near` is null, in the line of each lane.
WITH wanted AS MATERIALIZED (
    SELECT lane FROM workmill.lane
    WHERE (%(tasks)s::text[] IS NULL OR task = ANY (%(tasks)s::text[]))
    AND (%(queues)s::text[] IS NULL OR queue = ANY (%(queues)s::text[]))
)
SELECT seq FROM (
    (
        SELECT found.seq
        FROM unnest(%(finals)s::text[]) AS final (state)
        CROSS JOIN wanted
        CROSS JOIN LATERAL (
            SELECT job.seq FROM workmill.done JOIN workmill.job USING (seq)
            WHERE done.state = final.state AND done.lane = wanted.lane
            AND done.seq < %(below)s AND done.seq >= %(above)s
            AND job.created_at > %(after)s AND job.created_at < %(before)s
            ORDER BY done.seq DESC LIMIT %(limit)s
        ) AS found
        ORDER BY found.seq DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT held.seq FROM workmill.held JOIN workmill.job USING (seq)
        WHERE 'running' = ANY (%(states)s::text[]) AND held.seq < %(below)s AND held.seq >= %(above)s
        AND job.created_at > %(after)s AND job.created_at < %(before)s
        AND job.lane IN (SELECT lane FROM wanted)
        ORDER BY held.seq DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT waiting.seq FROM (
            SELECT later.seq FROM workmill.later
            WHERE later.state = ANY (%(states)s::text[]) AND later.seq < %(below)s AND later.seq >= %(above)s
            AND later.lane = ANY (ARRAY(SELECT lane FROM wanted))
            ORDER BY later.seq DESC
        ) AS waiting JOIN workmill.job USING (seq)
        WHERE job.created_at > %(after)s AND job.created_at < %(before)s
        ORDER BY waiting.seq DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT job.seq FROM workmill.job
        WHERE 'queued' = ANY (%(states)s::text[]) AND job.seq < %(below)s AND job.seq >= %(near)s::bigint
        AND job.created_at > %(after)s AND job.created_at < %(before)s
        AND job.lane = ANY (ARRAY(SELECT lane FROM wanted))
        AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = job.seq)
        AND NOT EXISTS (SELECT 1 FROM workmill.held WHERE held.seq = job.seq)
        AND NOT EXISTS (SELECT 1 FROM workmill.later WHERE later.seq = job.seq)
        ORDER BY job.seq DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT line.seq
        FROM wanted
        LEFT JOIN LATERAL (
            SELECT mark.xid, mark.seq, mark.watched, mark.watched_from, mark.again_from FROM workmill.mark
            WHERE mark.lane = wanted.lane ORDER BY mark.number DESC LIMIT 1
        ) AS newest ON true
        CROSS JOIN LATERAL (
            SELECT job.seq, job.created_at FROM workmill.job
            WHERE job.lane = wanted.lane AND job.xid IS NOT NULL
            AND (job.xid, job.seq) > (coalesce(newest.xid, '0'), coalesce(newest.seq, 0))
            UNION ALL
            SELECT job.seq, job.created_at FROM unnest(newest.watched, newest.watched_from) AS watched (xid, seq)
            JOIN workmill.job ON job.lane = wanted.lane AND job.xid = watched.xid AND job.seq > watched.seq
            UNION ALL
            SELECT job.seq, job.created_at FROM workmill.again JOIN workmill.job USING (seq)
            WHERE again.lane = wanted.lane AND again.seq >= coalesce(newest.again_from, 0)
            UNION ALL
            SELECT job.seq, job.created_at
            FROM workmill.strand JOIN workmill.apart USING (strand) JOIN workmill.job USING (seq)
            WHERE strand.lane = wanted.lane AND apart.seq >= strand.head
        ) AS line
        WHERE %(near)s::bigint IS NULL AND 'queued' = ANY (%(states)s::text[])
        AND line.seq < %(below)s AND line.seq >= %(above)s
        AND line.created_at > %(after)s AND line.created_at < %(before)s
        ORDER BY line.seq DESC LIMIT %(limit)s
    )
) AS found ORDER BY seq DESC LIMIT %(limit)s;

-- :name rows
SELECT * FROM workmill.job_row WHERE seq = ANY (%s::bigint[]) ORDER BY seq DESC;
