-- :name finish
UPDATE job SET
    state = 'cancelled', cancel_requested_at = ?2, cancel_reason = ?3, cancel_forced = ?4, finished_at = ?2,
    expires_at = ended.value ->> 1, begin_by = NULL, version = version + 1
FROM json_each(?1) AS ended WHERE job.seq = ended.value ->> 0;

-- :name ask
UPDATE job SET cancel_requested_at = ?2, cancel_reason = ?3, cancel_forced = ?4, version = version + 1
WHERE seq IN (SELECT value FROM json_each(?1));

-- :name force
UPDATE job SET cancel_forced = 1, version = version + 1 WHERE seq IN (SELECT value FROM json_each(?1));

-- :name standing
-- At the end whether its cancel was forced; NULL where it was not requested.
SELECT CAST(json_group_array(json_array(
    seq, job.id, task, queue, state, policy, ties, strand, followed, iif(cancel_requested_at IS NULL, NULL, cancel_forced)
)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job ON job.id = wanted.value;
