-- :name due
-- At the end what is to be looked at beside the job: its ties, whether it has parents, and whether it is still needed.
SELECT CAST(json_group_array(json_array(
    seq, state, task, queue, strand, ties, EXISTS (SELECT 1 FROM parents WHERE parents.seq = due.seq), followed,
    followed IS NOT NULL AND EXISTS (
        SELECT 1 FROM tie CROSS JOIN job AS child ON child.seq = tie.child
        WHERE tie.parent = due.seq AND child.state NOT IN ('succeeded', 'failed', 'cancelled')
    )
)) AS BLOB)
FROM (SELECT * FROM job INDEXED BY job_expiry WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) AS due;

-- :name put_off
UPDATE job SET expires_at = ?2 WHERE seq IN (SELECT value FROM json_each(?1));

-- :name ties_to_parents
DELETE FROM tie WHERE (parent, child) IN (
    SELECT job.seq, parents.seq
    FROM json_each(?1) AS gone CROSS JOIN parents ON parents.seq = gone.value
    CROSS JOIN json_each(parents.ids) AS named CROSS JOIN job ON job.id = named.value
);

-- :name ties_to_children
DELETE FROM tie WHERE parent IN (SELECT value FROM json_each(?1));

-- :name parents
DELETE FROM parents WHERE seq IN (SELECT value FROM json_each(?1));

-- :name attempts
DELETE FROM attempt WHERE seq IN (SELECT value FROM json_each(?1));

-- :name jobs
DELETE FROM job WHERE seq IN (SELECT value FROM json_each(?1));

-- :name empty_ends
-- Behind the newest job, where the next one will be, and before the oldest.
DELETE FROM stretch
WHERE seq > coalesce((SELECT max(seq) FROM job), 0)
OR seq < (SELECT max(seq) FROM stretch WHERE seq <= (SELECT min(seq) FROM job));

-- :name starts
-- Beginnings that no rate counts any more.
DELETE FROM start WHERE at <= ?1 - (SELECT max(rate_per) FROM rule);
