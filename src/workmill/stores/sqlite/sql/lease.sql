-- :name register
INSERT INTO worker (id, name, host, pid, queues, tasks, concurrency, lease, started_at, lease_ends_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, min(?9 + ?8, ?10))
ON CONFLICT (id) DO UPDATE SET
    tasks = excluded.tasks, concurrency = excluded.concurrency, lease_ends_at = max(lease_ends_at, min(?9 + lease, ?10))
WHERE lease_ends_at > ?9;

-- :name renew
UPDATE worker SET lease_ends_at = max(lease_ends_at, min(?2 + lease, ?3)) WHERE id = ?1 AND lease_ends_at > ?2
RETURNING ordered;

-- :name leader
SELECT id FROM worker WHERE leads = 1 AND lease_ends_at > ?1;

-- :name depose
UPDATE worker SET leads = 0 WHERE leads = 1;

-- :name elect
UPDATE worker SET leads = 1 WHERE id = ?1;

-- :name leave
UPDATE worker SET lease_ends_at = ?2, leads = 0 WHERE id = ?1 AND lease_ends_at > ?2;

-- :name workers
SELECT CAST(json_group_array(json_array(
    id, name, host, pid, queues, tasks, concurrency, running, leads, ordered, started_at, lease_ends_at
)) AS BLOB) FROM (
    SELECT *, (SELECT count(*) FROM job WHERE job.state = 'running' AND job.worker = worker.id) AS running
    FROM worker WHERE lease_ends_at > ?1 ORDER BY seq DESC
);

-- :name forget
DELETE FROM worker WHERE lease_ends_at <= ?1
AND NOT EXISTS (SELECT 1 FROM job WHERE job.state = 'running' AND job.worker = worker.id);

-- :name order
UPDATE worker SET ordered = iif(ordered = 'stop', ordered, ?2)
WHERE id IN (SELECT value FROM json_each(?1)) AND lease_ends_at > ?3;

-- :name live
SELECT json_group_array(id) FROM worker WHERE id IN (SELECT value FROM json_each(?1)) AND lease_ends_at > ?2;
