-- New jobs that are more than plain: bound to those that they follow, and written down.

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
        -- Whoever was waited for and has ended has done so by now.
        moment := workmill.clock();
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
