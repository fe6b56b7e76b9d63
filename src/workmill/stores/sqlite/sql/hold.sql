-- :name held
SELECT json_group_array(seq) FROM (
    SELECT seq FROM job WHERE state = 'running' AND worker = ?1 AND (?2 IS NULL OR engine = ?2) ORDER BY seq
);

-- :name expired
SELECT json_group_array(seq) FROM (
    SELECT seq FROM job INDEXED BY job_running
    WHERE state = 'running'
    AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = job.worker AND worker.lease_ends_at > ?1)
    LIMIT ?2
);
