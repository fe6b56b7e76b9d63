-- :name fail
UPDATE job SET
    state = 'failed', failure = ?2, policy = ?3, args = ?4, progress = ?5, finished_at = ?6, expires_at = ?7,
    ties = ?8, begin_by = NULL, version = version + 1
WHERE seq = ?1;

-- :name strand
SELECT strand FROM job WHERE seq = ?1;
