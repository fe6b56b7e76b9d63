-- :name now
SELECT workmill.clock();

-- :name jobs
SELECT * FROM workmill.job_row WHERE id = ANY (%s::text[]);

-- :name attempts
SELECT number, token, worker, started_at, ended_at, ending, failure FROM (
    SELECT attempt.* FROM workmill.attempt JOIN workmill.job USING (seq) WHERE job.id = %(id)s
    UNION ALL
    SELECT done.seq, done.token, done.attempt, done.started_at, done.finished_at, 'succeeded', done.worker, NULL
    FROM workmill.done JOIN workmill.job USING (seq) WHERE job.id = %(id)s AND done.state = 'succeeded'
) AS ended ORDER BY token;

-- :name parents
SELECT job.id, array_agg(bond.parent_id ORDER BY bond.place)
FROM workmill.job JOIN workmill.bond USING (seq) WHERE job.id = ANY (%s::text[]) GROUP BY job.id;

-- :name counts
SELECT lane.queue, lane.task, counted.state, sum(counted.jobs)::bigint, sum(counted.changes)::bigint
FROM (
    SELECT lane, state, jobs, 0 AS changes FROM workmill.tally
    UNION ALL
    SELECT lane, state, jobs, 1 FROM workmill.tally_change
) AS counted JOIN workmill.lane USING (lane)
GROUP BY lane.queue, lane.task, counted.state HAVING sum(counted.jobs) > 0 ORDER BY 1, 2, 3;
