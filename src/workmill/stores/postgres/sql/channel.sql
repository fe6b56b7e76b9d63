-- :name publish
SELECT published.* FROM set_config('lock_timeout', %(patience)s, true)
CROSS JOIN LATERAL workmill.publish(%(asked)s::text) AS published;

-- :name messages
SELECT id, channel, data, published_at, number FROM workmill.message
WHERE channel = ANY (%(channels)s::text[]) AND number > %(behind)s
AND published_at > workmill.clock() - 3600000000 AND number <= %(newest)s
ORDER BY number LIMIT %(limit)s;

-- :name newest
SELECT coalesce(max(number), 0) FROM workmill.message;

-- :name subscriptions
SELECT channel, task, queue, priority, policy, parameter FROM workmill.subscription
WHERE %(channel)s::text IS NULL OR channel = %(channel)s ORDER BY channel, task;

-- :name unsubscribe
DELETE FROM workmill.subscription WHERE channel = %s AND task = ANY (%s::text[]);
