-- :name all
SELECT json_group_array(seq) FROM (SELECT seq FROM job WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2);

-- :name first
-- Before this place there is no job that was created in or after a block.
SELECT min(seq) FROM stretch WHERE block >= ?1;

-- :name last
-- From this place on there is no job that was created in or before a block.
SELECT min(seq) FROM stretch WHERE seq > coalesce((SELECT max(seq) FROM stretch WHERE block <= ?1), -1);

-- :name lanes
-- The kinds of jobs that match, from the tally: only those are looked for.
SELECT json_group_array(json_array(state, task, queue)) FROM tally
WHERE jobs > 0
AND (?1 IS NULL OR state IN (SELECT value FROM json_each(?1)))
AND (?2 IS NULL OR task IN (SELECT value FROM json_each(?2)))
AND (?3 IS NULL OR queue IN (SELECT value FROM json_each(?3)));

-- :name resting
-- The newest of each lane compete; no lane is read further than that.
SELECT json_group_array(seq) FROM (
    SELECT job.seq FROM json_each(?1) AS lane CROSS JOIN job ON job.seq IN (
        SELECT resting.seq FROM job AS resting INDEXED BY job_listing
        WHERE (resting.state NOT IN ('queued', 'running') OR resting.strand IS NOT NULL) AND resting.state = lane.value ->> 0
        AND resting.task = lane.value ->> 1 AND resting.queue = lane.value ->> 2
        AND resting.seq BETWEEN ?2 AND ?3 AND resting.created_at > ?4 AND resting.created_at < ?5
        ORDER BY resting.seq DESC LIMIT ?6
    )
    ORDER BY job.seq DESC LIMIT ?6
);

-- :name running
-- There are never more of them than workers have room for.
SELECT json_group_array(seq) FROM (
    SELECT running.seq FROM json_each(?1) AS lane CROSS JOIN job AS running INDEXED BY job_running
    WHERE running.state = 'running' AND running.task = lane.value ->> 1 AND running.queue = lane.value ->> 2
    AND running.seq BETWEEN ?2 AND ?3 AND running.created_at > ?4 AND running.created_at < ?5
    ORDER BY running.seq DESC LIMIT ?6
);

-- :name queued
-- A lane is in the order of its claims: within one priority the newest are at the end, so each priority that occurs is
-- found by a step to the next lower one.
SELECT json_group_array(seq) FROM (
    WITH RECURSIVE level (task, queue, priority) AS (
        SELECT lane.value ->> 1, lane.value ->> 2, (
            SELECT job.priority FROM job INDEXED BY job_queued
            WHERE job.state = 'queued' AND job.strand IS NULL AND job.task = lane.value ->> 1 AND job.queue = lane.value ->> 2
            ORDER BY job.priority DESC LIMIT 1
        )
        FROM json_each(?1) AS lane
        UNION ALL
        SELECT level.task, level.queue, (
            SELECT job.priority FROM job INDEXED BY job_queued
            WHERE job.state = 'queued' AND job.strand IS NULL AND job.task = level.task AND job.queue = level.queue
            AND job.priority < level.priority
            ORDER BY job.priority DESC LIMIT 1
        )
        FROM level WHERE level.priority IS NOT NULL
    )
    SELECT job.seq FROM level CROSS JOIN job ON job.seq IN (
        SELECT queued.seq FROM job AS queued INDEXED BY job_queued
        WHERE queued.state = 'queued' AND queued.strand IS NULL AND queued.task = level.task AND queued.queue = level.queue
        AND queued.priority = level.priority
        AND queued.seq BETWEEN ?2 AND ?3 AND queued.created_at > ?4 AND queued.created_at < ?5
        ORDER BY queued.seq DESC LIMIT ?6
    )
    ORDER BY job.seq DESC LIMIT ?6
);

-- :name of_flows
SELECT json_group_array(seq) FROM (
    SELECT job.seq
    FROM json_each(?1) AS wanted CROSS JOIN flow ON flow.id = wanted.value
    CROSS JOIN member ON member.flow = flow.seq AND member.job BETWEEN ?3 AND ?4
    CROSS JOIN job ON job.seq = member.job
    WHERE job.created_at > ?5 AND job.created_at < ?6
    AND (?2 IS NULL OR EXISTS (
        SELECT 1 FROM json_each(?2) AS named CROSS JOIN made ON made.schedule = named.value AND made.job = job.seq
    ))
    AND (?8 IS NULL OR job.state IN (SELECT value FROM json_each(?8)))
    AND (?9 IS NULL OR job.task IN (SELECT value FROM json_each(?9)))
    AND (?10 IS NULL OR job.queue IN (SELECT value FROM json_each(?10)))
    ORDER BY job.seq DESC LIMIT ?7
);

-- :name of_schedules
SELECT json_group_array(seq) FROM (
    SELECT job.seq
    FROM json_each(?2) AS wanted CROSS JOIN made ON made.schedule = wanted.value AND made.job BETWEEN ?3 AND ?4
    CROSS JOIN job ON job.seq = made.job
    WHERE ?1 IS NULL AND job.created_at > ?5 AND job.created_at < ?6
    AND (?8 IS NULL OR job.state IN (SELECT value FROM json_each(?8)))
    AND (?9 IS NULL OR job.task IN (SELECT value FROM json_each(?9)))
    AND (?10 IS NULL OR job.queue IN (SELECT value FROM json_each(?10)))
    ORDER BY job.seq DESC LIMIT ?7
);
