-- :name settle
SELECT * FROM workmill.settle(
    %s::bigint[], %s::text[], %s::integer[], %s::integer[], %s::integer[], %s::bigint[],
    %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s, %s, %s::text[], %s::text[], %s
);

-- :name report
SELECT place FROM workmill.report(%s::text[], %s::integer[], %s::text[]);
