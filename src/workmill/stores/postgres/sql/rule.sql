-- :name put
SELECT workmill.put_rules(
    %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s
);

-- :name declare
SELECT
    workmill.put_rules(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s),
    workmill.declare_schedules(%s::text), workmill.declare_subscriptions(%s::text);

-- :name reset
SELECT workmill.reset_rules(%s::text[], %s::text[]);

-- :name rules
SELECT
    rule.scope, rule.name, rule.running, rule.rate_count, rule.rate_per, rule.waiting, rule.is_declared,
    rule.declared_running, rule.declared_rate_count, rule.declared_rate_per, rule.declared_waiting, inside.jobs
FROM workmill.rule CROSS JOIN LATERAL workmill.inside(rule.scope, rule.name, NULL, 0) AS inside
ORDER BY rule.scope, rule.name;

-- :name pause
SELECT workmill.pause_queues(%s::text[], %s);

-- :name resume
SELECT workmill.resume_queues(%s::text[]);

-- :name pauses
SELECT queue, since, by_whom FROM workmill.pause ORDER BY queue;

-- :name obstacles
SELECT workmill.obstacles(%s, %s, %s);
