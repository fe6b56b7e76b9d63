-- Rules over work: what is one too many, how many may run, how many may begin, how many may wait, and what is paused.
--
-- A job whose `gates` are not NULL stands in no line but in a strand: with those of its lane that pass the same gates.
-- A strand is looked at as long as no gate shuts it; so what is held back costs a claim nothing, however much it is.

-- A rule in force, and what code declares in its place while it was set by hand.
CREATE TABLE workmill.rule (
    scope text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    running bigint,
    rate_count bigint,
    rate_per bigint,
    waiting bigint,
    is_set boolean NOT NULL DEFAULT false,
    is_declared boolean NOT NULL DEFAULT false,
    declared_running bigint,
    declared_rate_count bigint,
    declared_rate_per bigint,
    declared_waiting bigint,
    PRIMARY KEY (scope, name)
);

CREATE TABLE workmill.pause (
    queue text COLLATE "C" PRIMARY KEY,
    since bigint NOT NULL,
    by_whom text
);

-- The job that was stored last under a name for a task, and the running one that it was made to wait for. Looked at
-- when the next comes, so there is nothing to release.
CREATE TABLE workmill.latest (
    task text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    behind bigint,
    PRIMARY KEY (task, name)
);

CREATE INDEX latest_seq ON workmill.latest (seq);

-- Whoever stores jobs on a bounded queue changes its row first, so that one counts after the other.
CREATE TABLE workmill.bound (
    queue text COLLATE "C" PRIMARY KEY,
    stored bigint NOT NULL
);

