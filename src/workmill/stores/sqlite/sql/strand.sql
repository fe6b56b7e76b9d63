-- :name find
SELECT json_group_array(json_array(strand.task, strand.queue, strand.gates, strand.id))
FROM json_each(?1) AS wanted CROSS JOIN strand
    ON strand.task = wanted.value ->> 0 AND strand.queue = wanted.value ->> 1 AND strand.gates = wanted.value ->> 2;

-- :name make
INSERT INTO strand (task, queue, gates)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE TRUE
ON CONFLICT (task, queue, gates) DO NOTHING;

-- :name make_gates
INSERT INTO gate (name, key)
SELECT DISTINCT named.value ->> 0, named.value ->> 1
FROM json_each(?1) AS wanted CROSS JOIN json_each(wanted.value ->> 2) AS named WHERE TRUE
ON CONFLICT (name, key) DO NOTHING;

-- :name make_passes
INSERT INTO pass (gate, strand)
SELECT gate.id, strand.id
FROM json_each(?1) AS wanted CROSS JOIN strand
    ON strand.task = wanted.value ->> 0 AND strand.queue = wanted.value ->> 1 AND strand.gates = wanted.value ->> 2
CROSS JOIN json_each(strand.gates) AS named
CROSS JOIN gate ON gate.name = named.value ->> 0 AND gate.key = named.value ->> 1
WHERE TRUE
ON CONFLICT (gate, strand) DO NOTHING;

-- :name look_again
-- The first queued job of each strand.
UPDATE strand SET (priority, head) = (
    SELECT job.priority, job.seq FROM job INDEXED BY job_strand
    WHERE job.strand = strand.id AND job.state = 'queued' ORDER BY job.priority DESC, job.seq LIMIT 1
)
WHERE id IN (SELECT value FROM json_each(?1));

-- :name count
UPDATE gate SET running = running + change.jobs
FROM (
    SELECT pass.gate AS gate, sum(moved.value ->> 1) AS jobs
    FROM json_each(?1) AS moved CROSS JOIN pass ON pass.strand = moved.value ->> 0 GROUP BY pass.gate
) AS change
WHERE gate.id = change.gate;

-- :name wake
-- What is held by a gate that some strands pass, where no rule for how many run and no rate keeps it closed.
UPDATE strand SET held_by = NULL WHERE held_by IN (
    SELECT gate.id
    FROM json_each(?1) AS freed CROSS JOIN pass ON pass.strand = freed.value CROSS JOIN gate ON gate.id = pass.gate
    WHERE gate.opens_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM rule WHERE scope = 'key' AND name = gate.name AND running <= gate.running)
);

-- :name hold
UPDATE strand SET held_by = (SELECT id FROM gate WHERE name = held.value ->> 1 AND key = held.value ->> 2)
FROM json_each(?1) AS held WHERE strand.id = held.value ->> 0;

-- :name forget
DELETE FROM strand WHERE id IN (SELECT value FROM json_each(?1))
AND NOT EXISTS (SELECT 1 FROM job INDEXED BY job_strand WHERE job.strand = strand.id);

-- :name forget_gates
DELETE FROM gate WHERE id IN (
    SELECT pass.gate FROM json_each(?1) AS gone CROSS JOIN pass ON pass.strand = gone.value
)
AND NOT EXISTS (SELECT 1 FROM pass CROSS JOIN strand ON strand.id = pass.strand WHERE pass.gate = gate.id);

-- :name forget_passes
DELETE FROM pass WHERE strand IN (SELECT value FROM json_each(?1))
AND NOT EXISTS (SELECT 1 FROM strand WHERE strand.id = pass.strand);
