-- :name publish
INSERT INTO message (id, channel, data, published_at) VALUES
(?, ?, ?, ?) -- :each
ON CONFLICT (id) DO NOTHING;

-- :name published
SELECT CAST(json_group_array(json_array(seq, message.id, channel, data, published_at)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN message ON message.id = wanted.value;

-- :name newest
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0);

-- :name behind
SELECT CAST(json_group_array(json_array(seq, id, channel, data, published_at)) AS BLOB) FROM (
    SELECT message.seq, message.id, message.channel, message.data, message.published_at
    FROM json_each(?1) AS wanted CROSS JOIN message INDEXED BY message_channel
        ON message.channel = wanted.value AND message.seq > ?2 AND message.published_at > ?3
    ORDER BY message.seq LIMIT ?4
);

-- :name forget
DELETE FROM message WHERE seq IN (
    SELECT seq FROM message INDEXED BY message_age WHERE published_at <= ?1 ORDER BY published_at LIMIT ?2
);

-- :name subscribe
INSERT INTO subscription (channel, task, queue, priority, policy, parameter) VALUES
(?, ?, ?, ?, ?, ?) -- :each
ON CONFLICT (channel, task) DO UPDATE SET
    queue = excluded.queue, priority = excluded.priority, policy = excluded.policy, parameter = excluded.parameter;

-- :name subscriptions
SELECT CAST(json_group_array(json_array(channel, task, queue, priority, policy, parameter)) AS BLOB) FROM (
    SELECT * FROM subscription WHERE ?1 IS NULL OR channel = ?1 ORDER BY channel, task
);

-- :name unsubscribe
DELETE FROM subscription WHERE channel = ?1 AND task IN (SELECT value FROM json_each(?2));