-- The moments from which on jobs may not begin for the first time.
CREATE TABLE workmill.expiry (
    seq bigint PRIMARY KEY,
    begins_by bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX expiry_due ON workmill.expiry (begins_by);

-- Of one lane and the same gates there may be several strands: so nobody who stores jobs waits for anybody. Before the
-- place `head` there is nothing in it. One that is shut was found so by a claim: the gate let nobody pass, or nobody
-- before `opens_at`, which stays until those who wait for that moment are told. `likeness` is a number made of the
-- gates, which may be too long for an index.
CREATE TABLE workmill.strand (
    strand bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    lane integer NOT NULL,
    head bigint NOT NULL,
    opens_at bigint,
    likeness integer NOT NULL,
    gates text[] COLLATE "C" NOT NULL,
    shut_name text COLLATE "C",
    shut_key text COLLATE "C"
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX strand_open ON workmill.strand (lane, head) WHERE shut_name IS NULL;
CREATE INDEX strand_shut ON workmill.strand (shut_name, shut_key) WHERE shut_name IS NOT NULL;
CREATE INDEX strand_opens ON workmill.strand (opens_at) WHERE opens_at IS NOT NULL;
CREATE INDEX strand_like ON workmill.strand (lane, likeness);

-- Queued jobs in strands.
CREATE TABLE workmill.apart (
    strand bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (strand, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX apart_seq ON workmill.apart (seq);

-- The gates that running jobs have passed, and those that jobs have left since a claim looked last. Whoever ends a job
-- only appends to these: who claims is never waited for, nor kept waiting.
CREATE TABLE workmill.passed (
    seq bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    PRIMARY KEY (name, key, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX passed_seq ON workmill.passed (seq);

CREATE TABLE workmill.opened (
    name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- The attempts that began under a rule with a rate. For queues and tasks the key is empty.
CREATE TABLE workmill.start (
    started_at bigint NOT NULL,
    scope text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX start_newest ON workmill.start (scope, name, key, started_at);

-- The rates of queues and tasks that held jobs back, and when they let others begin.
CREATE TABLE workmill.ajar (
    scope text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    opens_at bigint NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE TYPE workmill.head AS (
    road text, lane integer, strand bigint, xid xid8, seq bigint, place bigint, token integer, gates text[],
    edge bigint
);

-- The lanes on which not everything that is queued may be taken.
CREATE VIEW workmill.ruled_lane AS
SELECT lane.lane, lane.task, lane.queue FROM workmill.lane
WHERE EXISTS (SELECT 1 FROM workmill.pause WHERE pause.queue = lane.queue)
OR EXISTS (
    SELECT 1 FROM workmill.rule
    WHERE rule.scope = 'task' AND rule.name = lane.task
    AND (rule.running IS NOT NULL OR rule.rate_count IS NOT NULL)
)
OR EXISTS (
    SELECT 1 FROM workmill.rule
    WHERE rule.scope = 'queue' AND rule.name = lane.queue
    AND (rule.running IS NOT NULL OR rule.rate_count IS NOT NULL)
);

-- Has a row from when on anything was stored that is more than a plain job, or a rule was made: until then whoever claims
-- or settles looks for nothing of that. Its rows are never deleted, and more than one says no more than one.
CREATE TABLE workmill.uncommon (
    since bigint NOT NULL
);

CREATE FUNCTION workmill.note_uncommon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows) THEN
        INSERT INTO workmill.uncommon (since) SELECT workmill.clock()
        WHERE NOT EXISTS (SELECT 1 FROM workmill.uncommon);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER note_uncommon AFTER INSERT ON workmill.awaited
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION workmill.note_uncommon();
CREATE TRIGGER note_uncommon AFTER INSERT ON workmill.strand
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION workmill.note_uncommon();
CREATE TRIGGER note_uncommon AFTER INSERT ON workmill.rule
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION workmill.note_uncommon();
CREATE TRIGGER note_uncommon AFTER INSERT ON workmill.pause
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION workmill.note_uncommon();

-- Whether anything may follow from the end of one of these jobs.
CREATE FUNCTION workmill.has_news(seqs bigint[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM workmill.awaited WHERE awaited.seq = ANY (seqs))
    OR EXISTS (SELECT 1 FROM workmill.passed WHERE passed.seq = ANY (seqs))
    OR EXISTS (SELECT 1 FROM workmill.rule)
$$;

-- Whether a claim must look at rules: some hold for what it may take, or jobs stand apart that no gate shuts out.
CREATE FUNCTION workmill.are_ruled(from_queues text[], of_tasks text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM workmill.opened)
    OR EXISTS (SELECT 1 FROM workmill.strand WHERE strand.shut_name IS NULL)
    OR EXISTS (SELECT 1 FROM workmill.strand WHERE strand.opens_at <= workmill.clock())
    OR EXISTS (
        SELECT 1 FROM workmill.ruled_lane
        WHERE task = ANY (of_tasks) AND (from_queues IS NULL OR queue = ANY (from_queues))
    )
$$;

-- One claim at a time looks at rules. Who takes this lock and those of lanes takes this one first.
CREATE FUNCTION workmill.lock_rules() RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock(hashtext('workmill.rules'), 0)
$$;

-- Let jobs that are queued now be found by claims: those with gates in a strand like them, the others in their line.
CREATE FUNCTION workmill.line_up(seqs bigint[]) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO workmill.again (lane, seq)
    SELECT job.lane, job.seq FROM workmill.job WHERE job.seq = ANY (seqs) AND job.gates IS NULL;
    WITH wanted AS MATERIALIZED (
        SELECT job.lane, job.gates, min(job.seq) AS first, array_agg(job.seq) AS members
        FROM workmill.job WHERE job.seq = ANY (seqs) AND job.gates IS NOT NULL
        GROUP BY job.lane, job.gates
    ), found AS MATERIALIZED (
        SELECT wanted.lane, wanted.gates, wanted.first, wanted.members, known.strand
        FROM wanted LEFT JOIN LATERAL (
            -- A claim that tidies a strand waits for none who adds to it: it leaves that alone.
            SELECT strand.strand FROM workmill.strand
            WHERE strand.lane = wanted.lane AND strand.likeness = hashtext(wanted.gates::text)
            AND strand.gates = wanted.gates AND strand.head <= wanted.first
            -- Elsewhere a strand that has changed since must not be looked at.
            AND current_setting('transaction_isolation') = 'read committed'
            ORDER BY strand.strand LIMIT 1 FOR KEY SHARE
        ) AS known ON true
    ), made AS (
        INSERT INTO workmill.strand (lane, head, likeness, gates)
        SELECT found.lane, found.first, hashtext(found.gates::text), found.gates FROM found WHERE found.strand IS NULL
        RETURNING strand.strand, strand.lane, strand.gates
    )
    INSERT INTO workmill.apart (strand, seq)
    SELECT coalesce(found.strand, made.strand), member.seq
    FROM found LEFT JOIN made ON found.strand IS NULL AND made.lane = found.lane AND made.gates = found.gates
    CROSS JOIN LATERAL unnest(found.members) AS member (seq);
END $$;

-- Note until when jobs may begin.
CREATE FUNCTION workmill.note_expiry(seqs bigint[], lengths bigint[]) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO workmill.expiry (seq, begins_by)
    SELECT new.seq, workmill.after(coalesce(job.run_at, job.created_at), new.length)
    FROM unnest(seqs, lengths) AS new (seq, length) JOIN workmill.job ON job.seq = new.seq
    WHERE new.length IS NOT NULL
$$;

-- Let others pass where those of these jobs were that are not held any more; answers what is to be told.
CREATE FUNCTION workmill.free(seqs bigint[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    names text[];
    keys text[];
    queues jsonb;
BEGIN
    WITH gone AS (
        DELETE FROM workmill.passed WHERE passed.seq = ANY (seqs)
        AND NOT EXISTS (SELECT 1 FROM workmill.held WHERE held.seq = passed.seq)
        RETURNING passed.name, passed.key
    ), noted AS (
        INSERT INTO workmill.opened (name, key) SELECT DISTINCT gone.name, gone.key FROM gone
    )
    SELECT array_agg(gone.name), array_agg(gone.key) INTO names, keys FROM gone;
    SELECT jsonb_agg(DISTINCT lane.queue) INTO queues FROM (
        SELECT strand.lane FROM unnest(names, keys) AS gate (name, key)
        JOIN workmill.strand ON strand.shut_name = gate.name AND strand.shut_key = gate.key
        UNION
        -- No claim has found these shut yet.
        SELECT lane.lane FROM workmill.lane WHERE names IS NOT NULL AND EXISTS (
            SELECT 1 FROM workmill.strand WHERE strand.lane = lane.lane AND strand.shut_name IS NULL
        )
        UNION
        -- A rule about a task counts on all queues.
        SELECT lane.lane FROM (
            SELECT DISTINCT own.task, own.queue FROM workmill.job JOIN workmill.lane AS own ON own.lane = job.lane
            WHERE job.seq = ANY (seqs)
        ) AS ended
        JOIN workmill.rule ON rule.running IS NOT NULL
        AND rule.name = CASE rule.scope WHEN 'task' THEN ended.task WHEN 'queue' THEN ended.queue END
        JOIN workmill.lane ON rule.name = CASE rule.scope WHEN 'task' THEN lane.task ELSE lane.queue END
    ) AS opened JOIN workmill.lane ON lane.lane = opened.lane;
    RETURN CASE WHEN queues IS NOT NULL THEN workmill.news(queues) END;
END $$;

-- Say that jobs on some queues can be claimed, in the form of `told`.
CREATE FUNCTION workmill.news(queues jsonb, ids jsonb DEFAULT '[]') RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('queues', queues, 'scheduled', false, 'ids', ids)
$$;
