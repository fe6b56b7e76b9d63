-- :name look
SELECT json_group_array(json_array(
    wanted.key, job.seq, job.task, job.queue, job.attempt, job.worker, job.started_at, job.cancel_requested_at
))
FROM json_each(?1) AS wanted CROSS JOIN job
    ON job.id = wanted.value ->> 0 AND job.state = 'running' AND job.token = wanted.value ->> 1;

-- :name apply
UPDATE job SET
    state = ended.value ->> 1,
    attempt = ended.value ->> 2,
    deaths = ended.value ->> 3,
    run_at = coalesce(ended.value ->> 4, run_at),
    finished_at = iif(ended.value ->> 5 IS NULL, NULL, ?2),
    expires_at = ended.value ->> 5,
    result = ended.value ->> 6,
    failure = iif(ended.value ->> 1 = 'succeeded', NULL, coalesce(ended.value ->> 7, failure)),
    cancel_reason = coalesce(ended.value ->> 8, cancel_reason),
    version = version + 1
FROM json_each(?1) AS ended
WHERE job.seq = ended.value ->> 0;

-- :name record
INSERT INTO attempt (seq, token, number, worker, started_at, ended_at, ending, failure)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2, value ->> 5, value ->> 6
FROM json_each(?1);
