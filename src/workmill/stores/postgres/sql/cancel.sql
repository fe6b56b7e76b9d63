-- :name cancel
SELECT id, is_running, followed FROM workmill.cancel(%s::text[], %s::bigint[], %s, %s);
