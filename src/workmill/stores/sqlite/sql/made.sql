-- :name make
INSERT OR IGNORE INTO made (schedule, job) VALUES
(?, ?) -- :each
;

-- :name expect
INSERT OR IGNORE INTO pending (schedule, job) VALUES
(?, ?) -- :each
;

-- :name end
DELETE FROM pending WHERE (schedule, job) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1));

-- :name forget
DELETE FROM made WHERE (schedule, job) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1));

-- :name pending
SELECT CAST(json_group_array(id) AS BLOB) FROM (
    SELECT job.id FROM pending CROSS JOIN job ON job.seq = pending.job
    WHERE pending.schedule = ?1 AND (?2 OR job.state <> 'running') ORDER BY pending.job
);

-- :name rise
UPDATE schedule_version SET newest = newest + 1 RETURNING newest;

-- :name pause
-- Loops whose last job has ended are due after their pause.
UPDATE schedule SET next_at = min(?2 + pause, ?3), version = ?4, changed_at = ?2
WHERE last_job IN (SELECT value FROM json_each(?1)) AND pause IS NOT NULL AND is_active = 1;
