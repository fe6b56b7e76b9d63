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

-- :name begin
-- Whether it is noted when what is stored now was stored, and whether any queue is bounded.
SELECT json_array(
    ?1 IS (SELECT block FROM stretch ORDER BY seq DESC LIMIT 1),
    EXISTS (SELECT 1 FROM rule WHERE waiting IS NOT NULL)
);

-- :name stretch
INSERT OR REPLACE INTO stretch (seq, block) SELECT coalesce((SELECT max(seq) FROM job), 0) + 1, ?1;

-- :name same_id
SELECT CAST(json_group_array(json(body)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job_row ON job_row.seq = (SELECT seq FROM job WHERE id = wanted.value);

-- :name same_key
SELECT CAST(json_group_array(json(body)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job_row
    ON job_row.seq = (SELECT seq FROM job WHERE task = wanted.value ->> 0 AND key = wanted.value ->> 1);
