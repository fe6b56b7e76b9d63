-- How a claim takes where rules hold, and what becomes of jobs whose time is over or has come.

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
    locked_at bigint;
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
    locked_at := moment;
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
        moment := more.moment;
        has_rated := has_rated OR more.has_rated;
        EXIT WHEN cardinality(taken) >= wanted;
    END LOOP;
    -- They begin together, with the last.
    UPDATE workmill.held SET started_at = moment WHERE held.seq = ANY (taken) AND held.started_at < moment;
    IF FOUND THEN
        UPDATE workmill.start SET started_at = moment WHERE start.started_at > locked_at AND start.started_at < moment;
    END IF;
END $$;

-- Take from locked lanes of one priority.
CREATE FUNCTION workmill.take_equals(
    by_worker text, by_engine integer, from_lanes integer[], wanted integer, INOUT moment bigint, OUT taken bigint[],
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
        -- Whoever was seen to have left has done so by now: no attempt begins before the one that made room has ended.
        moment := workmill.clock();
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
        -- A gate that several pass shuts out all of them at once.
        UPDATE workmill.strand SET shut_name = gate.name, shut_key = gate.key, opens_at = gate.opens_at
        FROM (
            SELECT s.name, s.key, (
                SELECT at.opens_at FROM workmill.room_at('key', s.name, s.key, moment) AS at
            ) AS opens_at
            FROM unnest(pick.shut_names, pick.shut_keys) AS s (name, key)
            GROUP BY s.name, s.key HAVING count(*) > 1
        ) AS gate
        WHERE strand.lane = ANY (lanes) AND strand.shut_name IS NULL AND EXISTS (
            SELECT 1 FROM generate_series(1, cardinality(strand.gates) / 2) AS pair (number)
            WHERE strand.gates[2 * pair.number - 1] = gate.name AND strand.gates[2 * pair.number] = gate.key
        );
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
