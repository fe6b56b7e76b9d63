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
-- before `opens_at`, which stays until those who wait for that moment are told. `likeness` is a number made of the gates, which may be too long for an index.
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

-- The lanes that a claim may take from and where there is something to take, or was: without any lock.
CREATE FUNCTION workmill.busy_lanes(from_queues text[], of_tasks text[], moment bigint) RETURNS integer[]
LANGUAGE sql STABLE AS $$
    SELECT array_agg(lane.lane)
    FROM workmill.lane
    LEFT JOIN LATERAL (
        SELECT mark.xid, mark.seq, mark.watched, mark.again_from FROM workmill.mark
        WHERE mark.lane = lane.lane ORDER BY mark.number DESC LIMIT 1
    ) AS newest ON true
    WHERE lane.task = ANY (of_tasks) AND (from_queues IS NULL OR lane.queue = ANY (from_queues))
    AND NOT EXISTS (SELECT 1 FROM workmill.pause WHERE pause.queue = lane.queue)
    AND (
        EXISTS (
            SELECT 1 FROM unnest(newest.watched) AS w (xid)
            WHERE pg_visible_in_snapshot(w.xid, (SELECT pg_current_snapshot()))
        )
        OR EXISTS (
            SELECT 1 FROM workmill.again
            WHERE again.lane = lane.lane AND again.seq >= coalesce(newest.again_from, 0)
        )
        OR EXISTS (
            SELECT 1 FROM workmill.job
            WHERE job.lane = lane.lane AND job.xid IS NOT NULL
            AND (job.xid, job.seq) > (coalesce(newest.xid, '0'), coalesce(newest.seq, 0))
        )
        OR EXISTS (SELECT 1 FROM workmill.strand WHERE strand.lane = lane.lane AND strand.shut_name IS NULL)
        OR EXISTS (
            SELECT 1 FROM workmill.opened
            JOIN workmill.strand ON strand.shut_name = opened.name AND strand.shut_key = opened.key
            WHERE strand.lane = lane.lane
        )
        OR EXISTS (
            SELECT 1 FROM workmill.strand WHERE strand.opens_at <= moment AND strand.lane = lane.lane
        )
    )
$$;

-- The rules under which the jobs of a lane begin that pass some gates, those about keys last.
CREATE FUNCTION workmill.rules_on(of_lane integer, gates text[]) RETURNS TABLE (scope text, name text, key text)
LANGUAGE sql STABLE AS $$
    SELECT rule.scope, rule.name, ''
    FROM workmill.lane JOIN workmill.rule
    ON (rule.scope = 'task' AND rule.name = lane.task) OR (rule.scope = 'queue' AND rule.name = lane.queue)
    WHERE lane.lane = of_lane AND (rule.running IS NOT NULL OR rule.rate_count IS NOT NULL)
    UNION ALL
    SELECT rule.scope, rule.name, gates[2 * gate.number]
    FROM generate_series(1, cardinality(gates) / 2) AS gate (number)
    JOIN workmill.rule ON rule.scope = 'key' AND rule.name = gates[2 * gate.number - 1]
    WHERE rule.running IS NOT NULL OR rule.rate_count IS NOT NULL
$$;

-- How many more may begin under one rule, and, where it is a rate that lets none, when it does.
CREATE FUNCTION workmill.room_at(
    of_scope text, of_name text, of_key text, moment bigint, OUT room bigint, OUT opens_at bigint
) LANGUAGE plpgsql AS $$
DECLARE
    r workmill.rule;
    begun bigint;
BEGIN
    SELECT * INTO r FROM workmill.rule WHERE rule.scope = of_scope AND rule.name = of_name;
    IF r.running IS NOT NULL THEN
        room := greatest(r.running - CASE of_scope
            WHEN 'key' THEN (
                SELECT count(*) FROM workmill.passed WHERE passed.name = of_name AND passed.key = of_key
            )
            WHEN 'task' THEN (
                SELECT count(*) FROM workmill.held JOIN workmill.job ON job.seq = held.seq
                JOIN workmill.lane ON lane.lane = job.lane WHERE lane.task = of_name
            )
            ELSE (
                SELECT count(*) FROM workmill.held JOIN workmill.job ON job.seq = held.seq
                JOIN workmill.lane ON lane.lane = job.lane WHERE lane.queue = of_name
            )
        END, 0);
    END IF;
    IF r.rate_count IS NOT NULL THEN
        SELECT count(*) INTO begun FROM workmill.start
        WHERE start.scope = of_scope AND start.name = of_name AND start.key = of_key
        AND start.started_at > moment - r.rate_per;
        room := least(room, greatest(r.rate_count - begun, 0));
        IF begun >= r.rate_count THEN
            -- It lets one begin when so many of the newest are left that there is one less than it allows.
            SELECT workmill.after(start.started_at, r.rate_per) INTO opens_at FROM workmill.start
            WHERE start.scope = of_scope AND start.name = of_name AND start.key = of_key
            ORDER BY start.started_at DESC OFFSET r.rate_count - 1 LIMIT 1;
        END IF;
    END IF;
END $$;

