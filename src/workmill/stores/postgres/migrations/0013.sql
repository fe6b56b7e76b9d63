-- Storing jobs that are more than plain: each of them is looked at in its turn.

-- Refuse what was asked: all that this call did is undone, and nothing else of the caller's transaction.
CREATE FUNCTION workmill.refuse(why json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused' USING ERRCODE = 'WM001', DETAIL = why::text;
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
            -- Whoever was seen to have ended has done so by now.
            moment := workmill.clock();
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
