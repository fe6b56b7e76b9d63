-- :name lock
-- Writes nothing, and holds the write lock from here on.
DELETE FROM job WHERE FALSE;

-- :name run
-- The attempt that a transition ends, if the worker that runs it has a live lease.
SELECT CAST(json_group_array(json_array(
    seq, task, queue, attempt, worker, started_at, cancel_requested_at, json_array(
        ties, strand, followed, (SELECT EXISTS (SELECT 1 FROM rule WHERE running IS NOT NULL))
    ), version
)) AS BLOB)
FROM job WHERE id = ?1 AND state = 'running' AND token = ?2
AND EXISTS (SELECT 1 FROM worker WHERE worker.id = job.worker AND worker.lease_ends_at > ?3);

-- :name committed
-- The numbers of those that are seen by others: a job's version never falls.
SELECT json_group_array(wanted.key)
FROM json_each(?1) AS wanted CROSS JOIN job ON job.id = wanted.value ->> 0 AND job.version >= wanted.value ->> 1;

-- :name begin
SAVEPOINT workmill_store;

-- :name take_back
ROLLBACK TO workmill_store;

-- :name end
RELEASE workmill_store;
