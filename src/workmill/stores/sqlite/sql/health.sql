-- :name newest
SELECT created_at FROM job ORDER BY seq DESC LIMIT 1;

-- :name uncounted
-- The lanes that hold queued jobs although the tally knows of none: no claim would find them. Steps from lane to lane.
WITH RECURSIVE lane (place, queue, task) AS (
    SELECT * FROM (
        SELECT seq, queue, task FROM job INDEXED BY job_queued WHERE state = 'queued' AND strand IS NULL
        ORDER BY queue, task LIMIT 1
    )
    UNION ALL
    SELECT following.seq, following.queue, following.task
    FROM lane CROSS JOIN job AS following ON following.seq = coalesce(
        (
            SELECT seq FROM job INDEXED BY job_queued
            WHERE state = 'queued' AND strand IS NULL AND queue = lane.queue AND task > lane.task ORDER BY task LIMIT 1
        ),
        (
            SELECT seq FROM job INDEXED BY job_queued
            WHERE state = 'queued' AND strand IS NULL AND queue > lane.queue ORDER BY queue, task LIMIT 1
        )
    )
)
SELECT json_group_array(json_array(task, queue)) FROM lane WHERE NOT EXISTS (
    SELECT 1 FROM tally
    WHERE tally.state = 'queued' AND tally.task = lane.task AND tally.queue = lane.queue AND tally.jobs > 0
);

-- :name touch
-- Writes nothing, and is refused where nothing could be written: a file that is read-only lets even BEGIN IMMEDIATE pass.
DELETE FROM job WHERE FALSE;
