-- :name look
WITH wanted (place, id, token) AS (VALUES
(?, ?, ?) -- :each
)
SELECT json_group_array(json_array(
    wanted.place, job.seq, job.task, job.queue, job.attempt, job.worker, job.started_at, job.cancel_requested_at,
    json(CASE
        WHEN job.ties IS NOT NULL OR job.strand IS NOT NULL OR job.followed IS NOT NULL
            OR (SELECT EXISTS (SELECT 1 FROM rule WHERE running IS NOT NULL))
        THEN json_array(
            job.ties, job.strand, job.followed, (SELECT EXISTS (SELECT 1 FROM rule WHERE running IS NOT NULL))
        )
    END)
))
FROM wanted CROSS JOIN job ON job.id = wanted.id AND job.state = 'running' AND job.token = wanted.token;

-- :name apply
WITH ended (seq, state, attempt, deaths, run_at, finished_at, expires_at, result, failure, reason) AS (VALUES
(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) -- :each
)
UPDATE job SET
    state = ended.state,
    attempt = ended.attempt,
    deaths = ended.deaths,
    run_at = coalesce(ended.run_at, job.run_at),
    finished_at = ended.finished_at,
    expires_at = ended.expires_at,
    result = ended.result,
    failure = iif(ended.state = 'succeeded', NULL, coalesce(ended.failure, job.failure)),
    cancel_reason = coalesce(ended.reason, job.cancel_reason),
    version = version + 1
FROM ended WHERE job.seq = ended.seq;

-- :name record
INSERT INTO attempt (seq, token, number, worker, started_at, ended_at, ending, failure) VALUES
(?, ?, ?, ?, ?, ?, ?, ?) -- :each
;
