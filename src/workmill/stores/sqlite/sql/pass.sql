-- :name allowances
-- The rules about how many run or begin for what is named, each with how many run and the attempts that began since.
SELECT json_group_array(json_array(
    rule.scope, rule.name, wanted.value ->> 2, rule.running, rule.rate_count, rule.rate_per,
    CASE rule.scope
        WHEN 'key' THEN (SELECT gate.running FROM gate WHERE gate.name = rule.name AND gate.key = wanted.value ->> 2)
        WHEN 'task' THEN (SELECT sum(jobs) FROM tally WHERE state = 'running' AND task = rule.name)
        ELSE (SELECT sum(jobs) FROM tally WHERE state = 'running' AND queue = rule.name)
    END,
    json((
        SELECT json_group_array(json_array(at, jobs)) FROM (
            SELECT at, jobs FROM start
            WHERE start.scope = rule.scope AND start.name = rule.name AND start.key = wanted.value ->> 2
            AND at > ?2 - rule.rate_per ORDER BY at DESC
        )
    ))
))
FROM json_each(?1) AS wanted CROSS JOIN rule ON rule.scope = wanted.value ->> 0 AND rule.name = wanted.value ->> 1
WHERE rule.running IS NOT NULL OR rule.rate_count IS NOT NULL;

-- :name strands
-- The strands of some lanes that nothing is known to hold, those with the first jobs, with the first jobs of each.
SELECT json_group_array(json_array(strand.id, lane.key, json(strand.gates), json((
    SELECT json_group_array(json_array(-priority, seq)) FROM (
        SELECT job.priority, job.seq FROM job INDEXED BY job_strand
        WHERE job.strand = strand.id AND job.state = 'queued' ORDER BY job.priority DESC, job.seq LIMIT ?3
    )
))))
FROM json_each(?1) AS lane CROSS JOIN strand ON strand.id IN (
    SELECT first.id FROM strand AS first INDEXED BY strand_open
    WHERE first.head IS NOT NULL AND first.held_by IS NULL
    AND first.task = lane.value ->> 0 AND first.queue = lane.value ->> 1
    ORDER BY first.priority DESC, first.head LIMIT ?2
);

-- :name note_starts
INSERT INTO start (scope, name, key, at, jobs) VALUES
(?, ?, ?, ?, ?) -- :each
ON CONFLICT (scope, name, key, at) DO UPDATE SET jobs = jobs + excluded.jobs;

-- :name note_rule
UPDATE rule SET opens_at = ?3 WHERE scope = ?1 AND name = ?2 AND (opens_at IS NULL OR opens_at < ?3)
RETURNING opens_at;

-- :name note_gate
UPDATE gate SET opens_at = ?3 WHERE name = ?1 AND key = ?2 AND (opens_at IS NULL OR opens_at < ?3)
RETURNING opens_at;

-- :name is_opening
SELECT EXISTS (SELECT 1 FROM gate INDEXED BY gate_opening WHERE opens_at IS NOT NULL AND opens_at <= ?1)
OR EXISTS (SELECT 1 FROM rule WHERE opens_at <= ?1);

-- :name opening_rules
-- The queues with jobs that the rates of tasks and queues may let begin again by now. An empty name stands for any.
SELECT json_group_array(DISTINCT iif(scope = 'queue', name, '')) FROM rule WHERE opens_at <= ?1;

-- :name opening_gates
SELECT json_group_array(id) FROM gate INDEXED BY gate_opening WHERE opens_at IS NOT NULL AND opens_at <= ?1;

-- :name open_gates
UPDATE gate SET opens_at = NULL WHERE opens_at IS NOT NULL AND opens_at <= ?1;

-- :name open_rules
UPDATE rule SET opens_at = NULL WHERE opens_at <= ?1;

-- :name next_opening
SELECT min(opens_at) FROM (
    SELECT min(opens_at) AS opens_at FROM gate INDEXED BY gate_opening WHERE opens_at IS NOT NULL
    UNION ALL
    SELECT min(opens_at) FROM rule
);

-- :name freed_lanes
-- The queues with jobs under rules about tasks and queues, of which so many less run that they are full no more.
SELECT json_group_array(DISTINCT tally.queue)
FROM json_each(?1) AS ended
CROSS JOIN rule ON rule.scope = ended.value ->> 0 AND rule.name = ended.value ->> 1 AND rule.running IS NOT NULL
CROSS JOIN tally ON tally.state = 'queued' AND tally.jobs > 0
    AND rule.name = iif(rule.scope = 'task', tally.task, tally.queue)
WHERE (
    SELECT coalesce(sum(busy.jobs), 0) FROM tally AS busy
    WHERE busy.state = 'running' AND rule.name = iif(rule.scope = 'task', busy.task, busy.queue)
) BETWEEN rule.running - (ended.value ->> 2) AND rule.running - 1;
