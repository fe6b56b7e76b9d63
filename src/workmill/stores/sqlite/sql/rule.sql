-- :name named
SELECT json_group_array(json_array(
    rule.scope, rule.name, rule.running, rule.rate_count, rule.rate_per, rule.waiting, rule.declared, rule.is_set
))
FROM json_each(?1) AS wanted CROSS JOIN rule ON rule.scope = wanted.value ->> 0 AND rule.name = wanted.value ->> 1;

-- :name put
INSERT INTO rule (scope, name, running, rate_count, rate_per, waiting, declared, is_set) VALUES
(?, ?, ?, ?, ?, ?, ?, ?) -- :each
ON CONFLICT (scope, name) DO UPDATE SET
    running = excluded.running, rate_count = excluded.rate_count, rate_per = excluded.rate_per,
    waiting = excluded.waiting, declared = excluded.declared, is_set = excluded.is_set,
    opens_at = iif(rate_count IS excluded.rate_count AND rate_per IS excluded.rate_per, opens_at, NULL);

-- :name drop
DELETE FROM rule WHERE declared IS NULL AND is_set = 0;

-- :name forget_starts
-- What no rate counts any more.
DELETE FROM start WHERE (scope, name) IN (
    SELECT changed.value ->> 0, changed.value ->> 1 FROM json_each(?1) AS changed
    WHERE NOT EXISTS (
        SELECT 1 FROM rule
        WHERE rule.scope = changed.value ->> 0 AND rule.name = changed.value ->> 1 AND rule.rate_count IS NOT NULL
    )
);

-- :name gates
SELECT json_group_array(gate.id) FROM json_each(?1) AS changed CROSS JOIN gate ON gate.name = changed.value;

-- :name open_gates
UPDATE gate SET opens_at = NULL WHERE opens_at IS NOT NULL AND name IN (SELECT value FROM json_each(?1));

-- :name all
SELECT json_group_array(json_array(
    scope, name, running, rate_count, rate_per, waiting, declared, is_set,
    CASE scope
        WHEN 'key' THEN (SELECT sum(gate.running) FROM gate WHERE gate.name = rule.name)
        WHEN 'task' THEN (SELECT sum(jobs) FROM tally WHERE state = 'running' AND task = rule.name)
        ELSE (SELECT sum(jobs) FROM tally WHERE state = 'running' AND queue = rule.name)
    END
)) FROM (SELECT * FROM rule ORDER BY scope, name) AS rule;

-- :name pause
INSERT INTO pause (queue, since, by) SELECT value, ?2, ?3 FROM json_each(?1) WHERE TRUE
ON CONFLICT (queue) DO NOTHING;

-- :name resume
DELETE FROM pause WHERE queue IN (SELECT value FROM json_each(?1)) RETURNING queue;

-- :name pauses
SELECT CAST(json_group_array(json_array(queue, since, by)) AS BLOB) FROM (SELECT * FROM pause ORDER BY queue);
