-- needs: meta
-- Note that somebody has seen the server to have lost something, in words, for whoever looks at its health.

redis.call("HSET", KEYS[1], "lost", ARGV[2], "lost_at", meta.now)
