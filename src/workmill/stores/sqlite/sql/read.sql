-- :name touch
SELECT 1 FROM tally LIMIT 1;

-- :name jobs
SELECT CAST(json_group_array(json(body)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job_row ON job_row.seq = (SELECT seq FROM job WHERE id = wanted.value);

-- :name places
SELECT CAST(json_group_array(json(body)) AS BLOB)
FROM json_each(?1) AS place CROSS JOIN job_row ON job_row.seq = place.value;

-- :name attempts
SELECT CAST(json_group_array(json_array(number, token, worker, started_at, ended_at, ending, failure)) AS BLOB) FROM (
    SELECT attempt.* FROM attempt WHERE seq = (SELECT seq FROM job WHERE id = ?1)
    UNION ALL
    SELECT seq, token, attempt, worker, started_at, finished_at, 'succeeded', NULL
    FROM job WHERE id = ?1 AND state = 'succeeded'
    ORDER BY token
);
