-- :name look
SELECT json_group_array(wanted.key)
FROM json_each(?1) AS wanted CROSS JOIN job
    ON job.id = wanted.value ->> 0 AND job.state = 'running' AND job.token = wanted.value ->> 1;

-- :name store
UPDATE job SET progress = report.value ->> 1, version = version + 1
FROM json_each(?1) AS report WHERE job.id = report.value ->> 0;
