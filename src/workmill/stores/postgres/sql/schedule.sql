-- :name put
SELECT workmill.put_schedules(%s::text);

-- :name named
SELECT name, plan, args, is_declared, is_active, next_at, last_at, last_job, version, created_at, changed_at
FROM workmill.schedule WHERE name = ANY (%s::text[]);

-- :name list
SELECT name, plan, args, is_declared, is_active, next_at, last_at, last_job, version, created_at, changed_at
FROM workmill.schedule WHERE name > %s ORDER BY name LIMIT %s;

-- :name start
SELECT workmill.start_schedule(%s, %s, %s);

-- :name stop
SELECT stopped, followed FROM workmill.stop_schedules(%s::text[], %s, %s);

-- :name due
SELECT name, plan, args, is_declared, is_active, next_at, last_at, last_job, version, created_at, changed_at
FROM workmill.schedule WHERE next_at <= %s ORDER BY next_at, name LIMIT %s;

-- :name next
-- The moment, and when those come that are not among the ones named.
SELECT now.moment, (
    SELECT next_at FROM workmill.schedule WHERE next_at IS NOT NULL AND name <> ALL (%s::text[])
    ORDER BY next_at LIMIT 1
) FROM (SELECT workmill.clock() AS moment) AS now;

-- :name fire
SELECT fired.* FROM set_config('lock_timeout', %(patience)s, true)
CROSS JOIN LATERAL workmill.fire(%(asked)s::text) AS fired;
