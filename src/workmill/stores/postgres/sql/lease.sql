-- :name register
INSERT INTO workmill.worker AS w (
    id, name, host, pid, queues, tasks, concurrency, lease, started_at, lease_ends_at
)
SELECT %s, %s, %s, %s, %s::text[], %s::text[], %s, new.lease, new.moment, workmill.after(new.moment, new.lease)
FROM (SELECT workmill.clock() AS moment, %s::bigint AS lease) AS new
ON CONFLICT (id) DO UPDATE SET
    tasks = excluded.tasks,
    concurrency = excluded.concurrency,
    lease_ends_at = greatest(w.lease_ends_at, excluded.lease_ends_at)
WHERE w.lease_ends_at > excluded.started_at;

-- :name renew
SELECT is_live, is_leader, told FROM workmill.renew(%s);

-- :name order
SELECT id FROM workmill.give_order(%s::text[], %s);

-- :name leave
UPDATE workmill.worker SET lease_ends_at = now.moment, leads = false
FROM (SELECT workmill.clock() AS moment) AS now WHERE id = %s AND lease_ends_at > now.moment;

-- :name workers
SELECT
    id, name, host, pid, queues, tasks, concurrency,
    (SELECT count(*) FROM workmill.held WHERE held.worker = worker.id),
    lease_ends_at > now.moment, leads, ordered, started_at, lease_ends_at
FROM workmill.worker, (SELECT workmill.clock() AS moment) AS now
WHERE lease_ends_at > now.moment - 86400000000 ORDER BY seq DESC;
