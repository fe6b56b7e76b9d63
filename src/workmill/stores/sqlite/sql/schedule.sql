-- :name put
INSERT INTO schedule (
    name, plan, declared, is_active, pause, next_at, last_at, last_job, version, created_at, changed_at
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (name) DO UPDATE SET
    plan = excluded.plan,
    declared = coalesce(excluded.declared, declared),
    is_active = excluded.is_active,
    pause = excluded.pause,
    next_at = excluded.next_at,
    last_at = excluded.last_at,
    last_job = excluded.last_job,
    version = excluded.version,
    changed_at = excluded.changed_at;

-- :name declare
UPDATE schedule SET declared = ?2 WHERE name = ?1;

-- :name declared
SELECT declared FROM schedule WHERE name = ?1;

-- :name named
SELECT CAST(json_group_array(json_array(
    name, plan, declared IS NOT NULL, is_active, next_at, last_at, last_job, version, created_at, changed_at
)) AS BLOB)
FROM json_each(?1) AS wanted CROSS JOIN schedule ON schedule.name = wanted.value;

-- :name page
SELECT CAST(json_group_array(json_array(
    name, plan, declared IS NOT NULL, is_active, next_at, last_at, last_job, version, created_at, changed_at
)) AS BLOB)
FROM (SELECT * FROM schedule WHERE name > ?1 ORDER BY name LIMIT ?2);

-- :name due
SELECT CAST(json_group_array(json_array(
    name, plan, declared IS NOT NULL, is_active, next_at, last_at, last_job, version, created_at, changed_at
)) AS BLOB)
FROM (
    SELECT * FROM schedule INDEXED BY schedule_due WHERE next_at IS NOT NULL AND next_at <= ?1
    ORDER BY next_at, name LIMIT ?2
);

-- :name next
SELECT next_at FROM schedule INDEXED BY schedule_due WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1 OFFSET ?1;

-- :name delete
DELETE FROM schedule WHERE name IN (SELECT value FROM json_each(?1));
