-- :name job
SELECT CAST(json_group_array(json_array(seq, state, task, queue, priority, ties)) AS BLOB) FROM job WHERE id = ?1;

-- :name pause
SELECT CAST(json_group_array(json_array(queue, since, by)) AS BLOB) FROM pause WHERE queue = ?1;

-- :name running_key
-- Who runs under a rule, the longest first.
SELECT json_group_array(json_array(id, started_at)) FROM (
    SELECT job.id, job.started_at
    FROM gate CROSS JOIN pass ON pass.gate = gate.id
    CROSS JOIN job INDEXED BY job_strand ON job.strand = pass.strand AND job.state = 'running'
    WHERE gate.name = ?1 AND gate.key = ?2 ORDER BY job.started_at, job.seq LIMIT ?3
);

-- :name running_task
SELECT json_group_array(json_array(id, started_at)) FROM (
    SELECT id, started_at FROM job INDEXED BY job_running
    WHERE state = 'running' AND task = ?1 ORDER BY started_at, seq LIMIT ?3
);

-- :name running_queue
SELECT json_group_array(json_array(id, started_at)) FROM (
    SELECT id, started_at FROM job INDEXED BY job_running
    WHERE state = 'running' AND queue = ?1 ORDER BY started_at, seq LIMIT ?3
);

-- :name ahead
-- How many queued jobs on a queue come before a place, as far as is asked. Of each line only those are looked at.
SELECT count(*) FROM (
    SELECT 1 FROM tally CROSS JOIN job INDEXED BY job_queued
        ON job.state = 'queued' AND job.strand IS NULL AND job.queue = tally.queue AND job.task = tally.task
        AND job.priority > ?2
    WHERE tally.state = 'queued' AND tally.queue = ?1
    UNION ALL
    SELECT 1 FROM tally CROSS JOIN job INDEXED BY job_queued
        ON job.state = 'queued' AND job.strand IS NULL AND job.queue = tally.queue AND job.task = tally.task
        AND job.priority = ?2 AND job.seq < ?3
    WHERE tally.state = 'queued' AND tally.queue = ?1
    UNION ALL
    SELECT 1 FROM tally CROSS JOIN strand ON strand.task = tally.task AND strand.queue = tally.queue
    CROSS JOIN job INDEXED BY job_strand
        ON job.strand = strand.id AND job.state = 'queued' AND job.priority > ?2
    WHERE tally.state = 'queued' AND tally.queue = ?1 AND strand.head IS NOT NULL
    UNION ALL
    SELECT 1 FROM tally CROSS JOIN strand ON strand.task = tally.task AND strand.queue = tally.queue
    CROSS JOIN job INDEXED BY job_strand
        ON job.strand = strand.id AND job.state = 'queued' AND job.priority = ?2 AND job.seq < ?3
    WHERE tally.state = 'queued' AND tally.queue = ?1 AND strand.head IS NOT NULL
    LIMIT ?4
);
