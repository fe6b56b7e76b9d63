-- :name cancel
SELECT id, is_running FROM workmill.cancel(%s::text[], %s::bigint[], %s, %s);