-- What comes first on all roads to the jobs of some locked lanes, see `take`: at most `most` on each road to a line, and
-- of the strands given as many of each. `edge` is the place behind which others may come that were not looked at.
CREATE FUNCTION workmill.heads(lanes integer[], strands bigint[], strand_edge bigint, most integer, moment bigint)
RETURNS SETOF workmill.head LANGUAGE sql STABLE AS $$
    WITH newest AS MATERIALIZED (
        SELECT
            l.lane,
            coalesce(m.xid, '0') AS xid,
            coalesce(m.seq, 0) AS seq,
            coalesce(m.watched, '{}') AS watched,
            coalesce(m.watched_from, '{}') AS watched_from,
            coalesce(m.again_from, 0) AS again_from
        FROM unnest(lanes) AS l (lane)
        LEFT JOIN LATERAL (
            SELECT * FROM workmill.mark WHERE mark.lane = l.lane ORDER BY mark.number DESC LIMIT 1
        ) AS m ON true
    ), few AS MATERIALIZED (
        SELECT most / greatest(cardinality(strands), 1) + 1 AS jobs
    ), head AS MATERIALIZED (
        SELECT
            'again' AS road, newest.lane, NULL::bigint AS strand, NULL::xid8 AS xid, a.seq, a.seq AS place, a.token,
            NULL::text[] AS gates
        FROM newest CROSS JOIN LATERAL (
            SELECT again.seq, job.token
            FROM workmill.again JOIN workmill.job ON job.seq = again.seq
            WHERE again.lane = newest.lane AND again.seq >= newest.again_from
            ORDER BY again.seq LIMIT most
        ) AS a
        UNION ALL
        SELECT 'late', newest.lane, NULL, w.xid, j.seq, j.seq, j.token, NULL
        FROM newest CROSS JOIN LATERAL unnest(newest.watched, newest.watched_from) AS w (xid, seq)
        CROSS JOIN LATERAL (
            SELECT job.seq, job.token FROM workmill.job
            WHERE job.lane = newest.lane AND job.xid = w.xid AND job.seq > w.seq
            ORDER BY job.seq LIMIT most
        ) AS j
        WHERE pg_visible_in_snapshot(w.xid, (SELECT pg_current_snapshot()))
        UNION ALL
        SELECT
            'mark', newest.lane, NULL, j.xid, j.seq,
            max(j.seq) OVER (PARTITION BY newest.lane ORDER BY j.xid, j.seq), j.token, NULL
        FROM newest CROSS JOIN LATERAL (
            SELECT job.xid, job.seq, job.token FROM workmill.job
            WHERE job.lane = newest.lane AND job.xid IS NOT NULL
            AND (job.xid, job.seq) > (newest.xid, newest.seq)
            ORDER BY job.xid, job.seq LIMIT most
        ) AS j
        UNION ALL
        SELECT 'apart', strand.lane, strand.strand, NULL, j.seq, j.seq, j.token, strand.gates
        FROM unnest(strands) AS s (strand) JOIN workmill.strand ON strand.strand = s.strand CROSS JOIN few
        CROSS JOIN LATERAL (
            SELECT apart.seq, job.token FROM workmill.apart JOIN workmill.job ON job.seq = apart.seq
            WHERE apart.strand = strand.strand AND apart.seq >= strand.head
            AND NOT EXISTS (
                SELECT 1 FROM workmill.expiry WHERE expiry.seq = apart.seq AND expiry.begins_by <= moment
            )
            ORDER BY apart.seq LIMIT few.jobs
        ) AS j
    ), edge AS MATERIALIZED (
        -- Behind the end of a road that goes on, others of that road may come before.
        SELECT least(min(road.last), strand_edge) AS place FROM (
            SELECT max(head.place) AS last FROM head CROSS JOIN few
            GROUP BY head.road, head.lane, head.strand, CASE WHEN head.road = 'late' THEN head.xid END
            HAVING count(*) = max(CASE WHEN head.road = 'apart' THEN few.jobs ELSE most END)
        ) AS road
    )
    SELECT head.road, head.lane, head.strand, head.xid, head.seq, head.place, head.token, head.gates, edge.place
    FROM head CROSS JOIN edge
$$;

-- Hold what was chosen of the heads of some locked lanes, and let the marks of their lines know. What
-- had ended when the heads were looked at counts, and nothing that has ended since: nobody has seen its jobs.
CREATE FUNCTION workmill.advance(
    lanes integer[], heads workmill.head[], seen_in pg_snapshot, chosen bigint[], most integer, by_worker text,
    by_engine integer, moment bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH newest AS MATERIALIZED (
        SELECT
            l.lane,
            coalesce(m.number, 0) AS number,
            coalesce(m.xid, '0') AS xid,
            coalesce(m.seq, 0) AS seq,
            coalesce(m.watched, '{}') AS watched,
            coalesce(m.watched_from, '{}') AS watched_from,
            coalesce(m.again_from, 0) AS again_from,
            coalesce(m.is_ruled, l.lane IN (SELECT ruled_lane.lane FROM workmill.ruled_lane)) AS is_ruled
        FROM unnest(lanes) AS l (lane)
        LEFT JOIN LATERAL (
            SELECT * FROM workmill.mark WHERE mark.lane = l.lane ORDER BY mark.number DESC LIMIT 1
        ) AS m ON true
    ), watched AS MATERIALIZED (
        SELECT
            newest.lane, w.xid, w.seq, pg_visible_in_snapshot(w.xid, seen_in) AS has_ended
        FROM newest CROSS JOIN LATERAL unnest(newest.watched, newest.watched_from) AS w (xid, seq)
    ), head AS MATERIALIZED (
        SELECT * FROM unnest(heads)
    ), first AS MATERIALIZED (
        SELECT head.* FROM unnest(chosen) AS c (seq) JOIN head ON head.seq = c.seq
    ), hold AS (
        INSERT INTO workmill.held (seq, token, worker, engine, started_at)
        SELECT first.seq, first.token + 1, by_worker, by_engine, moment FROM first
    ), pointed AS (
        DELETE FROM workmill.again USING first
        WHERE first.road = 'again' AND again.lane = first.lane AND again.seq = first.seq
    ), parted AS (
        DELETE FROM workmill.apart USING first
        WHERE first.road = 'apart' AND apart.strand = first.strand AND apart.seq = first.seq
    ), begun AS (
        DELETE FROM workmill.expiry USING first WHERE first.road = 'apart' AND expiry.seq = first.seq
    ), counted AS (
        INSERT INTO workmill.tally_change (lane, state, jobs)
        SELECT first.lane, change.state, change.sign * count(*)
        FROM first CROSS JOIN (VALUES ('queued', -1), ('running', 1)) AS change (state, sign)
        GROUP BY first.lane, change.state, change.sign
    ), reached AS MATERIALIZED (
        SELECT DISTINCT ON (first.lane) first.lane, first.xid, first.seq FROM first
        WHERE first.road = 'mark' ORDER BY first.lane, first.xid DESC, first.seq DESC
    ), left_over AS MATERIALIZED (
        -- The first that is queued again and was not taken; behind the last that was seen nobody has looked.
        SELECT
            newest.lane,
            coalesce(
                min(head.seq) FILTER (WHERE first.seq IS NULL),
                CASE WHEN count(head.seq) = most THEN max(head.seq) + 1 ELSE 9223372036854775807 END
            ) AS again_from
        FROM newest
        LEFT JOIN head ON head.road = 'again' AND head.lane = newest.lane
        LEFT JOIN first ON first.seq = head.seq
        GROUP BY newest.lane
    )
    INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from, again_from, is_ruled)
    SELECT
        newest.lane, newest.number + 1, coalesce(reached.xid, newest.xid), coalesce(reached.seq, newest.seq),
        still.xids, still.seqs, left_over.again_from, newest.is_ruled
    FROM newest JOIN left_over ON left_over.lane = newest.lane
    LEFT JOIN reached ON reached.lane = newest.lane
    CROSS JOIN LATERAL (
        SELECT
            coalesce(array_agg(w.xid ORDER BY w.xid), '{}') AS xids,
            coalesce(array_agg(w.seq ORDER BY w.xid), '{}') AS seqs
        FROM (
            SELECT watched.xid, coalesce(share.last, watched.seq) AS seq
            FROM watched CROSS JOIN LATERAL (
                SELECT max(first.seq) AS last, count(*) AS jobs FROM first
                WHERE first.road = 'late' AND first.lane = watched.lane AND first.xid = watched.xid
            ) AS share CROSS JOIN LATERAL (
                SELECT count(*) AS jobs FROM head
                WHERE head.road = 'late' AND head.lane = watched.lane AND head.xid = watched.xid
            ) AS seen
            -- One that has ended is watched until all of it was seen and taken.
            WHERE watched.lane = newest.lane
            AND (NOT watched.has_ended OR seen.jobs > share.jobs OR seen.jobs = most)
            UNION ALL
            SELECT x.xid, 0 FROM pg_snapshot_xip(seen_in) AS x (xid)
            WHERE x.xid > newest.xid AND x.xid < reached.xid
        ) AS w
    ) AS still
    WHERE reached.lane IS NOT NULL OR left_over.again_from > newest.again_from OR EXISTS (
        SELECT 1 FROM watched WHERE watched.lane = newest.lane AND watched.has_ended
    );
