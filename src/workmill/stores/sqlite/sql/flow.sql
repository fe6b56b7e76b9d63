-- :name begin
-- A flow that damage has left behind at a place that is given again goes.
INSERT INTO flow (seq, id, created_at) VALUES
(?, ?, ?) -- :each
ON CONFLICT (id) DO NOTHING
ON CONFLICT (seq) DO UPDATE SET id = excluded.id, created_at = excluded.created_at;

-- :name join
INSERT OR IGNORE INTO member (flow, job)
SELECT flow.seq, joined.value ->> 1 FROM json_each(?1) AS joined CROSS JOIN flow ON flow.id = joined.value ->> 0;

-- :name leave
DELETE FROM member WHERE (flow, job) IN (
    SELECT flow.seq, gone.value ->> 1 FROM json_each(?1) AS gone CROSS JOIN flow ON flow.id = gone.value ->> 0
);

-- :name forget
DELETE FROM flow WHERE id IN (SELECT value ->> 0 FROM json_each(?1))
AND NOT EXISTS (SELECT 1 FROM member WHERE member.flow = flow.seq);

-- :name flow
SELECT CAST(json_group_array(json_array(seq, flow.id, created_at, json((
    SELECT json_group_array(json_array(state, jobs)) FROM (
        SELECT job.state AS state, count(*) AS jobs FROM member CROSS JOIN job ON job.seq = member.job
        WHERE member.flow = flow.seq GROUP BY job.state
    )
)))) AS BLOB)
FROM flow WHERE flow.id = ?1;

-- :name flows
SELECT CAST(json_group_array(json_array(seq, page.id, created_at, json((
    SELECT json_group_array(json_array(state, jobs)) FROM (
        SELECT job.state AS state, count(*) AS jobs FROM member CROSS JOIN job ON job.seq = member.job
        WHERE member.flow = page.seq GROUP BY job.state
    )
)))) AS BLOB)
FROM (SELECT * FROM flow WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2) AS page;
