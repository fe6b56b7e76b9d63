-- What binds jobs to one another: who follows whom, what follows from an end, flows; and how jobs are stored that are
-- more than plain.

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

-- End jobs that do not run, each for a reason of its own; what follows from that is for the caller, in a statement after.
CREATE FUNCTION workmill.end_unstarted(
    seqs bigint[], states text[], failures text[], reasons text[], moment bigint
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    WITH gone AS MATERIALIZED (
        SELECT
            r.seq, j.lane, r.state AS was, r.attempt, r.deaths, r.token, r.version, r.engine, r.worker, r.started_at,
            r.cancel_requested_at, r.policy, coalesce(e.failure, r.failure) AS failure, e.state, e.reason
        FROM unnest(seqs, states, failures, reasons) AS e (seq, state, failure, reason)
        JOIN workmill.job AS j ON j.seq = e.seq
        JOIN workmill.job_row AS r ON r.seq = e.seq
    ), finished AS (
        INSERT INTO workmill.done (
            seq, finished_at, expires_at, started_at, cancel_requested_at, lane, attempt, deaths, token, version,
            engine, state, worker, failure, cancel_reason
        )
        SELECT
            gone.seq, moment, workmill.after(moment, workmill.keep_of(gone.policy)), gone.started_at,
            gone.cancel_requested_at, gone.lane, gone.attempt, gone.deaths, gone.token, gone.version + 1, gone.engine,
            gone.state, gone.worker, gone.failure, gone.reason
        FROM gone
    ), unlined AS (
        UPDATE workmill.job AS j SET xid = NULL FROM gone
        WHERE gone.was = 'queued' AND j.seq = gone.seq AND j.xid IS NOT NULL
    ), unpointed AS (
        DELETE FROM workmill.again USING gone
        WHERE gone.was = 'queued' AND again.lane = gone.lane AND again.seq = gone.seq
    ), unscheduled AS (
        DELETE FROM workmill.later USING gone WHERE later.seq = gone.seq
    ), awaiting AS (
        DELETE FROM workmill.waiting USING gone WHERE gone.was = 'waiting' AND waiting.seq = gone.seq
    ), unparted AS (
        DELETE FROM workmill.apart USING gone WHERE gone.was = 'queued' AND apart.seq = gone.seq
    ), unexpired AS (
        DELETE FROM workmill.expiry USING gone WHERE expiry.seq = gone.seq
    )
    INSERT INTO workmill.tally_change (lane, state, jobs)
    SELECT gone.lane, change.state, sum(change.jobs) FROM gone
    CROSS JOIN LATERAL (VALUES (gone.was, -1), (gone.state, 1)) AS change (state, jobs)
    GROUP BY gone.lane, change.state;
END $$;

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

-- Let follow what follows from the end of those of these jobs that have ended by an earlier statement: whoever stored a
-- follower meanwhile came before that, or sees them ended. Answers what is to be told.
--
-- Locks are taken in one order everywhere: attempts, jobs, schedules, rules, lanes, then the rows of what waits. So the
-- lanes of who claims afterwards are locked at once. And rows of ends, for which those wait who store followers, are
-- written before the lanes are locked, as far as it is known.
CREATE FUNCTION workmill.follow(
    seqs bigint[], moment bigint, from_queues text[] DEFAULT NULL, of_tasks text[] DEFAULT '{}'
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    ended bigint[];
    lanes integer[];
    touched bigint[];
    spoilt bigint[];
BEGIN
    SELECT array_agg(awaited.seq) INTO ended FROM workmill.awaited
    WHERE awaited.seq = ANY (seqs) AND EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = awaited.seq);
    IF ended IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT b.lanes, b.touched INTO lanes, touched FROM workmill.behind(ended) AS b;
    IF touched IS NOT NULL THEN
        PERFORM workmill.lock_jobs(touched);
    END IF;
    PERFORM workmill.lock_schedules(ended || touched);
    IF touched IS NOT NULL THEN
        spoilt := workmill.spoil_behind(ended, moment);
    END IF;
    IF lanes IS NOT NULL THEN
        PERFORM workmill.lock_rules();
        PERFORM workmill.lock_lanes(lanes || ARRAY(
            SELECT lane.lane FROM workmill.lane
            WHERE task = ANY (of_tasks) AND (from_queues IS NULL OR queue = ANY (from_queues))
        ));
    END IF;
    RETURN workmill.follow_all(ended, spoilt, moment, false);
END $$;

-- The same with the locks taken, and with those ended already that are spoilt by these. Jobs that are all stored in this
-- very transaction (`are_new`) are nobody else's business yet.
CREATE FUNCTION workmill.follow_all(
    ended bigint[], spoilt_by_them bigint[], moment bigint, are_new boolean
) RETURNS jsonb LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    front bigint[] := ended || spoilt_by_them;
    schedules text[];
    is_due boolean := false;
    freed bigint[];
    spoilt bigint[];
    fates text[];
    culprits text[];
    all_freed bigint[] := '{}';
    all_spoilt bigint[] := coalesce(spoilt_by_them, '{}');
BEGIN
    LOOP
        WITH gone AS (
            DELETE FROM workmill.awaited WHERE awaited.seq = ANY (front) RETURNING awaited.seq, awaited.schedule
        )
        SELECT array_agg(gone.seq), array_agg(gone.schedule) FILTER (WHERE gone.schedule IS NOT NULL)
        INTO front, schedules FROM gone;
        EXIT WHEN front IS NULL;
        IF schedules IS NOT NULL THEN
            is_due := workmill.loop_on(schedules, front, moment) OR is_due;
        END IF;
        WITH hit AS MATERIALIZED (
            SELECT
                b.seq, count(*) AS ends, count(*) FILTER (WHERE NOT b.is_rule) AS named,
                bool_or(b.state = 'failed' AND NOT b.is_rule) AS has_failure,
                (array_agg(b.state ORDER BY b.place)
                    FILTER (WHERE NOT b.is_rule AND b.state <> 'succeeded'))[1] AS culprit_state,
                (array_agg(b.parent_id ORDER BY b.place)
                    FILTER (WHERE NOT b.is_rule AND b.state <> 'succeeded'))[1] AS culprit
            FROM unnest(front) AS f (seq) CROSS JOIN LATERAL (
                SELECT bond.*, done.state FROM workmill.bond JOIN workmill.done ON done.seq = f.seq
                WHERE bond.parent = f.seq OFFSET 0
            ) AS b
            GROUP BY b.seq ORDER BY b.seq
        ), counted AS (
            UPDATE workmill.waiting AS w SET
                missing = w.missing - hit.ends, named_missing = w.named_missing - hit.named,
                has_failure = w.has_failure OR hit.has_failure
            FROM hit WHERE w.seq = hit.seq
            RETURNING w.seq, hit.culprit,
                workmill.fate(w.needs, w.missing, w.named_missing, w.has_failure, hit.culprit_state) AS fate
        )
        SELECT
            array_agg(counted.seq) FILTER (WHERE counted.fate = 'free'),
            array_agg(counted.seq) FILTER (WHERE counted.fate <> 'free'),
            array_agg(counted.fate) FILTER (WHERE counted.fate <> 'free'),
            array_agg(counted.culprit) FILTER (WHERE counted.fate <> 'free')
        INTO freed, spoilt, fates, culprits FROM counted;
        all_freed := all_freed || freed;
        EXIT WHEN spoilt IS NULL;
        PERFORM workmill.spoil(spoilt, fates, culprits, moment);
        front := spoilt || workmill.spoil_behind(spoilt, moment);
        all_spoilt := all_spoilt || front;
    END LOOP;
    RETURN workmill.told(
        workmill.release(all_freed, moment, are_new),
        CASE WHEN is_due OR cardinality(all_spoilt) > 0 THEN jsonb_build_object(
            'queues', '[]'::jsonb, 'scheduled', is_due,
            'ids', (
                SELECT coalesce(jsonb_agg(j.id), '[]')
                FROM unnest(all_spoilt) AS s (seq) JOIN workmill.job AS j ON j.seq = s.seq
            )
        ) END
    );
END $$;

-- All who need the success of these, which have ended, or of one another, and will not get it: locked, and what becomes
-- of each by whom.
CREATE FUNCTION workmill.spoilt_by(
    ended bigint[], OUT seqs bigint[], OUT fates text[], OUT culprits text[]
) LANGUAGE plpgsql AS $$
BEGIN
    WITH RECURSIVE spoilt (seq, fate, place, culprit, is_near) AS (
        SELECT b.seq, done.state, b.place, b.parent_id, true
        FROM unnest(ended) AS e (seq)
        JOIN workmill.done ON done.seq = e.seq AND done.state <> 'succeeded'
        CROSS JOIN LATERAL (SELECT * FROM workmill.needy(e.seq) OFFSET 0) AS b
        UNION
        SELECT b.seq, spoilt.fate, b.place, b.parent_id, false
        FROM spoilt CROSS JOIN LATERAL (SELECT * FROM workmill.needy(spoilt.seq) OFFSET 0) AS b
    )
    SELECT array_agg(one.seq), array_agg(one.fate), array_agg(one.culprit) INTO seqs, fates, culprits
    FROM (
        SELECT DISTINCT ON (spoilt.seq) * FROM spoilt
        -- Where some fail and some are cancelled, one at a time: what becomes of the next is not certain yet.
        WHERE spoilt.is_near OR (SELECT count(DISTINCT kind.fate) FROM spoilt AS kind) = 1
        ORDER BY spoilt.seq, spoilt.place
    ) AS one
    CROSS JOIN LATERAL (SELECT 1 FROM workmill.waiting WHERE waiting.seq = one.seq FOR UPDATE) AS locked;
END $$;

-- Who waits for the success of a job.
CREATE FUNCTION workmill.needy(of_seq bigint) RETURNS SETOF workmill.bond LANGUAGE sql STABLE AS $$
    SELECT bond.* FROM workmill.bond
    CROSS JOIN LATERAL (SELECT waiting.needs FROM workmill.waiting WHERE waiting.seq = bond.seq OFFSET 0) AS w
    WHERE bond.parent = of_seq AND NOT bond.is_rule AND w.needs = 'success'
$$;

-- End at once whatever fails or is cancelled with jobs that have ended, however long the chain; answers what did.
CREATE FUNCTION workmill.spoil_behind(ended bigint[], moment bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    s record;
BEGIN
    SELECT * INTO s FROM workmill.spoilt_by(ended);
    IF s.seqs IS NOT NULL THEN
        PERFORM workmill.spoil(s.seqs, s.fates, s.culprits, moment);
    END IF;
    RETURN s.seqs;
END $$;

-- End jobs because of those that they follow.
CREATE FUNCTION workmill.spoil(
    seqs bigint[], fates text[], culprits text[], moment bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workmill.end_unstarted(
        array_agg(s.seq), array_agg(CASE s.fate WHEN 'failed' THEN 'failed' ELSE 'cancelled' END),
        array_agg(CASE s.fate WHEN 'failed' THEN workmill.failure_by(s.culprit) END),
        array_agg(workmill.reason_of(s.fate, s.culprit)), moment
    ) FROM unnest(seqs, fates, culprits) AS s (seq, fate, culprit);
END $$;

-- Let waiting jobs go on; answers what is to be told.
CREATE FUNCTION workmill.release(seqs bigint[], moment bigint, are_new boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    -- Where the tables are seen as they were, marks cannot be lowered: the next promotion brings the jobs to their lines.
    is_fixed boolean := NOT are_new AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable');
    queued bigint[];
    told jsonb;
BEGIN
    IF cardinality(seqs) = 0 THEN
        RETURN NULL;
    END IF;
    WITH freed AS (
        DELETE FROM workmill.waiting WHERE waiting.seq = ANY (seqs) RETURNING waiting.seq, waiting.delay
    ), timed AS (
        UPDATE workmill.job AS j SET
            version = j.version + 1,
            run_at = CASE WHEN freed.delay > 0 THEN workmill.after(moment, freed.delay) ELSE j.run_at END,
            xid = CASE WHEN are_new AND j.gates IS NULL AND NOT (freed.delay > 0 OR j.run_at > moment) IS TRUE
                THEN pg_current_xact_id() END
        FROM freed WHERE j.seq = freed.seq RETURNING j.seq, j.id, j.lane, j.run_at, j.created_at, j.xid, freed.delay
    ), deferred AS (
        -- Until now it counted from the storing.
        UPDATE workmill.expiry
        SET begins_by = workmill.after(timed.run_at, expiry.begins_by - timed.created_at)
        FROM timed WHERE timed.delay > 0 AND expiry.seq = timed.seq
    ), placed AS MATERIALIZED (
        SELECT timed.*, timed.run_at > moment IS TRUE OR is_fixed AS is_scheduled FROM timed
    ), scheduled AS (
        UPDATE workmill.later SET state = 'scheduled', run_at = greatest(placed.run_at, moment)
        FROM placed WHERE placed.is_scheduled AND later.seq = placed.seq
    ), unscheduled AS (
        DELETE FROM workmill.later USING placed WHERE NOT placed.is_scheduled AND later.seq = placed.seq
    ), counted AS (
        INSERT INTO workmill.tally_change (lane, state, jobs)
        SELECT placed.lane, change.state, sum(change.jobs) FROM placed
        CROSS JOIN LATERAL (
            VALUES ('waiting', -1), (CASE WHEN placed.is_scheduled THEN 'scheduled' ELSE 'queued' END, 1)
        ) AS change (state, jobs)
        GROUP BY placed.lane, change.state
    )
    SELECT
        array_agg(placed.seq) FILTER (WHERE NOT placed.is_scheduled AND placed.xid IS NULL),
        jsonb_build_object(
            'queues', coalesce(jsonb_agg(DISTINCT lane.queue) FILTER (WHERE NOT placed.is_scheduled), '[]'),
            'scheduled', bool_or(placed.is_scheduled), 'ids', jsonb_agg(placed.id)
        )
    INTO queued, told FROM placed JOIN workmill.lane ON lane.lane = placed.lane;
    IF queued IS NOT NULL THEN
        PERFORM workmill.line_up(queued);
    END IF;
    RETURN told;
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

-- A job to be stored, as its request says it.
CREATE TYPE workmill.draft AS (
    id text, lane integer, task text, args text, policy text, key text, delay bigint, run_at bigint, retry_of text,
    ties text, gates text[], expires bigint, flow text, schedule text, after text[], needs text, unique_name text,
    unique_states text[], unique_within bigint, on_conflict text
);

-- Note whom new jobs follow, and keep those from ending unseen until this transaction ends.
CREATE FUNCTION workmill.bind(
    drafts workmill.draft[], seqs bigint[], alias jsonb, behind bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    mine jsonb;
    child text;
    orphaned_by text;
    strangers bigint[];
    reserved bigint[];
BEGIN
    SELECT jsonb_object_agg(d.id, seqs[d.ordinality]) INTO mine FROM unnest(drafts) WITH ORDINALITY AS d;
    WITH named AS MATERIALIZED (
        SELECT
            d.id AS child, d.ordinality, seqs[d.ordinality] AS seq, p.place, p.id AS named_id, coalesce(
                CASE WHEN (mine ->> p.id)::bigint < seqs[d.ordinality] THEN (mine ->> p.id)::bigint END,
                (alias ->> p.id)::bigint, (SELECT j.seq FROM workmill.job AS j WHERE j.id = p.id)
            ) AS parent
        FROM unnest(drafts) WITH ORDINALITY AS d
        CROSS JOIN LATERAL unnest(d.after) WITH ORDINALITY AS p (id, place)
    ), stored AS (
        INSERT INTO workmill.bond (seq, place, is_rule, parent, parent_id)
        SELECT
            named.seq, min(named.place), false, named.parent,
            coalesce((SELECT j.id FROM workmill.job AS j WHERE j.seq = named.parent), min(named.named_id))
        FROM named WHERE named.parent IS NOT NULL GROUP BY named.seq, named.parent
    )
    SELECT named.child, named.named_id INTO child, orphaned_by FROM named
    WHERE named.parent IS NULL ORDER BY named.ordinality, named.place LIMIT 1;
    IF child IS NOT NULL THEN
        PERFORM workmill.refuse(json_build_object('error', 'parent', 'id', child, 'parent', orphaned_by));
    END IF;
    INSERT INTO workmill.bond (seq, place, is_rule, parent, parent_id)
    SELECT seqs[1], coalesce(cardinality(drafts[1].after), 0) + b.place, true, j.seq, j.id
    FROM (
        SELECT b.seq, min(b.place) AS place FROM unnest(behind) WITH ORDINALITY AS b (seq, place) GROUP BY b.seq
    ) AS b
    JOIN workmill.job AS j ON j.seq = b.seq
    WHERE NOT EXISTS (SELECT 1 FROM workmill.bond AS n WHERE n.seq = seqs[1] AND n.parent = b.seq);
    -- Whoever ends a job writes its row into `done`, and waits there for who has written one, though it be gone again.
    -- What is stored in this statement cannot end before. Parents come before those that follow them and may end with
    -- them, so this is the order in which ends are written, too.
    SELECT array_agg(p.parent ORDER BY p.parent) INTO strangers FROM (
        SELECT DISTINCT b.parent FROM unnest(seqs) AS s (seq)
        JOIN workmill.bond AS b ON b.seq = s.seq
        WHERE mine ->> b.parent_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = b.parent)
    ) AS p;
    IF strangers IS NOT NULL THEN
        WITH written AS (
            INSERT INTO workmill.done (
                seq, finished_at, expires_at, lane, attempt, deaths, token, version, state
            )
            SELECT s.seq, 0, 9223372036854775807, 0, 0, 0, 0, 0, '' FROM unnest(strangers) AS s (seq)
            ON CONFLICT DO NOTHING RETURNING done.seq
        )
        SELECT array_agg(written.seq) INTO reserved FROM written;
        DELETE FROM workmill.done WHERE done.seq = ANY (reserved) AND done.state = '';
    END IF;
    -- Nobody may prune those that have ended.
    PERFORM 1 FROM unnest(seqs) AS s (seq) JOIN workmill.bond AS b ON b.seq = s.seq
    JOIN workmill.done ON done.seq = b.parent FOR KEY SHARE OF done;
    SELECT d.id, b.parent_id INTO child, orphaned_by FROM unnest(drafts) WITH ORDINALITY AS d
    JOIN workmill.bond AS b ON b.seq = seqs[d.ordinality]
    WHERE mine ->> b.parent_id IS NULL AND NOT b.is_rule
    AND NOT EXISTS (SELECT 1 FROM workmill.job AS j WHERE j.seq = b.parent)
    ORDER BY d.ordinality, b.place LIMIT 1;
    IF child IS NOT NULL THEN
        PERFORM workmill.refuse(json_build_object('error', 'parent', 'id', child, 'parent', orphaned_by));
    END IF;
END $$;

-- Refuse what was asked: all that this call did is undone, and nothing else of the caller's transaction.
CREATE FUNCTION workmill.refuse(why json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused' USING ERRCODE = 'WM001', DETAIL = why::text;
END $$;

-- Store new jobs that are nowhere yet, under these numbers; the first is stored `behind` others, too. Answers what else
-- is to be told.
CREATE FUNCTION workmill.store_new(
    drafts workmill.draft[], seqs bigint[], alias jsonb, behind bigint[], moment bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    spoilt bigint[];
    fates text[];
    culprits text[];
    gated bigint[];
    expiring bigint[];
    lengths bigint[];
BEGIN
    IF cardinality(behind) > 0 OR EXISTS (SELECT 1 FROM unnest(drafts) AS d WHERE d.after IS NOT NULL) THEN
        PERFORM workmill.bind(drafts, seqs, alias, behind);
    END IF;
    WITH new AS MATERIALIZED (
        SELECT
            d.*, seqs[d.ordinality] AS seq, e.missing, e.named_missing, e.has_failure, e.culprit,
            CASE WHEN d.after IS NULL AND e.missing = 0 THEN 'free' ELSE workmill.fate(
                coalesce(d.needs, 'end'), e.missing, e.named_missing, e.has_failure, e.culprit_state
            ) END AS fate
        FROM unnest(drafts) WITH ORDINALITY AS d
        CROSS JOIN LATERAL (
            SELECT
                count(*) FILTER (WHERE done.seq IS NULL) AS missing,
                count(*) FILTER (WHERE done.seq IS NULL AND NOT b.is_rule) AS named_missing,
                coalesce(bool_or(done.state = 'failed' AND NOT b.is_rule), false) AS has_failure,
                (array_agg(done.state ORDER BY b.place)
                    FILTER (WHERE NOT b.is_rule AND done.state <> 'succeeded'))[1] AS culprit_state,
                (array_agg(b.parent_id ORDER BY b.place)
                    FILTER (WHERE NOT b.is_rule AND done.state <> 'succeeded'))[1] AS culprit
            FROM workmill.bond AS b LEFT JOIN workmill.done ON done.seq = b.parent
            WHERE b.seq = seqs[d.ordinality]
        ) AS e
    ), timed AS MATERIALIZED (
        SELECT new.*, CASE
            WHEN new.delay > 0 THEN CASE WHEN new.fate = 'free' THEN workmill.after(moment, new.delay) END
            ELSE new.run_at
        END AS begins_at FROM new
    ), placed AS MATERIALIZED (
        SELECT timed.*, CASE
            WHEN timed.fate IS DISTINCT FROM 'free' THEN 'waiting'
            WHEN timed.begins_at > moment THEN 'scheduled'
            ELSE 'queued'
        END AS state FROM timed
    ), stored AS (
        INSERT INTO workmill.job (
            seq, id, lane, args, policy, key, retry_of, created_at, run_at, ties, gates, flow, schedule, xid
        )
        SELECT
            placed.seq, placed.id, placed.lane, placed.args, placed.policy, placed.key, placed.retry_of, moment,
            placed.begins_at, placed.ties, placed.gates, placed.flow, placed.schedule,
            CASE WHEN placed.state = 'queued' AND placed.gates IS NULL THEN pg_current_xact_id() END
        FROM placed ORDER BY placed.seq
    ), keyed AS (
        -- In one order everywhere, so that no two callers wait for each other.
        INSERT INTO workmill.key (task, key, seq)
        SELECT placed.task, placed.key, placed.seq FROM placed WHERE placed.key IS NOT NULL
        ORDER BY placed.task, placed.key
    ), timetabled AS (
        INSERT INTO workmill.later (seq, run_at, lane, state)
        SELECT
            placed.seq, CASE placed.state WHEN 'scheduled' THEN placed.begins_at ELSE 9223372036854775807 END,
            placed.lane, placed.state
        FROM placed WHERE placed.state <> 'queued'
    ), bound AS (
        INSERT INTO workmill.waiting (seq, delay, missing, named_missing, has_failure, needs)
        SELECT
            placed.seq, placed.delay, placed.missing, placed.named_missing, placed.has_failure,
            coalesce(placed.needs, 'end')
        FROM placed WHERE placed.state = 'waiting'
    ), made AS (
        INSERT INTO workmill.awaited (seq, schedule)
        SELECT placed.seq, placed.schedule FROM placed WHERE placed.schedule IS NOT NULL
    ), flowing AS (
        INSERT INTO workmill.flow (flow, seq, created_at)
        SELECT placed.flow, min(placed.seq), moment FROM placed
        WHERE placed.flow IS NOT NULL GROUP BY placed.flow ORDER BY placed.flow
        ON CONFLICT DO NOTHING
    ), counted AS (
        INSERT INTO workmill.tally_change (lane, state, jobs)
        SELECT placed.lane, placed.state, count(*) FROM placed GROUP BY 1, 2
    )
    SELECT
        array_agg(placed.seq) FILTER (WHERE placed.fate <> 'free'),
        array_agg(placed.fate) FILTER (WHERE placed.fate <> 'free'),
        array_agg(placed.culprit) FILTER (WHERE placed.fate <> 'free'),
        array_agg(placed.seq) FILTER (WHERE placed.state = 'queued' AND placed.gates IS NOT NULL),
        array_agg(placed.seq) FILTER (WHERE placed.expires IS NOT NULL),
        array_agg(placed.expires) FILTER (WHERE placed.expires IS NOT NULL)
    INTO spoilt, fates, culprits, gated, expiring, lengths FROM placed;
    -- A flow that is being pruned away meanwhile stays.
    PERFORM 1 FROM workmill.flow WHERE flow.flow IN (SELECT d.flow FROM unnest(drafts) AS d) FOR KEY SHARE;
    INSERT INTO workmill.awaited (seq)
    SELECT DISTINCT b.parent FROM unnest(seqs) AS s (seq) JOIN workmill.bond AS b ON b.seq = s.seq
    WHERE NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = b.parent) ORDER BY b.parent
    ON CONFLICT (seq) DO UPDATE SET changes = (awaited.changes + 1) % 1000000;
    IF gated IS NOT NULL THEN
        PERFORM workmill.line_up(gated);
    END IF;
    IF expiring IS NOT NULL THEN
        PERFORM workmill.note_expiry(expiring, lengths);
    END IF;
    IF spoilt IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM workmill.spoil(spoilt, fates, culprits, moment);
    RETURN workmill.follow_all(spoilt, workmill.spoil_behind(spoilt, moment), moment, true);
END $$;

-- Cancel jobs for a reason; answers what is to be told of that and of what followed.
CREATE FUNCTION workmill.cancel_for(ids text[], keeps bigint[], why text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    told jsonb;
    followed jsonb;
BEGIN
    SELECT
        jsonb_build_object(
            'queues', '[]'::jsonb, 'scheduled', false,
            'ids', coalesce(jsonb_agg(c.id) FILTER (WHERE c.id IS NOT NULL), '[]'),
            'asked', coalesce(jsonb_agg(c.id) FILTER (WHERE c.is_running), '[]')
        ),
        (jsonb_agg(c.followed) FILTER (WHERE c.followed IS NOT NULL)) -> 0
    INTO told, followed FROM workmill.cancel(ids, keeps, why, false) AS c;
    RETURN workmill.told(told, followed);
END $$;

-- Cancel the job whose place another takes, unless it has ended; answers for whose end that other must wait, and what is
-- to be told.
CREATE FUNCTION workmill.replace(
    holder bigint, further bigint, why text, OUT behind bigint[], OUT followed jsonb
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    j record;
BEGIN
    SELECT job.id, job.policy INTO j FROM workmill.job
    WHERE job.seq = holder AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = holder);
    IF FOUND THEN
        followed := workmill.cancel_for(ARRAY[j.id], ARRAY[workmill.keep_of(j.policy)], why);
    END IF;
    behind := ARRAY(
        SELECT b.seq FROM (
            SELECT held.seq, 0 AS place FROM workmill.held WHERE held.seq = holder
            UNION ALL
            SELECT bond.parent, bond.place FROM workmill.bond WHERE bond.seq = holder
            AND NOT EXISTS (SELECT 1 FROM workmill.held WHERE held.seq = holder)
            UNION ALL
            SELECT further, 2147483647 WHERE further IS NOT NULL
        ) AS b
        WHERE NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = b.seq) ORDER BY b.place
    );
END $$;

-- Store jobs, each of them looked at in its turn: is it known by its id or key, is there one like it, whom does it
-- follow? Answers by places who stands for whom (NULL: nobody, it was skipped), what was created, and what is to be told
-- beside. The first may be stored `behind` others.
CREATE FUNCTION workmill.store(
    drafts workmill.draft[], is_bounded boolean, behind bigint[], moment bigint,
    OUT seqs bigint[], OUT created boolean[], OUT followed jsonb
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    total integer := cardinality(drafts);
    alias jsonb;
    clash json;
    twins integer[];
    key_twins integer[];
    unique_twins integer[];
    numbers bigint[];
    pending workmill.draft[] := '{}';
    pending_seqs bigint[] := '{}';
    is_named boolean := false;
    d workmill.draft;
    met record;
    told jsonb;
BEGIN
    SELECT
        array_agg(coalesce(named.seq, keyed.seq) ORDER BY d.ordinality),
        coalesce(jsonb_object_agg(d.id, keyed.seq) FILTER (WHERE named.seq IS NULL AND keyed.seq IS NOT NULL), '{}'),
        (json_agg(json_build_object('error', 'key', 'id', keyed.id, 'task', d.task, 'key', d.key) ORDER BY d.ordinality)
            FILTER (WHERE named.seq IS NULL AND keyed.args <> d.args)) -> 0
    INTO seqs, alias, clash
    FROM unnest(drafts) WITH ORDINALITY AS d
    LEFT JOIN workmill.job AS named ON named.id = d.id
    LEFT JOIN workmill.key ON key.task = d.task AND key.key = d.key
    LEFT JOIN workmill.job AS keyed ON keyed.seq = key.seq;
    IF clash IS NOT NULL THEN
        PERFORM workmill.refuse(clash);
    END IF;
    -- Where a batch names an id, a key or a kind twice, the earlier is looked at first.
    SELECT
        array_agg(t.twin ORDER BY t.place), array_agg(t.key_twin ORDER BY t.place),
        array_agg(t.unique_twin ORDER BY t.place),
        array_agg(CASE WHEN t.seq IS NULL THEN nextval('workmill.job_seq_seq') END ORDER BY t.place)
    INTO twins, key_twins, unique_twins, numbers
    FROM (
        SELECT
            d.ordinality AS place, seqs[d.ordinality] AS seq,
            min(d.ordinality) OVER (PARTITION BY d.id) AS twin,
            CASE WHEN d.key IS NOT NULL THEN min(d.ordinality) OVER (PARTITION BY d.task, d.key) END AS key_twin,
            CASE WHEN d.unique_name IS NOT NULL
                THEN min(d.ordinality) OVER (PARTITION BY d.task, d.unique_name) END AS unique_twin
        FROM unnest(drafts) WITH ORDINALITY AS d ORDER BY d.ordinality
    ) AS t;
    -- In one order everywhere, so that no two callers wait for each other.
    INSERT INTO workmill.latest (task, name, seq)
    SELECT DISTINCT d.task, d.unique_name, 0 FROM unnest(drafts) WITH ORDINALITY AS d
    WHERE d.unique_name IS NOT NULL AND seqs[d.ordinality] IS NULL ORDER BY d.task, d.unique_name
    ON CONFLICT (task, name) DO UPDATE SET seq = latest.seq;
    created := array_fill(false, ARRAY[total]);
    FOR place IN 1..total + 1 LOOP
        IF place <= total THEN
            d := drafts[place];
            IF seqs[place] IS NULL AND twins[place] < place AND created[twins[place]] THEN
                seqs[place] := seqs[twins[place]];
            ELSIF seqs[place] IS NULL AND key_twins[place] < place AND created[key_twins[place]] THEN
                IF drafts[key_twins[place]].args <> d.args THEN
                    PERFORM workmill.refuse(json_build_object(
                        'error', 'key', 'id', drafts[key_twins[place]].id, 'task', d.task, 'key', d.key
                    ));
                END IF;
                seqs[place] := seqs[key_twins[place]];
                alias := alias || jsonb_build_object(d.id, seqs[place]);
                is_named := true;
            END IF;
            CONTINUE WHEN seqs[place] IS NOT NULL;
        END IF;
        -- What must be there before the next is looked at: as that may cancel it, be like it, or follow one in its place.
        IF cardinality(pending) > 0 AND (
            place > total OR is_named OR cardinality(behind) > 0 OR unique_twins[place] < place
            OR d.unique_name IS NOT NULL AND d.on_conflict = 'replace'
        ) THEN
            told := workmill.store_new(pending, pending_seqs, alias, behind, moment);
            -- Before anything is replaced: until then it may only become more.
            IF is_bounded AND EXISTS (SELECT 1 FROM workmill.rule WHERE rule.waiting IS NOT NULL) THEN
                PERFORM workmill.check_bounds(array_agg(DISTINCT job.lane)) FROM workmill.job
                WHERE job.seq = ANY (pending_seqs)
                AND NOT EXISTS (SELECT 1 FROM workmill.done WHERE done.seq = job.seq);
            END IF;
            followed := workmill.told(followed, told);
            pending := '{}';
            pending_seqs := '{}';
            behind := '{}';
            is_named := false;
        END IF;
        EXIT WHEN place > total;
        IF d.unique_name IS NOT NULL THEN
            SELECT * INTO met FROM workmill.meet(
                d.task, d.unique_name, d.unique_states, d.unique_within, d.on_conflict, numbers[place], d.id, moment
            );
            IF met.said IN ('return', 'skip') THEN
                seqs[place] := CASE WHEN met.said = 'return' THEN met.holder END;
                alias := alias || jsonb_build_object(d.id, met.holder);
                CONTINUE;
            ELSIF met.said = 'replace' THEN
                SELECT behind || r.behind, workmill.told(followed, r.followed) INTO behind, followed
                FROM workmill.replace(met.holder, met.behind, 'job ' || d.id || ' takes its place') AS r;
            END IF;
        END IF;
        pending := pending || d;
        pending_seqs := pending_seqs || numbers[place];
        seqs[place] := numbers[place];
        created[place] := true;
    END LOOP;
END $$;

-- Store jobs for a caller, all or none. The first row says what became of them: `stored`, and what is to be told beside;
-- `refused`, and why; `elsewhere`, where this is not the store that was meant; none at all where others stored or pruned
-- one of them just now, so that the caller asks again. Then come the jobs by places, and whether they were created.
--
-- Nothing here fails because of what is stored: that would undo all that the caller has done so far.
CREATE FUNCTION workmill.enqueue_ruled(request text) RETURNS TABLE (
    said text, detail text, created boolean, seq bigint, id text, task text, queue text, priority integer, state text,
    args text, policy text, key text, attempt integer, deaths integer, token integer, version integer, progress text,
    result text, failure text, worker text, engine integer, created_at bigint, run_at bigint, started_at bigint,
    finished_at bigint, expires_at bigint, cancel_requested_at bigint, cancel_reason text, cancel_forced boolean,
    retry_of text, ties text
) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    asked json := request;
    moment bigint := workmill.clock();
    stored record;
BEGIN
    IF workmill.store_name() <> asked ->> 'store' THEN
        said := 'elsewhere';
        RETURN NEXT;
        RETURN;
    END IF;
    BEGIN
        SELECT * INTO stored FROM workmill.store(
            ARRAY(SELECT d FROM json_populate_recordset(NULL::workmill.draft, asked -> 'jobs') AS d),
            true, '{}', moment
        );
    EXCEPTION
        WHEN SQLSTATE 'WM001' THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            said := 'refused';
            RETURN NEXT;
            RETURN;
        WHEN unique_violation THEN
            IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
                RAISE EXCEPTION 'others stored the same job after this transaction began; run it again'
                    USING ERRCODE = 'serialization_failure';
            END IF;
            RETURN;
    END;
    IF asked -> 'notices' IS NOT NULL THEN
        PERFORM workmill.tell(asked -> 'notices');
    END IF;
    IF stored.followed IS NOT NULL AND asked -> 'followed' IS NOT NULL THEN
        PERFORM workmill.tell(asked -> 'followed');
    END IF;
    said := 'stored';
    detail := stored.followed;
    RETURN NEXT;
    RETURN QUERY SELECT 'job', NULL, s.created, r.*
    FROM unnest(stored.seqs, stored.created) WITH ORDINALITY AS s (seq, created, place)
    JOIN workmill.job_row AS r ON r.seq = s.seq ORDER BY s.place;
END $$;
