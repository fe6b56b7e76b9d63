-- :name lanes
-- Until when the worker's lease lasts, the lanes with anything for it, and whether there is any rule or strand to heed.
-- Only lanes of known tasks are looked at, so that a backlog of others costs nothing.
SELECT json_array(
    (SELECT lease_ends_at FROM worker WHERE id = ?1),
    json((
        SELECT json_group_array(json_array(tally.task, tally.queue))
        FROM json_each(?2) AS known CROSS JOIN tally ON tally.state = 'queued' AND tally.task = known.value
        WHERE tally.jobs > 0 AND (?3 IS NULL OR tally.queue IN (SELECT value FROM json_each(?3)))
        AND NOT EXISTS (SELECT 1 FROM pause WHERE pause.queue = tally.queue)
    )),
    EXISTS (SELECT 1 FROM strand INDEXED BY strand_open WHERE head IS NOT NULL AND held_by IS NULL)
    OR EXISTS (SELECT 1 FROM rule WHERE scope <> 'key' AND (running IS NOT NULL OR rate_count IS NOT NULL))
    OR EXISTS (SELECT 1 FROM gate INDEXED BY gate_opening WHERE opens_at IS NOT NULL AND opens_at <= ?4)
);

-- :name one_lane
SELECT CAST(json_group_array(json_array(
    seq, id, task, queue, priority, args, policy, key, attempt, deaths, token, version, progress, failure, created_at,
    run_at, retry_of, ties
)) AS BLOB)
FROM (
    SELECT * FROM job INDEXED BY job_queued
    WHERE state = 'queued' AND strand IS NULL AND task = ?1 AND queue = ?2
    ORDER BY priority DESC, seq LIMIT ?3
);

-- :name heads
-- The first of each lane, and of no lane more than are asked for.
SELECT json_group_array(json((
    SELECT json_group_array(json_array(-priority, seq)) FROM (
        SELECT priority, seq FROM job INDEXED BY job_queued
        WHERE state = 'queued' AND strand IS NULL AND task = lane.value ->> 0 AND queue = lane.value ->> 1
        ORDER BY priority DESC, seq LIMIT ?2
    )
)))
FROM json_each(?1) AS lane;

-- :name places
SELECT CAST(json_group_array(json_array(
    seq, id, task, queue, priority, args, policy, key, attempt, deaths, token, version, progress, failure, created_at,
    run_at, retry_of, ties
)) AS BLOB)
FROM (SELECT job.* FROM json_each(?1) AS place CROSS JOIN job ON job.seq = place.value);

-- :name take
UPDATE job SET
    state = 'running', attempt = attempt + 1, token = token + 1, version = version + 1,
    worker = ?2, engine = ?3, started_at = ?4
WHERE seq IN (SELECT value FROM json_each(?1));

-- :name in_time
UPDATE job SET begin_by = NULL WHERE seq IN (SELECT value FROM json_each(?1));
