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

-- :name gates_of
SELECT json_group_array(DISTINCT pass.gate)
FROM json_each(?1) AS touched CROSS JOIN pass INDEXED BY pass_strand ON pass.strand = touched.value;

-- :name closed
-- Those of some gates that let nobody through.
SELECT json_group_array(gate.id) FROM json_each(?1) AS named CROSS JOIN gate ON gate.id = named.value
WHERE gate.opens_at IS NOT NULL
OR EXISTS (SELECT 1 FROM rule WHERE scope = 'key' AND name = gate.name AND running <= gate.running);

-- :name free_behind
-- The free strands that pass closed gates, each with one of these.
SELECT json_group_array(json_array(strand, gate)) FROM (
    SELECT pass.strand, min(pass.gate) AS gate
    FROM json_each(?1) AS closed CROSS JOIN pass INDEXED BY pass_free
        ON pass.gate = closed.value AND pass.is_free = 1
    GROUP BY pass.strand
);

-- :name blocked
-- Those of some strands that pass a closed gate, each with one of these.
SELECT json_group_array(json_array(strand, gate)) FROM (
    SELECT pass.strand, min(gate.id) AS gate
    FROM json_each(?1) AS woken CROSS JOIN pass INDEXED BY pass_strand ON pass.strand = woken.value
    CROSS JOIN gate ON gate.id = pass.gate
    WHERE gate.opens_at IS NOT NULL
    OR EXISTS (SELECT 1 FROM rule WHERE scope = 'key' AND name = gate.name AND running <= gate.running)
    GROUP BY pass.strand
);

-- :name hold
UPDATE strand SET held_by = held.value ->> 1 FROM json_each(?1) AS held WHERE strand.id = held.value ->> 0;

-- :name free
UPDATE strand SET held_by = NULL WHERE id IN (SELECT value FROM json_each(?1));

-- :name close
UPDATE gate SET is_ajar = 0 WHERE id IN (SELECT value FROM json_each(?1)) AND is_ajar = 1;

-- :name open
-- An open gate is ajar while it holds strands with jobs.
UPDATE gate SET is_ajar = NOT is_ajar
WHERE id IN (SELECT value FROM json_each(?1)) AND is_ajar IS NOT EXISTS (
    SELECT 1 FROM strand INDEXED BY strand_held WHERE held_by IS NOT NULL AND held_by = gate.id AND head IS NOT NULL
);

-- :name ajar
SELECT json_group_array(id) FROM gate WHERE id IN (SELECT value FROM json_each(?1)) AND is_ajar = 1;

-- :name next
-- The first strands that some gates hold, of each lane.
SELECT json_group_array(strand.id)
FROM json_each(?1) AS ajar CROSS JOIN tally ON tally.state = 'queued' AND tally.jobs > 0
CROSS JOIN strand ON strand.id IN (
    SELECT first.id FROM strand AS first INDEXED BY strand_held
    WHERE first.held_by IS NOT NULL AND first.held_by = ajar.value AND first.head IS NOT NULL
    AND first.task = tally.task AND first.queue = tally.queue
    ORDER BY first.priority DESC, first.head LIMIT ?2
);

-- :name queues
-- The queues of those of some strands that are free.
SELECT json_group_array(DISTINCT queue) FROM strand
WHERE id IN (SELECT value FROM json_each(?1)) AND head IS NOT NULL AND held_by IS NULL;

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
