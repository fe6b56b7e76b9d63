-- :name settings
SELECT
    current_setting('server_version'),
    current_setting('fsync') = 'on',
    current_setting('synchronous_commit'),
    current_setting('default_transaction_isolation'),
    -- In milliseconds; 0 stands for none.
    (SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'),
    (SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout'),
    current_setting('autovacuum') = 'on' AND current_setting('track_counts') = 'on',
    (SELECT sum(numbackends)::bigint FROM pg_stat_database),
    current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint;

-- :name holders
-- Who keeps dead rows from going, the oldest first: since how many seconds where that is known, else transactions.
SELECT
    'session', pid::text, usename::text, extract(epoch FROM clock_timestamp() - xact_start)::bigint AS seconds,
    0 AS transactions
FROM pg_stat_activity
WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_backend_pid()
AND datname = current_database() AND backend_type <> 'autovacuum worker'
UNION ALL
SELECT 'prepared', gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::bigint, 0
FROM pg_prepared_xacts WHERE database = current_database()
UNION ALL
SELECT 'slot', slot_name::text, '', 0, age(xmin) FROM pg_replication_slots WHERE xmin IS NOT NULL
UNION ALL
SELECT 'standby', application_name, usename::text, 0, age(backend_xmin)
FROM pg_stat_replication WHERE backend_xmin IS NOT NULL
ORDER BY seconds DESC NULLS LAST, transactions DESC;

-- :name hidden
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = '<insufficient privilege>';

-- :name tables
SELECT
    -- After a crash the server has forgotten what it counted.
    seen.relid::regclass::text, greatest(seen.n_live_tup, class.reltuples::bigint), seen.n_dead_tup,
    pg_relation_size(seen.relid),
    extract(epoch FROM clock_timestamp() - greatest(seen.last_vacuum, seen.last_autovacuum))::bigint,
    (
        SELECT option_value::boolean FROM pg_options_to_table(class.reloptions)
        WHERE option_name = 'autovacuum_enabled'
    ) IS NOT FALSE
FROM pg_stat_user_tables AS seen JOIN pg_class AS class ON class.oid = seen.relid
WHERE seen.schemaname = %s ORDER BY seen.n_dead_tup DESC, seen.relname;

-- :name session
SELECT pg_backend_pid();
