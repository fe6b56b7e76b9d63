-- :name finish
UPDATE job SET
    state = 'cancelled', cancel_requested_at = ?2, cancel_reason = ?3, cancel_forced = ?4, finished_at = ?2,
    expires_at = ended.value ->> 1, version = version + 1
FROM json_each(?1) AS ended WHERE job.id = ended.value ->> 0;

-- :name ask
UPDATE job SET cancel_requested_at = ?2, cancel_reason = ?3, cancel_forced = ?4, version = version + 1
WHERE id IN (SELECT value FROM json_each(?1));

-- :name force
UPDATE job SET cancel_forced = 1, version = version + 1 WHERE id IN (SELECT value FROM json_each(?1));
