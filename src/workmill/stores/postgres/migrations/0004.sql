-- Who follows whom, and what that comes to.

ALTER TABLE workmill.job ADD COLUMN flow text COLLATE "C", ADD COLUMN schedule text COLLATE "C";
CREATE INDEX job_flow ON workmill.job (flow, seq) WHERE flow IS NOT NULL;
CREATE INDEX job_schedule ON workmill.job (schedule, seq) WHERE schedule IS NOT NULL;

-- Whom a job follows, from its storing to its pruning. What it follows by a rule and did not name comes last, and only
-- the end of that counts, however it ends.
CREATE TABLE workmill.bond (
    seq bigint NOT NULL,
    place integer NOT NULL,
    is_rule boolean NOT NULL,
    parent bigint NOT NULL,
    parent_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (seq, place)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX bond_parent ON workmill.bond (parent);

-- What a waiting job still misses. It has a row in `later`, too, with a time that never comes.
CREATE TABLE workmill.waiting (
    seq bigint PRIMARY KEY,
    delay bigint,
    missing integer NOT NULL,
    named_missing integer NOT NULL,
    has_failure boolean NOT NULL,
    needs text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- Unfinished jobs from whose end something follows: others wait for it, or a schedule made it. Here alone whoever ends
-- jobs looks for that. `changes` only makes it known to older snapshots that there are more followers now.
CREATE TABLE workmill.awaited (
    seq bigint PRIMARY KEY,
    changes integer NOT NULL DEFAULT 0,
    schedule text COLLATE "C"
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX awaited_schedule ON workmill.awaited (schedule, seq) WHERE schedule IS NOT NULL;

-- The flows of which a job is stored; `seq` is that of the first.
CREATE TABLE workmill.flow (
    flow text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL UNIQUE,
    created_at bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- How long a final job is kept, also where its policy is damaged: for jobs that no worker ends.
CREATE FUNCTION workmill.keep_of(policy text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(substring(policy FROM '"keep":([0-9]{1,18})')::bigint, 604800000000)
$$;

-- What becomes of a job that follows others: `free` to go on, `failed`, `cancelled`, `unneeded`, or NULL: it waits.
CREATE FUNCTION workmill.fate(
    needs text, missing bigint, named_missing bigint, has_failure boolean, culprit_state text
) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN needs = 'success' AND culprit_state IS NOT NULL THEN culprit_state
        WHEN needs = 'failure' AND named_missing = 0 AND NOT has_failure THEN 'unneeded'
        WHEN missing = 0 THEN 'free'
    END
$$;

CREATE FUNCTION workmill.failure_by(parent_id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"kind":"dependency","type":"ParentFailed","message":'
        || to_json('job ' || parent_id || ', which it follows, failed') || ',"traceback":""}'
$$;

CREATE FUNCTION workmill.reason_of(fate text, parent_id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN fate = 'cancelled' THEN 'job ' || parent_id || ', which it follows, was cancelled'
        WHEN fate = 'unneeded' THEN 'no job that it follows failed'
    END
$$;

-- What is to be told of several changes: of queues where jobs can be claimed, whether a time was given to anything, of
-- the jobs that changed and of those that run and are asked to end.
CREATE FUNCTION workmill.told(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN one IS NULL THEN other
        WHEN other IS NULL THEN one
        ELSE jsonb_build_object(
            'queues', (one -> 'queues') || (other -> 'queues'),
            'scheduled', (one -> 'scheduled')::boolean OR (other -> 'scheduled')::boolean,
            'ids', (one -> 'ids') || (other -> 'ids'),
            'asked', coalesce(one -> 'asked', '[]') || coalesce(other -> 'asked', '[]')
        )
    END
$$;

-- The jobs that may go on or end because these end, by what is stored now, and the lanes of those that may go on; NULL
-- where there is none. They are looked up one by one (OFFSET 0), whatever the tables are thought to hold.
CREATE FUNCTION workmill.behind(seqs bigint[], OUT lanes integer[], OUT touched bigint[]) LANGUAGE sql VOLATILE AS $$
    WITH RECURSIVE ending (seq, is_success) AS (
        SELECT e.seq, coalesce(done.state = 'succeeded', false)
        FROM unnest(seqs) AS e (seq)
        JOIN workmill.awaited ON awaited.seq = e.seq
        LEFT JOIN workmill.done ON done.seq = e.seq
        UNION
        SELECT w.seq, false
        FROM ending
        CROSS JOIN LATERAL (SELECT bond.seq FROM workmill.bond WHERE bond.parent = ending.seq OFFSET 0) AS b
        CROSS JOIN LATERAL (SELECT * FROM workmill.waiting WHERE waiting.seq = b.seq OFFSET 0) AS w
        WHERE w.needs = 'failure' OR (w.needs = 'success' AND NOT ending.is_success)
    ), hit AS (
        SELECT b.seq, count(*) AS ends FROM ending
        CROSS JOIN LATERAL (SELECT bond.seq FROM workmill.bond WHERE bond.parent = ending.seq OFFSET 0) AS b
        GROUP BY b.seq
    )
    SELECT array_agg(DISTINCT l.lane) FILTER (WHERE w.missing <= hit.ends), array_agg(l.seq) FROM hit
    CROSS JOIN LATERAL (SELECT * FROM workmill.waiting WHERE waiting.seq = hit.seq OFFSET 0) AS w
    CROSS JOIN LATERAL (SELECT * FROM workmill.later WHERE later.seq = hit.seq OFFSET 0) AS l
    WHERE w.missing <= hit.ends OR hit.seq IN (SELECT ending.seq FROM ending)
$$;

-- Lock jobs in one order, that of their ids.
CREATE FUNCTION workmill.lock_jobs(seqs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM (
        SELECT j.seq FROM unnest(seqs) AS s (seq) JOIN workmill.job AS j ON j.seq = s.seq ORDER BY j.id
    ) AS s CROSS JOIN LATERAL (SELECT 1 FROM workmill.job WHERE job.seq = s.seq FOR UPDATE) AS j;
END $$;

-- Forget flows of which no job is stored any more; those to which one is being added stay.
CREATE FUNCTION workmill.forget_flows(flows text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    empty text[];
BEGIN
    SELECT array_agg(f.flow) INTO empty FROM (
        SELECT flow.flow FROM workmill.flow WHERE flow.flow = ANY (flows) FOR UPDATE SKIP LOCKED
    ) AS f;
    DELETE FROM workmill.flow
    WHERE flow.flow = ANY (empty) AND NOT EXISTS (SELECT 1 FROM workmill.job WHERE job.flow = flow.flow);
END $$;
