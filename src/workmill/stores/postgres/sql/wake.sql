-- :name ring
-- A lost notice only delays: whoever listens polls as well. So this need not wait for the disk.
SELECT set_config('synchronous_commit', 'off', true), pg_notify(told.channel, told.payload)
FROM unnest(%s::text[], %s::text[]) AS told (channel, payload);
