-- :name stored
-- The queues that may not hold more than so many jobs that have not begun, with how many they hold.
SELECT json_group_array(json_array(
    rule.name, rule.waiting, (
        SELECT coalesce(sum(jobs), 0) FROM tally
        WHERE tally.state IN ('scheduled', 'waiting', 'queued', 'retrying') AND tally.queue = rule.name
    )
))
FROM json_each(?1) AS wanted CROSS JOIN rule ON rule.scope = 'queue' AND rule.name = wanted.value
WHERE rule.waiting IS NOT NULL;
