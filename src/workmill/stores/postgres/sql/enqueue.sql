-- :name lanes
SELECT task, queue, priority, lane FROM workmill.lane;

-- :name new_lanes
INSERT INTO workmill.lane (task, queue, priority)
SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[]) ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING;

-- :name insert
SELECT workmill.enqueue(
    %s::text[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
    %s::text[], %s::text[], %s::text[]
);

-- :name insert_patiently
-- What waits longer for another transaction is broken off.
SELECT workmill.enqueue(
    %s::text[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
    %s::text[], %s::text[], %s::text[]
) FROM set_config('lock_timeout', %s, true);

-- :name ruled
-- What waits longer for another transaction is broken off.
SELECT ruled.* FROM set_config('lock_timeout', %(patience)s, true)
CROSS JOIN LATERAL workmill.enqueue_ruled(%(asked)s::text) AS ruled;

-- :name same_id
SELECT * FROM workmill.job_row WHERE id = ANY (%s::text[]);

-- :name same_key
SELECT job_row.* FROM unnest(%s::text[], %s::text[]) AS wanted (task, key)
JOIN workmill.key ON key.task = wanted.task AND key.key = wanted.key
JOIN workmill.job_row ON job_row.seq = key.seq;
