-- :name due
SELECT json_group_array(json_array(seq, state, task, queue)) FROM (
    SELECT seq, state, task, queue FROM job INDEXED BY job_expiry WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2
);

-- :name attempts
DELETE FROM attempt WHERE seq IN (SELECT value FROM json_each(?1));

-- :name jobs
DELETE FROM job WHERE seq IN (SELECT value FROM json_each(?1));

-- :name empty_ends
-- Behind the newest job, where the next one will be, and before the oldest.
DELETE FROM stretch
WHERE seq > coalesce((SELECT max(seq) FROM job), 0)
OR seq < (SELECT max(seq) FROM stretch WHERE seq <= (SELECT min(seq) FROM job));
