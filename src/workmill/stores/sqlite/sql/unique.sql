-- :name slots
-- The jobs that were stored last under some names of tasks, and those whose end they were made to wait for.
SELECT CAST(json_group_array(json_array(
    slot.task, slot.name,
    json((SELECT body FROM job_row WHERE job_row.seq = slot.seq)),
    json((SELECT body FROM job_row WHERE job_row.seq = slot.behind))
)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN slot
    ON slot.task = wanted.value ->> 0 AND slot.name = wanted.value ->> 1;

-- :name take
INSERT INTO slot (task, name, seq, behind) VALUES
(?, ?, ?, ?) -- :each
ON CONFLICT (task, name) DO UPDATE SET seq = excluded.seq, behind = excluded.behind;

-- :name waits_for
-- Whom a job waits for.
SELECT json_group_array(id) FROM (
    SELECT parent.id FROM job CROSS JOIN waiting ON waiting.seq = job.seq
    CROSS JOIN parents ON parents.seq = job.seq CROSS JOIN json_each(parents.ids) AS named
    CROSS JOIN job AS parent ON parent.id = named.value
    WHERE job.id = ?1 AND parent.state NOT IN ('succeeded', 'failed', 'cancelled') ORDER BY named.key
);

-- :name let_go
-- Of deleted jobs: the place goes to the one whose end they waited for, if there is one.
UPDATE slot SET seq = behind, behind = NULL
WHERE seq IN (SELECT value FROM json_each(?1)) AND behind IS NOT NULL
AND behind NOT IN (SELECT value FROM json_each(?1));

-- :name forget
DELETE FROM slot WHERE seq IN (SELECT value FROM json_each(?1));

-- :name forget_behind
UPDATE slot SET behind = NULL WHERE behind IS NOT NULL AND behind IN (SELECT value FROM json_each(?1));
