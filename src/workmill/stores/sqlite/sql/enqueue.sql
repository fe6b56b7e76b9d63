-- :name insert
INSERT INTO job (id, task, queue, priority, state, args, policy, key, created_at, run_at, retry_of) VALUES
(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) -- :each
;

-- :name insert_tied
INSERT INTO job (
    id, task, queue, priority, state, args, policy, key, created_at, run_at, retry_of, ties, strand, begin_by, followed,
    failure, cancel_reason, finished_at, expires_at
) VALUES
(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) -- :each
;

-- :name stretch
INSERT OR REPLACE INTO stretch (seq, block)
SELECT coalesce((SELECT max(seq) FROM job), 0) + 1, ?1
WHERE ?1 IS NOT (SELECT block FROM stretch ORDER BY seq DESC LIMIT 1);

-- :name same_id
SELECT CAST(json_group_array(json(body)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job_row ON job_row.seq = (SELECT seq FROM job WHERE id = wanted.value);

-- :name same_key
SELECT CAST(json_group_array(json(body)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job_row
    ON job_row.seq = (SELECT seq FROM job WHERE task = wanted.value ->> 0 AND key = wanted.value ->> 1);
