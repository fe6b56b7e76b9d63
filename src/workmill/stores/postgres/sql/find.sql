-- :name all
SELECT seq FROM workmill.job
WHERE seq < %(below)s AND created_at > %(after)s AND created_at < %(before)s ORDER BY seq DESC LIMIT %(limit)s;

-- :name some
-- Each kind of state is looked for where it is kept, newest first, and no kind further than the page goes.
SELECT seq FROM (
    (
        SELECT job.seq
        FROM unnest(%(finals)s::text[]) AS wanted (state)
        CROSS JOIN workmill.lane
        CROSS JOIN LATERAL (
            SELECT job.seq FROM workmill.done JOIN workmill.job USING (seq)
            WHERE done.state = wanted.state AND done.lane = lane.lane AND done.seq < %(below)s
            AND job.created_at > %(after)s AND job.created_at < %(before)s
            ORDER BY done.seq DESC LIMIT %(limit)s
        ) AS job
        WHERE (%(tasks)s::text[] IS NULL OR lane.task = ANY (%(tasks)s::text[]))
        AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
        ORDER BY job.seq DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT job.seq FROM workmill.held JOIN workmill.job USING (seq) JOIN workmill.lane USING (lane)
        WHERE 'running' = ANY (%(states)s::text[]) AND job.seq < %(below)s
        AND job.created_at > %(after)s AND job.created_at < %(before)s
        AND (%(tasks)s::text[] IS NULL OR lane.task = ANY (%(tasks)s::text[]))
        AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
        ORDER BY job.seq DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT job.seq FROM workmill.later JOIN workmill.job USING (seq) JOIN workmill.lane ON lane.lane = job.lane
        WHERE later.state = ANY (%(states)s::text[]) AND job.seq < %(below)s
        AND job.created_at > %(after)s AND job.created_at < %(before)s
        AND (%(tasks)s::text[] IS NULL OR lane.task = ANY (%(tasks)s::text[]))
        AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
        ORDER BY job.seq DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT job.seq FROM workmill.job JOIN workmill.lane USING (lane)
        WHERE 'queued' = ANY (%(states)s::text[]) AND job.seq < %(below)s
        AND job.created_at > %(after)s AND job.created_at < %(before)s
        AND (%(tasks)s::text[] IS NULL OR lane.task = ANY (%(tasks)s::text[]))
        AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
        AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = job.seq)
        AND NOT EXISTS (SELECT 1 FROM workmill.held WHERE held.seq = job.seq)
        AND NOT EXISTS (SELECT 1 FROM workmill.later WHERE later.seq = job.seq)
        ORDER BY job.seq DESC LIMIT %(limit)s
    )
) AS found ORDER BY seq DESC LIMIT %(limit)s;

-- :name rows
SELECT * FROM workmill.job_row WHERE seq = ANY (%s::bigint[]) ORDER BY seq DESC;
