-- :name due
SELECT json_group_array(json_array(seq, id, state, task, queue, strand)) FROM (
    SELECT seq, id, state, task, queue, strand FROM job INDEXED BY job_due
    WHERE state IN ('scheduled', 'retrying') AND run_at <= ?1 ORDER BY run_at, seq LIMIT ?2
);

-- :name queue
UPDATE job SET state = 'queued', version = version + 1 WHERE seq IN (SELECT value FROM json_each(?1));

-- :name next
SELECT min(run_at) FROM job INDEXED BY job_due WHERE state IN ('scheduled', 'retrying');

-- :name late
SELECT json_group_array(seq) FROM (
    SELECT seq FROM job INDEXED BY job_begin_by
    WHERE begin_by IS NOT NULL AND begin_by <= ?1
    ORDER BY begin_by, seq LIMIT ?2
);

-- :name next_late
SELECT min(begin_by) FROM job INDEXED BY job_begin_by WHERE begin_by IS NOT NULL;
