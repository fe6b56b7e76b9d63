-- Adopt the store, or make it where there is none: it is the same as long as it has the same epoch.

redis.call("PUBLISH", ARGV[3], "") -- Now rather than at the end of a script, where a user may not do it.
local known = redis.call("HMGET", KEYS[1], "epoch", "schema", "changes")
if not known[1] then
  redis.call("HSET", KEYS[1], "epoch", ARGV[1], "schema", ARGV[2])
  return { ARGV[1], ARGV[2], "0" }
end
return { known[1], known[2], known[3] or "0" }
