-- :name held
SELECT job_row.* FROM workmill.held JOIN workmill.job_row USING (seq)
WHERE held.worker = %(worker)s AND (%(engine)s::integer IS NULL OR held.engine = %(engine)s) ORDER BY seq;

-- :name expired
-- By the workers that ended, so that what the living hold is not looked at.
SELECT job_row.* FROM workmill.worker
CROSS JOIN LATERAL (SELECT held.seq FROM workmill.held WHERE held.worker = worker.id LIMIT %(limit)s) AS lost
JOIN workmill.job_row ON job_row.seq = lost.seq
WHERE worker.lease_ends_at <= workmill.clock() LIMIT %(limit)s;
