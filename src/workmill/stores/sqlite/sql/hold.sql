-- :name held
SELECT CAST(json_group_array(json(body)) AS BLOB) FROM (
    SELECT body FROM job JOIN job_row USING (seq)
    WHERE state = 'running' AND worker = ?1 AND (?2 IS NULL OR engine = ?2) ORDER BY seq
);

-- :name expired
SELECT CAST(json_group_array(json(body)) AS BLOB) FROM (
    SELECT body FROM job INDEXED BY job_running JOIN job_row USING (seq)
    WHERE state = 'running'
    AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = job.worker AND worker.lease_ends_at > ?1)
    LIMIT ?2
);
