-- :name lanes
-- Until when the worker's lease lasts, and the lanes with anything for it. Only lanes of known tasks are looked at, so
-- that a backlog of others costs nothing.
SELECT json_array(
    (SELECT lease_ends_at FROM worker WHERE id = ?1),
    json((
        SELECT json_group_array(json_array(tally.task, tally.queue))
        FROM json_each(?2) AS known CROSS JOIN tally ON tally.state = 'queued' AND tally.task = known.value
        WHERE tally.jobs > 0 AND (?3 IS NULL OR tally.queue IN (SELECT value FROM json_each(?3)))
    ))
);

-- :name one_lane
SELECT CAST(json_group_array(json_array(
    seq, id, task, queue, priority, args, policy, key, attempt, deaths, token, version, progress, failure, created_at,
    run_at
)) AS BLOB)
FROM (
    SELECT * FROM job INDEXED BY job_queued
    WHERE state = 'queued' AND task = ?1 AND queue = ?2
    ORDER BY priority DESC, seq LIMIT ?3
);

-- :name many_lanes
-- The first `limit` of every lane compete; no lane is read further than that.
SELECT CAST(json_group_array(json_array(
    seq, id, task, queue, priority, args, policy, key, attempt, deaths, token, version, progress, failure, created_at,
    run_at
)) AS BLOB)
FROM (
    SELECT job.* FROM json_each(?1) AS lane CROSS JOIN job ON job.seq IN (
        SELECT queued.seq FROM job AS queued INDEXED BY job_queued
        WHERE queued.state = 'queued' AND queued.task = lane.value ->> 0 AND queued.queue = lane.value ->> 1
        ORDER BY queued.priority DESC, queued.seq LIMIT ?2
    )
    ORDER BY job.priority DESC, job.seq LIMIT ?2
);

-- :name take
UPDATE job SET
    state = 'running', attempt = attempt + 1, token = token + 1, version = version + 1,
    worker = ?2, engine = ?3, started_at = ?4
WHERE seq IN (SELECT value FROM json_each(?1));
