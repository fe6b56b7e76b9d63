-- :name spoilt
-- Who follows whom among the jobs that cannot begin any more because of ends that were no successes, down to the last.
WITH RECURSIVE lost (parent, child) AS (
    SELECT tie.parent, tie.child
    FROM json_each(?1) AS ended CROSS JOIN tie ON tie.parent = ended.value AND tie.needs = 'success'
    CROSS JOIN waiting ON waiting.seq = tie.child
    UNION
    SELECT tie.parent, tie.child
    FROM lost CROSS JOIN tie ON tie.parent = lost.child AND tie.needs = 'success'
    CROSS JOIN waiting ON waiting.seq = tie.child
)
SELECT json_group_array(json_array(parent, child)) FROM lost;

-- :name followers
-- The waiting jobs that follow some that have ended, with what they wait for from now on.
SELECT CAST(json_group_array(json_array(
    job.seq, job.id, job.task, job.queue, job.state, job.policy, job.ties, job.strand, job.followed, job.run_at,
    waiting.missing - met.ended, waiting.hoped - met.heard, waiting.has_failure OR met.failed, waiting.delay
)) AS BLOB)
FROM (
    SELECT
        tie.child, count(*) AS ended, sum(tie.needs = 'failure') AS heard,
        max(tie.needs = 'failure' AND ended.value ->> 1 = 'failed') AS failed
    FROM json_each(?1) AS ended CROSS JOIN tie ON tie.parent = ended.value ->> 0
    CROSS JOIN waiting ON waiting.seq = tie.child
    GROUP BY tie.child
) AS met
CROSS JOIN waiting ON waiting.seq = met.child
CROSS JOIN job ON job.seq = met.child;

-- :name wait
INSERT INTO waiting (seq, missing, hoped, has_failure, delay) VALUES
(?, ?, ?, ?, ?) -- :each
ON CONFLICT (seq) DO UPDATE SET missing = excluded.missing, hoped = excluded.hoped, has_failure = excluded.has_failure;

-- :name wait_no_more
DELETE FROM waiting WHERE seq IN (SELECT value FROM json_each(?1));

-- :name go_on
-- What is counted from the time that a job may begin at is counted anew where that time is new.
UPDATE job SET
    state = freed.value ->> 1,
    run_at = coalesce(freed.value ->> 2, run_at),
    begin_by = iif(freed.value ->> 2 IS NULL, begin_by, min(freed.value ->> 2 + (begin_by - created_at), ?2)),
    version = version + 1
FROM json_each(?1) AS freed WHERE job.seq = freed.value ->> 0;

-- :name end
UPDATE job SET
    state = ended.value ->> 1, finished_at = ?2, expires_at = ended.value ->> 2, failure = ended.value ->> 3,
    cancel_reason = ended.value ->> 4, begin_by = NULL, version = version + 1
FROM json_each(?1) AS ended WHERE job.seq = ended.value ->> 0;

-- :name standing
SELECT CAST(json_group_array(json_array(
    seq, job.id, task, queue, state, policy, ties, strand, followed
)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job ON job.seq = wanted.value;

-- :name places
SELECT CAST(json_group_array(json_array(seq, job.id, state)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN job ON job.id = wanted.value;

-- :name tie
INSERT INTO tie (parent, child, needs) VALUES
(?, ?, ?) -- :each
;

-- :name name_parents
INSERT INTO parents (seq, ids) VALUES
(?, ?) -- :each
;

-- :name mark
UPDATE job SET followed = coalesce(followed, 0) | ?2 WHERE seq IN (SELECT value FROM json_each(?1));

-- :name parents
SELECT json_group_array(json_array(wanted.value, json(parents.ids)))
FROM json_each(?1) AS wanted CROSS JOIN parents ON parents.seq = (SELECT seq FROM job WHERE id = wanted.value);

-- :name missing
SELECT json_group_array(id) FROM (
    SELECT job.id FROM parents CROSS JOIN json_each(parents.ids) AS named CROSS JOIN job ON job.id = named.value
    WHERE parents.seq = ?1 AND job.state NOT IN ('succeeded', 'failed', 'cancelled') ORDER BY named.key LIMIT ?2
);

-- :name how_many_missing
SELECT missing FROM waiting WHERE seq = ?1;
