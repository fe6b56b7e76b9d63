-- :name lanes
SELECT json_group_array(json_array(state, task, queue)) FROM tally
WHERE jobs > 0
AND (?1 IS NULL OR state IN (SELECT value FROM json_each(?1)))
AND (?2 IS NULL OR task IN (SELECT value FROM json_each(?2)))
AND (?3 IS NULL OR queue IN (SELECT value FROM json_each(?3)));

-- :name lane
SELECT json_group_array(seq) FROM (
    SELECT seq FROM job
    WHERE state = ?1 AND task = ?2 AND queue = ?3 AND seq < ?4 AND created_at > ?5 AND created_at < ?6
    ORDER BY seq DESC LIMIT ?7
);

-- :name all
SELECT json_group_array(seq) FROM (
    SELECT seq FROM job WHERE seq < ?1 AND created_at > ?2 AND created_at < ?3 ORDER BY seq DESC LIMIT ?4
);

-- :name rows
SELECT CAST(json_group_array(json(body)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job_row ON job_row.seq = wanted.value;
