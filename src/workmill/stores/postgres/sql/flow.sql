-- :name some
-- With flows of given ids or, where there are none, those begun before a place, the newest first. Their jobs are counted
-- where the states are kept.
WITH wanted AS MATERIALIZED (
    SELECT flow.flow, flow.seq, flow.created_at FROM workmill.flow
    WHERE (%(flows)s::text[] IS NULL OR flow.flow = ANY (%(flows)s::text[])) AND flow.seq < %(below)s
    ORDER BY flow.seq DESC LIMIT %(limit)s
)
SELECT
    wanted.flow, wanted.seq, wanted.created_at, array_agg(counted.state), array_agg(counted.jobs)
FROM wanted CROSS JOIN LATERAL (
    SELECT job_row.state, count(*) AS jobs FROM workmill.job JOIN workmill.job_row USING (seq)
    WHERE job.flow = wanted.flow GROUP BY job_row.state
) AS counted
GROUP BY wanted.flow, wanted.seq, wanted.created_at ORDER BY wanted.seq DESC;