END $$;

-- Open the strands whose gates jobs have left, or whose time has come, for claims to look at again; answers whether a
-- time has. That is left for whoever promotes to see, who tells of it: claims may come before that, and for other lanes.
CREATE FUNCTION workmill.open_strands(moment bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM workmill.opened RETURNING opened.name, opened.key
    )
    UPDATE workmill.strand SET shut_name = NULL, shut_key = NULL, opens_at = NULL
    FROM (SELECT DISTINCT gone.name, gone.key FROM gone) AS gate
    WHERE strand.shut_name = gate.name AND strand.shut_key = gate.key;
    UPDATE workmill.strand SET shut_name = NULL, shut_key = NULL
    WHERE strand.opens_at <= moment AND strand.shut_name IS NOT NULL;
    RETURN FOUND;
END $$;

-- Let strands begin where their first job is, and drop empty ones, but for those that somebody is adding to.
CREATE FUNCTION workmill.tidy_strands(strands bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    free bigint[];
BEGIN
    SELECT array_agg(s.strand) INTO free FROM (
        SELECT strand.strand FROM workmill.strand WHERE strand.strand = ANY (strands)
        ORDER BY strand.strand FOR UPDATE SKIP LOCKED
    ) AS s;
    -- A statement of its own: whoever has added to one of these has committed.
    WITH looked AS MATERIALIZED (
        SELECT s.strand, strand.head, (
            SELECT apart.seq FROM workmill.apart
            WHERE apart.strand = s.strand AND apart.seq >= strand.head ORDER BY apart.seq LIMIT 1
        ) AS first
        FROM unnest(free) AS s (strand) JOIN workmill.strand ON strand.strand = s.strand
    ), dropped AS (
        DELETE FROM workmill.strand USING looked WHERE looked.first IS NULL AND strand.strand = looked.strand
    )
    UPDATE workmill.strand SET head = looked.first FROM looked
    WHERE strand.strand = looked.strand AND looked.first > looked.head;
END $$;

-- Choose of some heads those that rules let begin, up to `wanted`, one after the other in the order of the line. Answers
-- also the lanes on which a rule lets nothing begin any more, with the rule, and the strands that a gate shuts, with it.
CREATE FUNCTION workmill.choose(
    heads workmill.head[], wanted integer, moment bigint, OUT chosen bigint[], OUT full_lanes integer[],
    OUT full_scopes text[], OUT full_names text[], OUT shut_strands bigint[], OUT shut_names text[],
    OUT shut_keys text[]
) LANGUAGE plpgsql SET enable_hashjoin = on AS $$
DECLARE
    rules text[];
    names text[];
    keys text[];
    rooms bigint[];
    h record;
    number integer;
BEGIN
    chosen := '{}';
    full_lanes := '{}';
    shut_strands := '{}';
    SELECT array_agg(r.scope ORDER BY r.number), array_agg(r.name ORDER BY r.number),
        array_agg(r.key ORDER BY r.number), array_agg(r.room ORDER BY r.number)
    INTO rules, names, keys, rooms
    FROM (
        SELECT each.*, at.room, row_number() OVER (ORDER BY each.scope DESC, each.name, each.key) AS number
        FROM (
            SELECT DISTINCT r.scope, r.name, r.key
            FROM (SELECT DISTINCT head.lane, head.gates FROM unnest(heads) AS head) AS line
            CROSS JOIN LATERAL workmill.rules_on(line.lane, line.gates) AS r
        ) AS each CROSS JOIN LATERAL workmill.room_at(each.scope, each.name, each.key, moment) AS at
    ) AS r;
    FOR h IN
        WITH line AS MATERIALIZED (
            SELECT head.lane, head.strand, min(head.gates) AS gates FROM unnest(heads) AS head
            GROUP BY head.lane, head.strand
        ), ruled AS MATERIALIZED (
            SELECT line.lane, coalesce(line.strand, 0) AS strand, array_agg(known.number ORDER BY known.number) AS rules
            FROM line CROSS JOIN LATERAL workmill.rules_on(line.lane, line.gates) AS r
            JOIN unnest(rules, names, keys) WITH ORDINALITY AS known (scope, name, key, number)
            ON known.scope = r.scope AND known.name = r.name AND known.key = r.key
            GROUP BY line.lane, line.strand
        )
        SELECT head.seq, head.lane, head.strand, ruled.rules
        FROM unnest(heads) WITH ORDINALITY AS head
        LEFT JOIN ruled ON ruled.lane = head.lane AND ruled.strand = coalesce(head.strand, 0)
        WHERE head.edge IS NULL OR head.place <= head.edge
        ORDER BY head.ordinality
    LOOP
        EXIT WHEN cardinality(chosen) >= wanted;
        CONTINUE WHEN h.lane = ANY (full_lanes) OR h.strand = ANY (shut_strands);
        SELECT r INTO number FROM unnest(h.rules) AS r WHERE rooms[r] <= 0 ORDER BY r LIMIT 1;
        IF number IS NULL THEN
            chosen := chosen || h.seq;
            FOREACH number IN ARRAY coalesce(h.rules, '{}') LOOP
                rooms[number] := rooms[number] - 1;
            END LOOP;
        ELSIF rules[number] = 'key' THEN
            shut_strands := shut_strands || h.strand;
            shut_names := shut_names || names[number];
            shut_keys := shut_keys || keys[number];
        ELSE
            full_lanes := full_lanes || h.lane;
            full_scopes := full_scopes || rules[number];
            full_names := full_names || names[number];
        END IF;
    END LOOP;
END $$;

-- Note which gates the chosen have passed, and that they begin where a rate counts that.
CREATE FUNCTION workmill.note_begun(heads workmill.head[], chosen bigint[], moment bigint) RETURNS void
LANGUAGE plpgsql SET enable_hashjoin = on AS $$
BEGIN
    WITH first AS MATERIALIZED (
        SELECT head.seq, head.lane, head.gates FROM unnest(heads) AS head WHERE head.seq = ANY (chosen)
    ), inside AS (
        INSERT INTO workmill.passed (seq, name, key)
        SELECT first.seq, first.gates[2 * gate.number - 1], first.gates[2 * gate.number]
        FROM first CROSS JOIN LATERAL generate_series(1, cardinality(first.gates) / 2) AS gate (number)
    )
    INSERT INTO workmill.start (started_at, scope, name, key)
    SELECT moment, r.scope, r.name, r.key
    FROM first CROSS JOIN LATERAL workmill.rules_on(first.lane, first.gates) AS r
    JOIN workmill.rule ON rule.scope = r.scope AND rule.name = r.name
    WHERE rule.rate_count IS NOT NULL;
END $$;

-- Take, as `take` does, where rules say how much may be taken. Each job is looked at in the order of the line: one that
-- a rule lets not begin is passed over, and what comes after it is not. `has_rated` says whether whoever
-- promotes must look: a rate was found to hold jobs back until a moment that nobody knew of, or its moment had come.
--
-- The lanes are locked although rules are looked at by one claim at a time: who cancels a job locks its lane.
CREATE FUNCTION workmill.take_by_rules(
    by_worker text, by_engine integer, from_queues text[], of_tasks text[], wanted integer, INOUT moment bigint,
    OUT taken bigint[], OUT has_rated boolean
) LANGUAGE plpgsql AS $$
DECLARE
    lanes integer[];
    more record;
BEGIN
    taken := '{}';
    has_rated := false;
    lanes := workmill.busy_lanes(from_queues, of_tasks, moment);
    IF lanes IS NULL OR wanted <= 0 THEN
        RETURN;
    END IF;
    PERFORM workmill.lock_rules();
    PERFORM workmill.lock_lanes(lanes);
    moment := workmill.clock();
    has_rated := workmill.open_strands(moment);
    FOR lanes IN
        SELECT array_agg(lane.lane ORDER BY lane.lane) FROM workmill.lane
        WHERE lane.lane = ANY (lanes) AND NOT EXISTS (SELECT 1 FROM workmill.pause WHERE pause.queue = lane.queue)
        GROUP BY lane.priority ORDER BY lane.priority DESC
    LOOP
        SELECT * INTO more FROM workmill.take_equals(
            by_worker, by_engine, lanes, wanted - cardinality(taken), moment
        );
        taken := taken || more.taken;
        has_rated := has_rated OR more.has_rated;
        EXIT WHEN cardinality(taken) >= wanted;
    END LOOP;
END $$;

-- Take from locked lanes of one priority.
CREATE FUNCTION workmill.take_equals(
    by_worker text, by_engine integer, from_lanes integer[], wanted integer, moment bigint, OUT taken bigint[],
    OUT has_rated boolean
) LANGUAGE plpgsql AS $$
DECLARE
    lanes integer[] := from_lanes;
    need integer;
    most integer;
    width integer := wanted + 1;
    strands bigint[];
    strand_edge bigint;
    heads workmill.head[];
    seen_in pg_snapshot;
    pick record;
BEGIN
    taken := '{}';
    has_rated := false;
    LOOP
        need := wanted - cardinality(taken);
        EXIT WHEN need <= 0 OR cardinality(lanes) = 0;
        most := need / cardinality(lanes) + 1;
        SELECT coalesce(array_agg(s.strand), '{}'), CASE WHEN count(*) = width THEN max(s.head) END
        INTO strands, strand_edge FROM (
            SELECT first.strand, first.head FROM unnest(lanes) AS l (lane) CROSS JOIN LATERAL (
                SELECT strand.strand, strand.head FROM workmill.strand
                WHERE strand.lane = l.lane AND strand.shut_name IS NULL ORDER BY strand.head LIMIT width
            ) AS first ORDER BY first.head LIMIT width
        ) AS s;
        SELECT array_agg(r::workmill.head ORDER BY r.place, r.xid, r.seq), pg_current_snapshot() INTO heads, seen_in
        FROM workmill.heads(lanes, strands, strand_edge, most, moment) AS r;
        SELECT * INTO pick FROM workmill.choose(heads, need, moment);
        IF cardinality(pick.chosen) > 0 THEN
            PERFORM workmill.advance(lanes, heads, seen_in, pick.chosen, most, by_worker, by_engine, moment);
            PERFORM workmill.note_begun(heads, pick.chosen, moment);
        END IF;
        PERFORM workmill.tidy_strands(ARRAY(
            SELECT s.strand FROM unnest(strands) AS s (strand) WHERE NOT EXISTS (
                SELECT 1 FROM unnest(heads) AS head WHERE head.strand = s.strand AND head.seq <> ALL (pick.chosen)
            )
        ));
        -- After what has begun was noted: when a rate opens depends on that.
        UPDATE workmill.strand SET shut_name = s.name, shut_key = s.key, opens_at = (
            SELECT at.opens_at FROM workmill.room_at('key', s.name, s.key, moment) AS at
        )
        FROM unnest(pick.shut_strands, pick.shut_names, pick.shut_keys) AS s (strand, name, key)
        WHERE strand.strand = s.strand;
        has_rated := has_rated OR EXISTS (
            SELECT 1 FROM workmill.strand
            WHERE strand.strand = ANY (pick.shut_strands) AND strand.opens_at IS NOT NULL
        );
        INSERT INTO workmill.ajar AS known (scope, name, opens_at)
        SELECT full_rule.scope, full_rule.name, at.opens_at
        FROM (
            SELECT DISTINCT r.scope, r.name FROM unnest(pick.full_scopes, pick.full_names) AS r (scope, name)
        ) AS full_rule CROSS JOIN LATERAL workmill.room_at(full_rule.scope, full_rule.name, '', moment) AS at
        WHERE at.opens_at IS NOT NULL
        ON CONFLICT (scope, name) DO UPDATE SET opens_at = excluded.opens_at WHERE known.opens_at <> excluded.opens_at;
        has_rated := has_rated OR FOUND;
        taken := taken || pick.chosen;
        -- Where no road went on, all there is was looked at.
        EXIT WHEN coalesce(heads[1].edge, strand_edge) IS NULL;
        IF cardinality(pick.chosen) = 0 AND cardinality(pick.full_lanes) = 0 AND cardinality(pick.shut_strands) = 0 THEN
            width := width * 2; -- Strands that somebody adds to just now are in the way.
        END IF;
        lanes := ARRAY(SELECT l.lane FROM unnest(lanes) AS l (lane) WHERE l.lane <> ALL (pick.full_lanes));
    END LOOP;
END $$;

-- End jobs that may not begin any more; answers what is to be told.
CREATE FUNCTION workmill.expire(wanted integer, why text) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment bigint := workmill.clock();
    seqs bigint[];
    lanes integer[];
    lanes_behind integer[];
    touched bigint[];
    ids jsonb;
BEGIN
    SELECT array_agg(due.seq), array_agg(DISTINCT due.lane) INTO seqs, lanes FROM (
        SELECT j.seq, j.lane FROM workmill.expiry JOIN workmill.job AS j ON j.seq = expiry.seq
        WHERE expiry.begins_by <= moment ORDER BY expiry.begins_by LIMIT wanted FOR UPDATE OF j SKIP LOCKED
    ) AS due;
    IF seqs IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT b.lanes, b.touched INTO lanes_behind, touched FROM workmill.behind(seqs) AS b;
    PERFORM workmill.lock_jobs(touched);
    PERFORM workmill.lock_schedules(seqs || touched);
    IF lanes_behind IS NOT NULL THEN
        PERFORM workmill.lock_rules();
    END IF;
    PERFORM workmill.lock_lanes(lanes || lanes_behind);
    -- Whoever held these lanes may have claimed or ended some of them.
    SELECT array_agg(j.seq), jsonb_agg(j.id) INTO seqs, ids
    FROM unnest(seqs) AS s (seq) JOIN workmill.expiry ON expiry.seq = s.seq JOIN workmill.job AS j ON j.seq = s.seq;
    IF seqs IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM workmill.end_unstarted(
        seqs, array_fill('cancelled'::text, ARRAY[cardinality(seqs)]), NULL,
        array_fill(why, ARRAY[cardinality(seqs)]), moment
    );
    RETURN workmill.told(workmill.news('[]', ids), workmill.follow(seqs, moment));
END $$;

-- Let claims look again at what a rate held back whose time has come; answers the queues, and when the next time comes.
CREATE FUNCTION workmill.open_rates(moment bigint, OUT queues text[], OUT next_at bigint) LANGUAGE plpgsql AS $$
DECLARE
    scopes text[];
    names text[];
BEGIN
    -- First, as this may wait for a claim, and no claim may wait for strands that are locked here meanwhile.
    WITH gone AS (
        DELETE FROM workmill.ajar WHERE ajar.opens_at <= moment RETURNING ajar.scope, ajar.name
    )
    SELECT array_agg(gone.scope), array_agg(gone.name) INTO scopes, names FROM gone;
    -- Those that a claim has locked it says that it has opened; who adds to one is in nobody's way.
    WITH due AS MATERIALIZED (
        SELECT strand.strand FROM workmill.strand WHERE strand.opens_at <= moment
        ORDER BY strand.strand FOR NO KEY UPDATE SKIP LOCKED
    ), opened AS (
        UPDATE workmill.strand SET shut_name = NULL, shut_key = NULL, opens_at = NULL FROM due
        WHERE strand.strand = due.strand RETURNING strand.lane
    )
    SELECT array_agg(DISTINCT lane.queue) INTO queues FROM workmill.lane
    WHERE lane.lane IN (SELECT opened.lane FROM opened) OR EXISTS (
        SELECT 1 FROM unnest(scopes, names) AS gone (scope, name)
        WHERE (gone.scope = 'task' AND gone.name = lane.task) OR (gone.scope = 'queue' AND gone.name = lane.queue)
    );
    SELECT least(
        (SELECT min(strand.opens_at) FROM workmill.strand WHERE strand.opens_at > moment),
        (SELECT min(ajar.opens_at) FROM workmill.ajar WHERE ajar.opens_at > moment)
    ) INTO next_at;
END $$;

-- Find the job that a new one may not stand beside, and let the next find the new one; what is to be rejected is refused.
-- Answers `new`, where there is none, or what is to become of the new one and who is in its way; a holder that waits for
-- the end of another that it has replaced has that one before it still.
CREATE FUNCTION workmill.meet(
    for_task text, for_name text, states text[], within bigint, on_conflict text, new_seq bigint, new_id text,
    moment bigint, OUT said text, OUT holder bigint, OUT behind bigint
) LANGUAGE plpgsql AS $$
DECLARE
    last record;
    h record;
BEGIN
    INSERT INTO workmill.latest AS l (task, name, seq) VALUES (for_task, for_name, new_seq)
    ON CONFLICT (task, name) DO UPDATE SET seq = l.seq RETURNING l.seq, l.behind INTO last;
    -- Who has it locked looks afresh. Of the last one and the one before it, the first that conflicts counts.
    SELECT r.seq, r.id, r.state INTO h
    FROM unnest(ARRAY[last.seq, last.behind]) WITH ORDINALITY AS one (seq, place)
    JOIN workmill.job_row AS r ON r.seq = one.seq
    WHERE r.seq <> new_seq AND r.state = ANY (states)
    AND (within IS NULL OR moment < workmill.after(r.created_at, within))
    ORDER BY one.place LIMIT 1;
    said := CASE WHEN h.seq IS NULL THEN 'new' ELSE on_conflict END;
    IF said = 'reject' THEN
        PERFORM workmill.refuse(json_build_object('error', 'unique', 'id', h.id, 'task', for_task, 'state', h.state));
    END IF;
    holder := h.seq;
    IF said IN ('return', 'skip') THEN
        RETURN;
    END IF;
    IF said = 'replace' AND h.state NOT IN ('succeeded', 'failed', 'cancelled') THEN
        IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            RAISE EXCEPTION 'a job is replaced at the isolation level read committed only'
                USING ERRCODE = 'feature_not_supported';
        END IF;
        behind := CASE WHEN h.state = 'running' THEN h.seq ELSE (
            SELECT held.seq FROM workmill.held WHERE held.seq = last.behind
        ) END;
    END IF;
    UPDATE workmill.latest SET seq = new_seq, behind = meet.behind
    WHERE latest.task = for_task AND latest.name = for_name;
END $$;

-- Refuse what makes a bounded queue hold more than it may. What was stored is counted already.
CREATE FUNCTION workmill.check_bounds(lanes integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    full_queue record;
BEGIN
    -- In one order everywhere. Whoever sees the queue as it was before another stored there fails here.
    INSERT INTO workmill.bound AS b (queue, stored)
    SELECT DISTINCT lane.queue, 1 FROM workmill.lane JOIN workmill.rule
    ON rule.scope = 'queue' AND rule.name = lane.queue AND rule.waiting IS NOT NULL
    WHERE lane.lane = ANY (lanes) ORDER BY lane.queue
    ON CONFLICT (queue) DO UPDATE SET stored = (b.stored + 1) % 1000000;
    SELECT rule.name, rule.waiting INTO full_queue
    FROM workmill.rule CROSS JOIN LATERAL (
        SELECT sum(counted.jobs) AS jobs FROM workmill.lane CROSS JOIN LATERAL (
            SELECT tally.jobs, tally.state FROM workmill.tally WHERE tally.lane = lane.lane
            UNION ALL
            SELECT change.jobs, change.state FROM workmill.tally_change AS change WHERE change.lane = lane.lane
        ) AS counted
        WHERE lane.queue = rule.name AND counted.state IN ('scheduled', 'waiting', 'queued', 'retrying')
    ) AS unbegun
    WHERE rule.scope = 'queue' AND rule.waiting < unbegun.jobs
    AND rule.name IN (SELECT lane.queue FROM workmill.lane WHERE lane.lane = ANY (lanes))
    ORDER BY rule.name LIMIT 1;
    IF FOUND THEN
        PERFORM workmill.refuse(
            json_build_object('error', 'full', 'queue', full_queue.name, 'waiting', full_queue.waiting)
        );
    END IF;
END $$;

-- Refuse it as `check_bounds` does, and also where somebody who has stored there keeps his transaction open: others wait
-- together with this one.
CREATE FUNCTION workmill.check_bounds_briefly(lanes integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', '100ms', true) WHERE current_setting('lock_timeout') = '0';
    PERFORM workmill.check_bounds(lanes);
EXCEPTION WHEN lock_not_available THEN
    PERFORM workmill.refuse(json_build_object('error', 'kept', 'queues', array_agg(DISTINCT lane.queue)))
    FROM workmill.lane WHERE lane.lane = ANY (lanes);
END $$;

-- Let what was changed about rules hold for all claims from now on: those under way come before. Who calls this holds the
-- lock on rules.
CREATE FUNCTION workmill.rules_changed(scopes text[], names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- No lane is made meanwhile that nobody has locked.
    LOCK TABLE workmill.lane IN SHARE ROW EXCLUSIVE MODE;
    PERFORM workmill.lock_lanes(array_agg(lane.lane)) FROM workmill.lane JOIN unnest(scopes, names) AS r (scope, name)
    ON (r.scope = 'task' AND r.name = lane.task) OR (r.scope = 'queue' AND r.name = lane.queue);
    -- A lane without a mark is looked at when it gets one.
    INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from, again_from, is_ruled)
    SELECT
        newest.lane, newest.number + 1, newest.xid, newest.seq, newest.watched, newest.watched_from, newest.again_from,
        NOT newest.is_ruled
    FROM workmill.lane CROSS JOIN LATERAL (
        SELECT * FROM workmill.mark WHERE mark.lane = lane.lane ORDER BY mark.number DESC LIMIT 1
    ) AS newest
    WHERE EXISTS (
        SELECT 1 FROM unnest(scopes, names) AS r (scope, name)
        WHERE (r.scope = 'task' AND r.name = lane.task) OR (r.scope = 'queue' AND r.name = lane.queue)
    ) AND newest.is_ruled <> EXISTS (SELECT 1 FROM workmill.ruled_lane WHERE ruled_lane.lane = lane.lane);
    UPDATE workmill.strand SET shut_name = NULL, shut_key = NULL, opens_at = NULL
    FROM unnest(scopes, names) AS r (scope, name) WHERE r.scope = 'key' AND strand.shut_name = r.name;
    DELETE FROM workmill.ajar USING unnest(scopes, names) AS r (scope, name)
    WHERE ajar.scope = r.scope AND ajar.name = r.name;
    DELETE FROM workmill.start USING unnest(scopes, names) AS r (scope, name)
    WHERE start.scope = r.scope AND start.name = r.name AND NOT EXISTS (
        SELECT 1 FROM workmill.rule WHERE rule.scope = r.scope AND rule.name = r.name AND rule.rate_count IS NOT NULL
    );
END $$;

-- Set rules by hand, or note what code declares; answers whether anything that is in force has changed.
CREATE FUNCTION workmill.put_rules(
    scopes text[], names text[], runnings bigint[], rate_counts bigint[], rate_pers bigint[], waitings bigint[],
    by_hand boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    has_changed boolean;
BEGIN
    PERFORM workmill.lock_rules();
    WITH said AS MATERIALIZED (
        SELECT DISTINCT ON (r.scope, r.name) r.* FROM unnest(
            scopes, names, runnings, rate_counts, rate_pers, waitings
        ) WITH ORDINALITY AS r (scope, name, running, rate_count, rate_per, waiting, place)
        ORDER BY r.scope, r.name, r.place DESC
    ), put AS (
        INSERT INTO workmill.rule AS known (
            scope, name, running, rate_count, rate_per, waiting, is_set, is_declared, declared_running,
            declared_rate_count, declared_rate_per, declared_waiting
        )
        SELECT
            said.scope, said.name, said.running, said.rate_count, said.rate_per, said.waiting, by_hand, NOT by_hand,
            CASE WHEN NOT by_hand THEN said.running END, CASE WHEN NOT by_hand THEN said.rate_count END,
            CASE WHEN NOT by_hand THEN said.rate_per END, CASE WHEN NOT by_hand THEN said.waiting END
        FROM said
        ON CONFLICT (scope, name) DO UPDATE SET
            is_set = known.is_set OR by_hand,
            is_declared = known.is_declared OR NOT by_hand,
            running = CASE WHEN known.is_set AND NOT by_hand THEN known.running ELSE excluded.running END,
            rate_count = CASE WHEN known.is_set AND NOT by_hand THEN known.rate_count ELSE excluded.rate_count END,
            rate_per = CASE WHEN known.is_set AND NOT by_hand THEN known.rate_per ELSE excluded.rate_per END,
            waiting = CASE WHEN known.is_set AND NOT by_hand THEN known.waiting ELSE excluded.waiting END,
            declared_running = CASE WHEN by_hand THEN known.declared_running ELSE excluded.running END,
            declared_rate_count = CASE WHEN by_hand THEN known.declared_rate_count ELSE excluded.rate_count END,
            declared_rate_per = CASE WHEN by_hand THEN known.declared_rate_per ELSE excluded.rate_per END,
            declared_waiting = CASE WHEN by_hand THEN known.declared_waiting ELSE excluded.waiting END
        RETURNING known.*
    )
    SELECT bool_or(
        former.scope IS NULL OR (former.running, former.rate_count, former.rate_per, former.waiting)
        IS DISTINCT FROM (put.running, put.rate_count, put.rate_per, put.waiting)
    ) INTO has_changed
    -- What is read here is as it was before.
    FROM put LEFT JOIN workmill.rule AS former ON former.scope = put.scope AND former.name = put.name;
    IF has_changed THEN
        PERFORM workmill.rules_changed(scopes, names);
    END IF;
    RETURN coalesce(has_changed, false);
END $$;

-- Let what code declares be in force again, or nothing.
CREATE FUNCTION workmill.reset_rules(scopes text[], names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workmill.lock_rules();
    DELETE FROM workmill.rule USING unnest(scopes, names) AS r (scope, name)
    WHERE rule.scope = r.scope AND rule.name = r.name AND NOT rule.is_declared;
    UPDATE workmill.rule SET
        is_set = false, running = declared_running, rate_count = declared_rate_count, rate_per = declared_rate_per,
        waiting = declared_waiting
    FROM unnest(scopes, names) AS r (scope, name)
    WHERE rule.scope = r.scope AND rule.name = r.name AND rule.is_set;
    PERFORM workmill.rules_changed(scopes, names);
END $$;

CREATE FUNCTION workmill.pause_queues(queues text[], who text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workmill.lock_rules();
    INSERT INTO workmill.pause (queue, since, by_whom)
    SELECT DISTINCT q.queue, workmill.clock(), who FROM unnest(queues) AS q (queue)
    ON CONFLICT DO NOTHING;
    PERFORM workmill.rules_changed(array_fill('queue'::text, ARRAY[cardinality(queues)]), queues);
END $$;

CREATE FUNCTION workmill.resume_queues(queues text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workmill.lock_rules();
    DELETE FROM workmill.pause WHERE pause.queue = ANY (queues);
    PERFORM workmill.rules_changed(array_fill('queue'::text, ARRAY[cardinality(queues)]), queues);
END $$;

-- How many queued jobs on the queue of one are taken before it, counted to `most`.
CREATE FUNCTION workmill.ahead_of(of_seq bigint, most integer) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM (
        SELECT 1 FROM workmill.job AS mine
        JOIN workmill.lane AS own ON own.lane = mine.lane
        JOIN workmill.lane ON lane.queue = own.queue AND lane.priority >= own.priority
        LEFT JOIN LATERAL (
            SELECT * FROM workmill.mark WHERE mark.lane = lane.lane ORDER BY mark.number DESC LIMIT 1
        ) AS newest ON true
        CROSS JOIN LATERAL (
            (
                SELECT job.seq FROM workmill.job
                WHERE job.lane = lane.lane AND job.xid IS NOT NULL
                AND (job.xid, job.seq) > (coalesce(newest.xid, '0'), coalesce(newest.seq, 0))
                ORDER BY job.xid, job.seq LIMIT most
            )
            UNION ALL
            SELECT job.seq FROM unnest(newest.watched, newest.watched_from) AS watched (xid, seq)
            JOIN workmill.job ON job.lane = lane.lane AND job.xid = watched.xid AND job.seq > watched.seq
            UNION ALL
            (
                SELECT again.seq FROM workmill.again
                WHERE again.lane = lane.lane AND again.seq >= coalesce(newest.again_from, 0)
                ORDER BY again.seq LIMIT most
            )
            UNION ALL
            SELECT apart.seq FROM workmill.strand JOIN workmill.apart ON apart.strand = strand.strand
            WHERE strand.lane = lane.lane AND apart.seq >= strand.head
            AND (lane.priority > own.priority OR apart.seq < of_seq)
        ) AS line
        WHERE mine.seq = of_seq AND (lane.priority > own.priority OR line.seq < of_seq) LIMIT most
    ) AS counted
$$;

-- What holds one job back; NULL where it is not stored.
CREATE FUNCTION workmill.obstacles(wanted text, most_named integer, most_ahead integer) RETURNS jsonb
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment bigint := workmill.clock();
    j record;
BEGIN
    SELECT r.seq, r.state, r.queue, job.lane, job.gates INTO j
    FROM workmill.job_row AS r JOIN workmill.job ON job.seq = r.seq WHERE r.id = wanted;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF j.state NOT IN ('waiting', 'queued') THEN
        RETURN '{}';
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'paused', (
                SELECT jsonb_build_array(pause.queue, pause.since, pause.by_whom)
                FROM workmill.pause WHERE pause.queue = j.queue
            ),
            'parents', missing.ids,
            'missing', missing.jobs,
            'rules', (
                SELECT jsonb_agg(jsonb_build_array(
                    rule.scope, rule.name, rule.running, rule.rate_count, rule.rate_per, rule.waiting, r.key,
                    inside.jobs, inside.ids, inside.since, at.opens_at
                ) ORDER BY rule.scope, rule.name)
                FROM workmill.rules_on(j.lane, j.gates) AS r
                JOIN workmill.rule ON rule.scope = r.scope AND rule.name = r.name
                CROSS JOIN LATERAL workmill.inside(r.scope, r.name, r.key, most_named) AS inside
                CROSS JOIN LATERAL workmill.room_at(r.scope, r.name, r.key, moment) AS at
            ),
            'ahead', workmill.ahead_of(j.seq, most_ahead)
        )
        FROM (
            SELECT
                count(*) AS jobs,
                (SELECT jsonb_agg(named.parent_id ORDER BY named.place) FROM (
                    SELECT bond.parent_id, bond.place FROM workmill.bond
                    WHERE bond.seq = j.seq AND NOT EXISTS (
                        SELECT 1 FROM workmill.done WHERE done.seq = bond.parent
                    ) ORDER BY bond.place LIMIT most_named
                ) AS named) AS ids
            FROM workmill.bond WHERE bond.seq = j.seq AND j.state = 'waiting'
            AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = bond.parent)
        ) AS missing
    );
END $$;

-- The running jobs that a rule counts: how many, the first of them, and since when that runs.
CREATE FUNCTION workmill.inside(
    of_scope text, of_name text, of_key text, most_named integer, OUT jobs bigint, OUT ids jsonb, OUT since bigint
) LANGUAGE sql STABLE AS $$
    WITH counted AS MATERIALIZED (
        SELECT job.id, held.started_at, held.seq FROM workmill.held JOIN workmill.job ON job.seq = held.seq
        JOIN workmill.lane ON lane.lane = job.lane
        WHERE CASE of_scope
            WHEN 'task' THEN lane.task = of_name
            WHEN 'queue' THEN lane.queue = of_name
            ELSE EXISTS (
                SELECT 1 FROM workmill.passed
                WHERE passed.name = of_name AND (of_key IS NULL OR passed.key = of_key) AND passed.seq = held.seq
            )
        END
    )
    SELECT
        (SELECT count(*) FROM counted),
        (SELECT jsonb_agg(first.id ORDER BY first.started_at, first.seq) FROM (
            SELECT * FROM counted ORDER BY counted.started_at, counted.seq LIMIT most_named
        ) AS first),
        (SELECT min(counted.started_at) FROM counted)
$$;

-- Forget what was kept for rules about jobs that are gone, and beginnings that no rate counts any more.
CREATE FUNCTION workmill.forget_rules(gone bigint[], moment bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- A name that somebody stores a job under just now stays: it will name that one.
    DELETE FROM workmill.latest USING (
        SELECT known.task, known.name FROM workmill.latest AS known WHERE known.seq = ANY (gone) FOR UPDATE SKIP LOCKED
    ) AS old
    WHERE latest.task = old.task AND latest.name = old.name
    AND NOT EXISTS (SELECT 1 FROM workmill.job WHERE job.seq = latest.seq);
    DELETE FROM workmill.start WHERE NOT EXISTS (
        SELECT 1 FROM workmill.rule WHERE rule.scope = start.scope AND rule.name = start.name
        AND rule.rate_count IS NOT NULL AND start.started_at > moment - rule.rate_per
    );
END $$;
