-- :name add
INSERT INTO tally (state, task, queue, jobs) VALUES
(?, ?, ?, ?) -- :each
ON CONFLICT (state, task, queue) DO UPDATE SET jobs = jobs + excluded.jobs;

-- :name drop_zeros
DELETE FROM tally WHERE jobs = 0;

-- :name counts
SELECT json_group_array(json_array(queue, task, state, jobs)) FROM (
    SELECT * FROM tally WHERE jobs > 0 ORDER BY queue, task, state
);

-- :name recount
INSERT INTO tally (state, task, queue, jobs)
SELECT 'queued', ?1, ?2, sum(jobs) FROM (
    SELECT count(*) AS jobs FROM job INDEXED BY job_queued
    WHERE state = 'queued' AND strand IS NULL AND task = ?1 AND queue = ?2
    UNION ALL
    SELECT count(*) FROM job INDEXED BY job_listing
    WHERE (state NOT IN ('queued', 'running') OR strand IS NOT NULL) AND state = 'queued' AND task = ?1 AND queue = ?2
)
WHERE TRUE
ON CONFLICT (state, task, queue) DO UPDATE SET jobs = excluded.jobs;
